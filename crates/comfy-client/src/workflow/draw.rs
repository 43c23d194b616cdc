//! A workflow as a drawing of text: from each output back to what it reads.

mod columns;

use std::collections::HashSet;

use serde_json::Value;

use super::check::{Held, held, inputs};
use super::{ObjectInfo, Workflow, set};
use columns::{cut, width_of};

/// Narrower than this nothing can be read.
const NARROWEST: usize = 40;
/// So many columns deeper stands what a node reads.
const STEP: usize = 3;
/// A longer text is cut, so that a prompt does not hide the graph.
const LONGEST_VALUE: usize = 60;

impl Workflow {
    /// The graph as text, with no line wider than `width` columns (but 40 at least): each output, below it what it reads,
    /// and so on back to what reads nothing. A node is drawn once; where it is read again, the line says where it stands.
    /// Nodes that no output needs come last. With a server's node classes it is known which nodes are outputs, and what
    /// the outputs are called.
    ///
    /// ```
    /// let workflow = comfy_client::Workflow::from_json(
    ///     r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "color": 0}},
    ///         "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}, "_meta": {"title": "Keep"}}}"#,
    /// )?;
    /// assert_eq!(workflow.draw(None, 80), "`2` Keep (SaveImage)\n└─ images ← `1` EmptyImage\n     width 64 · color 0\n");
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn draw(&self, info: Option<&ObjectInfo>, width: usize) -> String {
        let ends = self.ends(info);
        let needed = self.reached(ends.clone());
        let mut drawing = Drawing {
            workflow: self,
            info,
            width: width.max(NARROWEST),
            drawn: HashSet::new(),
            later: Vec::new(),
            text: String::new(),
        };
        for end in ends {
            drawing.tree(end);
        }
        let mut rest = self.nodes.keys().map(String::as_str).filter(|id| !needed.contains(id)).collect::<Vec<_>>();
        if !rest.is_empty() {
            drawing.line("", "Not needed by any output, and will not run:");
            // First those that nobody reads; what is left goes round in circles.
            let read: HashSet<&str> = rest.iter().flat_map(|id| self.sources(id)).collect();
            rest.sort_by_key(|id| read.contains(id));
            for id in rest {
                drawing.tree(id);
            }
        }
        drawing.text
    }
}

struct Drawing<'a> {
    workflow: &'a Workflow,
    info: Option<&'a ObjectInfo>,
    width: usize,
    drawn: HashSet<&'a str>,
    /// What stands too deep, and is drawn below as a tree of its own.
    later: Vec<&'a str>,
    text: String,
}

impl<'a> Drawing<'a> {
    /// The node with all that it reads, unless it is drawn already.
    fn tree(&mut self, id: &'a str) {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if self.drawn.contains(id) {
                continue;
            }
            let name = self.named(id);
            self.line("", &name);
            self.node(id, "");
            self.later.reverse();
            open.append(&mut self.later);
        }
    }

    /// What stands below a node's name: its values, then what it reads.
    fn node(&mut self, id: &'a str, indent: &str) {
        self.drawn.insert(id);
        let Some(node) = self.workflow.nodes.get(id) else { return };
        let is_link = |(_, value): &(&str, &Value)| !matches!(held(value), Held::Value(_));
        let links: Vec<(&str, &'a Value)> = inputs(node).filter(is_link).collect();
        let values = inputs(node).filter_map(|(name, value)| match held(value) {
            Held::Value(value) => Some(format!("{} {}", plain(name), self.value(value))),
            _ => None,
        });
        let bar = if links.is_empty() { "  " } else { "│ " };
        self.wrapped(&format!("{indent}{bar}"), values.collect());
        let last = links.len().saturating_sub(1);
        for (nth, (input, value)) in links.into_iter().enumerate() {
            let (branch, below) = if nth == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let (branch, below) = (format!("{indent}{branch}"), format!("{indent}{below}"));
            match held(value) {
                Held::Link(from, slot) => self.link(&branch, &below, input, from, slot),
                _ => self.line(&branch, &format!("{} ✗ {}, which is no link", plain(input), self.value(value))),
            }
        }
    }

    fn link(&mut self, branch: &str, below: &str, input: &str, from: &'a str, slot: u64) {
        let input = plain(input);
        let Some(node) = self.workflow.nodes.get(from) else {
            return self.line(branch, &format!("{input} ✗ node `{}`, which is not there", plain(from)));
        };
        let name = self.named(from);
        let output = self.output(node, slot);
        if self.drawn.contains(from) {
            return self.read(branch, &input, &name, &format!("{output}, above"));
        }
        if width_of(below) + STEP > self.width / 2 {
            self.later.push(from);
            return self.read(branch, &input, &name, &format!("{output}, below"));
        }
        self.read(branch, &input, &name, &output);
        self.node(from, below);
    }

    /// A link's line, of which the name of the node gives way.
    fn read(&mut self, branch: &str, input: &str, name: &str, output: &str) {
        let room = self.width.saturating_sub(width_of(branch) + width_of(input) + width_of(output) + 3);
        self.line(branch, &format!("{input} ← {}{output}", cut(name, room)));
    }

    /// Which of its outputs, where it has more than one.
    fn output(&self, node: &Value, slot: u64) -> String {
        let class = self.info.zip(set::class(node)).and_then(|(info, class)| info.class(class));
        let outputs = class.map(|class| class.outputs.as_slice());
        let name =
            usize::try_from(slot).ok().zip(outputs).and_then(|(slot, outputs)| outputs.get(slot)).map(|one| plain(&one.name));
        match (name, outputs.map(<[_]>::len)) {
            (Some(name), Some(many)) if many > 1 => format!(" · {name}"),
            (Some(_), _) => String::new(),
            (None, None) if slot == 0 => String::new(),
            (None, None) => format!(" · output {slot}"),
            (None, Some(_)) => format!(" · ✗ output {slot}, which it does not have"),
        }
    }

    fn named(&self, id: &str) -> String {
        self.workflow.nodes.get(id).map_or_else(String::new, |node| plain(&set::label(id, node)))
    }

    fn value(&self, value: &Value) -> String {
        cut(&plain(&value.to_string()), LONGEST_VALUE.min(self.width / 2))
    }

    /// The parts, as many on a line as it holds.
    fn wrapped(&mut self, indent: &str, parts: Vec<String>) {
        let mut line = String::new();
        for part in parts {
            let gap = if line.is_empty() { "" } else { " · " };
            if !line.is_empty() && width_of(indent) + STEP + width_of(&line) + width_of(gap) + width_of(&part) > self.width {
                self.line(indent, &std::mem::replace(&mut line, part));
            } else {
                line.push_str(gap);
                line.push_str(&part);
            }
        }
        if !line.is_empty() {
            self.line(indent, &line);
        }
    }

    fn line(&mut self, before: &str, text: &str) {
        let room = self.width.saturating_sub(width_of(before)).max(1);
        self.text.push_str(before);
        self.text.push_str(&cut(text, room));
        self.text.push('\n');
    }
}

/// The text without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if columns::is_shown(letter) { letter.to_string() } else { letter.escape_unicode().to_string() })
        .collect()
}

#[cfg(test)]
mod tests;
