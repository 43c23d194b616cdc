//! How far each node of a running prompt is, as `progress_state` tells it.

use serde_json::{Value, json};

use crate::events::Progress;

/// The nodes that have started, in the order of their start.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Progress>);

impl Table {
    /// A node starts: in floats, as ComfyUI counts until a node counts by itself.
    pub(super) fn start(&mut self, id: &str) {
        self.set(id, "running", json!(0.0), json!(1.0));
    }

    /// A node has done `value` of `max`.
    pub(super) fn step(&mut self, id: &str, value: u64, max: u64) {
        self.set(id, "running", json!(value), json!(max));
    }

    /// A node is done: what it counted to stays.
    pub(super) fn finish(&mut self, id: &str) {
        let max = self.0.iter().find(|node| node.node == id).map_or_else(|| json!(1), |node| node.max.clone());
        self.set(id, "finished", max.clone(), max);
    }

    pub(super) fn nodes(&self) -> Vec<Progress> {
        self.0.clone()
    }

    fn set(&mut self, id: &str, state: &'static str, value: Value, max: Value) {
        let now = Progress { node: id.to_owned(), value, max, state };
        match self.0.iter_mut().find(|node| node.node == id) {
            Some(node) => *node = now,
            None => self.0.push(now),
        }
    }
}
