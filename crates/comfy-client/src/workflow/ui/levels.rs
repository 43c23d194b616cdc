//! The graph with its subgraphs opened: each use of a subgraph is a level of its own.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::super::invalid;
use crate::error::Error;

/// What no editor would open; subgraphs within subgraphs grow fast.
const MOST_NODES: usize = 100_000;

/// The ends of a subgraph's own links that lie outside: its inputs and its outputs.
pub(super) const INPUTS: &str = "-10";
pub(super) const OUTPUTS: &str = "-20";

/// Where a link begins.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) node: String,
    pub(super) slot: usize,
}

/// The graph itself, or one use of a subgraph.
pub(super) struct Level<'a> {
    /// What stands before the ids of its nodes: `55:` in the subgraph that node 55 uses.
    pub(super) prefix: String,
    /// The level that uses it, and the node there.
    pub(super) parent: Option<(usize, &'a Value)>,
    pub(super) nodes: Vec<(String, &'a Value)>,
    by_id: HashMap<String, &'a Value>,
    links: HashMap<String, Origin>,
    /// The names of the subgraph's inputs, and whether one is shown as a widget on the node that uses it.
    inputs: Vec<(&'a str, bool)>,
    /// What leads to each output of the subgraph.
    outputs: HashMap<usize, String>,
    /// The levels that its nodes open.
    children: HashMap<String, usize>,
}

impl<'a> Level<'a> {
    fn new(graph: &'a Value, prefix: String, parent: Option<(usize, &'a Value)>) -> Self {
        let list = |key: &str| graph.get(key).and_then(Value::as_array).into_iter().flatten();
        let nodes: Vec<_> = list("nodes").filter_map(|node| Some((id(node.get("id")?)?, node))).collect();
        let by_id: HashMap<_, _> = nodes.iter().cloned().collect();
        let mut inputs: Vec<_> = list("inputs").map(|input| (name(input), false)).collect();
        let (mut links, mut outputs) = (HashMap::new(), HashMap::new());
        for link in list("links") {
            let part = |place: usize, key: &str| link.get(place).or_else(|| link.get(key));
            let slot = |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|slot| usize::try_from(slot).ok());
            let Some(own) = part(0, "id").and_then(id) else { continue };
            let target = part(3, "target_id").and_then(id).zip(slot(part(4, "target_slot")));
            if let (Some(node), Some(slot)) = (part(1, "origin_id").and_then(id), slot(part(2, "origin_slot"))) {
                if let (INPUTS, Some((_, shown)), Some((reader, place))) = (node.as_str(), inputs.get_mut(slot), &target) {
                    let reader = by_id.get(reader).and_then(|reader| slots(reader, "inputs").get(*place));
                    *shown |= reader.is_some_and(is_widget);
                }
                links.insert(own.clone(), Origin { node, slot });
            }
            if let Some((_, slot)) = target.filter(|(node, _)| node == OUTPUTS) {
                outputs.insert(slot, own);
            }
        }
        Self { prefix, parent, nodes, by_id, links, inputs, outputs, children: HashMap::new() }
    }

    pub(super) fn node(&self, id: &str) -> Option<&'a Value> {
        self.by_id.get(id).copied()
    }

    pub(super) fn link(&self, id: &str) -> Option<&Origin> {
        self.links.get(id)
    }

    /// The name of the subgraph's input of that place.
    pub(super) fn input(&self, slot: usize) -> Option<&'a str> {
        self.inputs.get(slot).map(|(name, _)| *name)
    }

    /// Which of the widgets of the node that uses the subgraph stands for the input of that name.
    pub(super) fn widget(&self, name: &str) -> Option<usize> {
        self.inputs.iter().filter(|(_, shown)| *shown).position(|(input, _)| *input == name)
    }

    pub(super) fn output(&self, slot: usize) -> Option<&String> {
        self.outputs.get(&slot)
    }

    pub(super) fn child(&self, id: &str) -> Option<usize> {
        self.children.get(id).copied()
    }
}

/// Every level, the graph itself first.
pub(super) fn open<'a>(root: &'a Value) -> Result<Vec<Level<'a>>, Error> {
    let definitions: HashMap<&str, &'a Value> = root
        .get("definitions")
        .and_then(|definitions| definitions.get("subgraphs")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(|graph| Some((graph.get("id")?.as_str()?, graph)))
        .collect();
    let mut levels = vec![Level::new(root, String::new(), None)];
    let (mut at, mut count) = (0, levels[0].nodes.len());
    while at < levels.len() {
        for (id, node) in levels[at].nodes.clone() {
            let Some(graph) = definitions.get(kind(node)) else { continue };
            let level = Level::new(graph, format!("{}{id}:", levels[at].prefix), Some((at, node)));
            count += level.nodes.len();
            if count > MOST_NODES || uses_itself(&levels, at, node) {
                return Err(invalid(format!(
                    "node `{}{id}` uses a subgraph that uses itself, or far too many nodes",
                    levels[at].prefix
                )));
            }
            let child = levels.len();
            levels[at].children.insert(id, child);
            levels.push(level);
        }
        at += 1;
    }
    Ok(levels)
}

fn uses_itself(levels: &[Level<'_>], at: usize, node: &Value) -> bool {
    let mut above = levels[at].parent;
    while let Some((level, user)) = above {
        if kind(user) == kind(node) {
            return true;
        }
        above = levels[level].parent;
    }
    false
}

pub(super) fn kind(node: &Value) -> &str {
    node.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// An id, which is a number or a string.
pub(super) fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

pub(super) fn slots<'a>(node: &'a Value, key: &str) -> &'a [Value] {
    node.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn name(slot: &Value) -> &str {
    slot.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn is_widget(slot: &Value) -> bool {
    slot.get("widget").is_some_and(|widget| !widget.is_null())
}

/// Values by name, where a node keeps them so.
pub(super) fn named_values(node: &Value) -> Option<&Map<String, Value>> {
    node.get("widgets_values")?.as_object()
}
