//! The graph itself: do its links lead somewhere, and does every node lead to an output?

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::problem::{Problem, ProblemKind, in_order};
use super::{ObjectInfo, Workflow, set};

/// What an input holds.
pub(super) enum Held<'a> {
    Value(&'a Value),
    Link(&'a str, u64),
    /// A list that is no link, though the server takes every list for one.
    BadLink,
}

pub(super) fn held(value: &Value) -> Held<'_> {
    match value {
        Value::Array(list) => match list.as_slice() {
            [Value::String(node), slot] if slot.is_u64() => Held::Link(node, slot.as_u64().unwrap_or_default()),
            _ => Held::BadLink,
        },
        // So a list is written that is no link.
        Value::Object(object) => Held::Value(object.get("__value__").unwrap_or(value)),
        value => Held::Value(value),
    }
}

pub(super) fn inputs(node: &Value) -> impl Iterator<Item = (&str, &Value)> {
    node.get("inputs").and_then(Value::as_object).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

impl Workflow {
    /// What is wrong with the graph, as far as it can be told without a server: broken and dangling links, nodes that
    /// wait for each other, and nodes that lead to no end. The problems stand in the order of the nodes.
    ///
    /// ```
    /// let workflow = comfy_client::Workflow::from_json(
    ///     r#"{"2": {"class_type": "SaveImage", "inputs": {"images": ["9", 0]}}}"#,
    /// )?;
    /// assert_eq!(workflow.check()[0].to_string(), "node `2` SaveImage, input `images`: linked to node `9`, which is not there");
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.graph_problems(None);
        in_order(self, &mut problems);
        problems
    }

    pub(super) fn graph_problems(&self, info: Option<&ObjectInfo>) -> Vec<Problem> {
        let mut problems = self.link_problems(info);
        problems.extend(self.cycle());
        let ends = self.ends(info);
        if ends.is_empty() {
            problems.push(Problem::new(ProblemKind::NoOutput, "the workflow has no output node: nothing of it would run"));
            return problems;
        }
        let reached = self.reached(ends);
        problems.extend(self.nodes.iter().filter(|(id, _)| !reached.contains(id.as_str())).map(|(id, node)| {
            Problem::new(ProblemKind::Unreachable, "no output needs it: it will not run").at(id, node).warning()
        }));
        problems
    }

    fn link_problems(&self, info: Option<&ObjectInfo>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (id, node) in &self.nodes {
            let class = info.and_then(|info| info.class(set::class(node)?));
            for (input, value) in inputs(node) {
                let problem = match held(value) {
                    Held::Link(from, _) if !self.nodes.contains_key(from) => {
                        let detail = format!("linked to node `{from}`, which is not there");
                        Problem::new(ProblemKind::DanglingLink, detail)
                    }
                    // What the class does not know, the server does not read.
                    Held::BadLink if class.is_none_or(|class| class.input(input).is_some()) => {
                        Problem::new(ProblemKind::BadLink, "a list that is no link: a link is `[\"ID\", SLOT]`")
                    }
                    _ => continue,
                };
                problems.push(problem.at(id, node).input(input));
            }
        }
        problems
    }

    /// The nodes that this one reads, those that are there.
    pub(super) fn sources<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a str> {
        self.nodes.get(id).into_iter().flat_map(inputs).filter_map(|(_, value)| match held(value) {
            Held::Link(from, _) if self.nodes.contains_key(from) => Some(from),
            _ => None,
        })
    }

    /// The nodes where the graph ends. Without a server's word: those that read others and are read by none; if there
    /// are none, those that are read by none.
    pub(super) fn ends(&self, info: Option<&ObjectInfo>) -> Vec<&str> {
        if let Some(info) = info {
            // A class that the server does not have may have been an output: what is said of it is that it is missing.
            let may_end =
                |node: &Value| set::class(node).and_then(|class| info.class(class)).is_none_or(|class| class.output_node);
            return self.nodes.iter().filter(|(_, node)| may_end(node)).map(|(id, _)| id.as_str()).collect();
        }
        let read: HashSet<&str> = self.nodes.keys().flat_map(|id| self.sources(id)).collect();
        let unread: Vec<&str> = self.nodes.keys().map(String::as_str).filter(|id| !read.contains(id)).collect();
        let ends: Vec<&str> = unread.iter().copied().filter(|id| self.sources(id).next().is_some()).collect();
        if ends.is_empty() { unread } else { ends }
    }

    pub(super) fn reached<'a>(&'a self, ends: Vec<&'a str>) -> HashSet<&'a str> {
        let mut reached: HashSet<&str> = ends.iter().copied().collect();
        let mut open = ends;
        while let Some(id) = open.pop() {
            open.extend(self.sources(id).filter(|from| reached.insert(from)));
        }
        reached
    }

    /// The nodes that some output needs.
    pub(super) fn needed(&self, info: &ObjectInfo) -> HashSet<&str> {
        self.reached(self.ends(Some(info)))
    }

    /// One cycle, if there is any. A walk without recursion: a graph may be deeper than the stack.
    fn cycle(&self) -> Option<Problem> {
        let mut done: HashMap<&str, bool> = HashMap::new();
        for start in self.nodes.keys() {
            let mut path = Vec::new();
            if done.contains_key(start.as_str()) {
                continue;
            }
            done.insert(start, false);
            path.push((start.as_str(), self.sources(start)));
            while let Some((id, sources)) = path.last_mut() {
                match sources.next() {
                    None => {
                        done.insert(id, true);
                        path.pop();
                    }
                    Some(next) => match done.get(next) {
                        Some(true) => {}
                        Some(false) => {
                            let from = path.iter().position(|(id, _)| *id == next).unwrap_or_default();
                            let round = path[from..].iter().map(|(id, _)| *id).chain([next]).map(|id| format!("`{id}`"));
                            let detail = format!("waits for itself: {}", round.collect::<Vec<_>>().join(" reads "));
                            return Some(Problem::new(ProblemKind::Cycle, detail).at(next, &self.nodes[next]));
                        }
                        None => {
                            done.insert(next, false);
                            path.push((next, self.sources(next)));
                        }
                    },
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, json};

    fn graph(links: &[(&str, &[&str])]) -> Workflow {
        let nodes: Map<String, Value> = links
            .iter()
            .map(|(id, from)| {
                let inputs: Map<String, Value> =
                    from.iter().enumerate().map(|(nth, from)| (format!("in{nth}"), json!([from, 0]))).collect();
                ((*id).to_owned(), json!({"class_type": "X", "inputs": inputs}))
            })
            .collect();
        Workflow::from_value(nodes.into()).unwrap()
    }

    fn said(workflow: &Workflow) -> String {
        workflow.check().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_sound_graph_has_no_problems() {
        assert_eq!(said(&graph(&[("1", &[]), ("2", &["1"]), ("3", &["1", "2"])])), "");
        assert_eq!(said(&graph(&[("1", &[])])), "");
    }

    #[test]
    fn each_fault_is_named_in_the_order_of_the_nodes() {
        let mut workflow = graph(&[("5", &["9"]), ("6", &["7"]), ("7", &["6"]), ("8", &[]), ("1", &["5"])]);
        workflow.nodes["1"]["inputs"]["list"] = json!([1, 2, 3]);
        workflow.nodes["1"]["_meta"] = json!({"title": "Last"});
        insta::assert_snapshot!(said(&workflow), @r#"
        node `5` X, input `in0`: linked to node `9`, which is not there
        node `6` X: waits for itself: `6` reads `7` reads `6`
        node `6` X: no output needs it: it will not run
        node `7` X: no output needs it: it will not run
        node `8` X: no output needs it: it will not run
        node `1` Last (X), input `list`: a list that is no link: a link is `["ID", SLOT]`
        "#);
        insta::assert_snapshot!(said(&graph(&[("1", &["1"])])), @"
        the workflow has no output node: nothing of it would run
        node `1` X: waits for itself: `1` reads `1`
        ");
    }

    #[test]
    fn a_very_deep_graph_is_walked() {
        let ids: Vec<String> = (0..20_000).map(|nth| nth.to_string()).collect();
        let links: Vec<(&str, Vec<&str>)> =
            (0..ids.len()).map(|nth| (ids[nth].as_str(), ids.get(nth + 1).map(String::as_str).into_iter().collect())).collect();
        let links: Vec<(&str, &[&str])> = links.iter().map(|(id, from)| (*id, from.as_slice())).collect();
        assert!(graph(&links).check().is_empty());
    }

    proptest! {
        /// Links that only lead back make no cycle; one more that leads forward along a path makes one.
        #[test]
        fn a_cycle_is_found_exactly_where_there_is_one(back in prop::collection::vec(0usize..1000, 1..30)) {
            let mut workflow = graph(&[("0", &[])]);
            for (nth, from) in back.iter().enumerate() {
                let from = (from % (nth + 1)).to_string();
                workflow.nodes.insert((nth + 1).to_string(), json!({"class_type": "X", "inputs": {"a": [from, 0]}}));
            }
            let is_cycle = |problem: &Problem| problem.kind == ProblemKind::Cycle;
            prop_assert!(!workflow.check().iter().any(is_cycle));
            workflow.nodes["0"]["inputs"]["b"] = json!([back.len().to_string(), 0]);
            prop_assert!(workflow.check().iter().any(is_cycle));
        }
    }
}
