//! Which node runs next: ComfyUI's order, which puts nodes that show something first.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::graph::{inputs, link};

/// The nodes that still have to run, and who waits for whom.
#[derive(Debug, Default)]
pub(super) struct Order {
    pending: Vec<String>,
    known: HashSet<String>,
    /// How many nodes each one waits for.
    blocked: HashMap<String, usize>,
    /// The nodes that wait for each one.
    blocking: HashMap<String, Vec<String>>,
}

impl Order {
    /// Adds a node and what it needs, except what the cache has and what `lazy` says of a node's input.
    pub(super) fn add(
        &mut self,
        prompt: &Map<String, Value>,
        id: &str,
        cached: impl Fn(&str) -> bool,
        lazy: impl Fn(&str, &str) -> bool,
    ) {
        let mut stack = vec![id.to_owned()];
        let mut links = Vec::new();
        while let Some(id) = stack.pop() {
            if !self.known.insert(id.clone()) {
                continue;
            }
            self.blocked.insert(id.clone(), 0);
            for (name, value) in inputs(prompt, &id).into_iter().flatten() {
                let Some((from, _)) = link(value) else { continue };
                if prompt.contains_key(from) && !cached(from) && !lazy(&id, name) {
                    stack.push(from.to_owned());
                    links.push((from.to_owned(), id.clone()));
                }
            }
            self.pending.push(id);
        }
        for (from, to) in links {
            self.wait(from, to);
        }
    }

    /// Makes one node wait for another.
    pub(super) fn wait(&mut self, from: String, to: String) {
        let waiting = self.blocking.entry(from).or_default();
        if !waiting.contains(&to) {
            *self.blocked.entry(to.clone()).or_default() += 1;
            waiting.push(to);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The next node, or the first of those that wait for each other.
    pub(super) fn next(&self, is_output: impl Fn(&str) -> bool) -> Result<&str, &str> {
        let waiting = |id: &str| self.blocking.get(id).map(Vec::as_slice).unwrap_or_default();
        let ready: Vec<&str> = self.pending.iter().map(String::as_str).filter(|id| self.blocked.get(*id) == Some(&0)).collect();
        let near = |id: &str| waiting(id).iter().any(|next| is_output(next));
        let close = |id: &str| waiting(id).iter().any(|next| near(next));
        let find = |test: &dyn Fn(&str) -> bool| ready.iter().copied().find(|id| test(id));
        find(&is_output)
            .or_else(|| find(&near))
            .or_else(|| find(&close))
            .or_else(|| ready.first().copied())
            .ok_or_else(|| self.pending.first().map_or("", String::as_str))
    }

    /// Takes a node off, so that those that wait for it may run.
    pub(super) fn done(&mut self, id: &str) {
        self.pending.retain(|pending| pending != id);
        self.known.remove(id);
        for waiting in self.blocking.remove(id).unwrap_or_default() {
            if let Some(count) = self.blocked.get_mut(&waiting) {
                *count -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(prompt: &Value, outputs: &[&str]) -> Vec<String> {
        let prompt = prompt.as_object().expect("a prompt");
        let mut order = Order::default();
        for id in outputs {
            order.add(prompt, id, |_| false, |_, _| false);
        }
        let mut out = Vec::new();
        while !order.is_empty() {
            let id = order.next(|id| outputs.contains(&id)).expect("no cycle").to_owned();
            order.done(&id);
            out.push(id);
        }
        out
    }

    #[test]
    fn nodes_that_show_something_come_as_early_as_they_can() {
        let prompt = json!({
            "1": {"inputs": {}},
            "2": {"inputs": {"image": ["1", 0]}},
            "3": {"inputs": {"image": ["2", 0]}},
            "4": {"inputs": {"image": ["1", 0]}},
        });
        assert_eq!(run(&prompt, &["3", "4"]), ["1", "4", "2", "3"]);
        assert_eq!(run(&prompt, &["3"]), ["1", "2", "3"]);
    }

    #[test]
    fn a_cycle_has_no_next_node() {
        let prompt = json!({"1": {"inputs": {"a": ["2", 0]}}, "2": {"inputs": {"a": ["1", 0]}}});
        let mut order = Order::default();
        order.add(prompt.as_object().expect("a prompt"), "1", |_| false, |_, _| false);
        assert_eq!(order.next(|_| false), Err("1"));
    }
}
