//! What earlier prompts left behind: the outputs of nodes, by everything that went into them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::folders::Folders;
use crate::graph::{self, inputs, link};
use crate::nodes::{Registry, Slot};
use crate::py::json::dumps;

/// The cache of the worker. It holds what the last prompt used, and nothing else.
#[derive(Debug, Default)]
pub(super) struct Cache {
    keys: HashMap<String, Key>,
    slots: HashMap<Key, Outputs>,
    /// What was shown, and by which node: under another id a node still shows it under the first one.
    shown: HashMap<Key, (String, Value)>,
    /// What node objects remember, by node id and class.
    instances: HashMap<(String, String), String>,
    unique: u64,
}

/// What a node gave: for each output slot the values of all its calls.
pub(super) type Outputs = Vec<Vec<Slot>>;

/// A digest of a node's class, inputs and ancestors.
type Key = [u8; 32];

impl Cache {
    /// Turns to a new prompt: works out its keys and forgets what it does not use. Nodes whose class looks at files
    /// get an `is_changed` entry in the prompt, which then goes into saved pictures, as in ComfyUI.
    pub(super) fn turn_to(&mut self, registry: Registry, folders: &Folders, shared: &mut Arc<Map<String, Value>>) {
        let prompt = shared.clone();
        let ids: Vec<String> = prompt.keys().cloned().collect();
        let mut unknowable = HashSet::new();
        for id in &ids {
            let watching = graph::node(registry, &prompt, id).filter(|node| node.watches());
            let Some(node) = watching.filter(|_| prompt[id].get("is_changed").is_none()) else {
                continue;
            };
            let none = Map::new();
            match node.fingerprint(folders, inputs(&prompt, id).unwrap_or(&none)) {
                Ok(seen) => Arc::make_mut(shared)[id]["is_changed"] = seen,
                Err(_) => {
                    unknowable.insert(id.clone());
                }
            }
        }
        let prompt = shared.as_ref();
        let signatures = Signatures::new(registry, prompt, &unknowable);
        self.keys = ids
            .into_iter()
            .enumerate()
            .map(|(at, id)| {
                let key = signatures.key(at).unwrap_or_else(|| {
                    self.unique += 1;
                    Sha256::digest(self.unique.to_be_bytes()).into()
                });
                (id, key)
            })
            .collect();
        let used: HashSet<&Key> = self.keys.values().collect();
        self.slots.retain(|key, _| used.contains(key));
        self.shown.retain(|key, _| used.contains(key));
        self.instances.retain(|(id, class), _| graph::class(prompt, id) == class);
    }

    pub(super) fn slots(&self, id: &str) -> Option<&Outputs> {
        self.slots.get(self.keys.get(id)?)
    }

    pub(super) fn shown(&self, id: &str) -> Option<&(String, Value)> {
        self.shown.get(self.keys.get(id)?)
    }

    pub(super) fn keep(&mut self, id: &str, slots: Outputs) {
        if let Some(key) = self.keys.get(id) {
            self.slots.insert(*key, slots);
        }
    }

    pub(super) fn keep_shown(&mut self, id: &str, shown: Value) {
        if let Some(key) = self.keys.get(id) {
            self.shown.insert(*key, (id.to_owned(), shown));
        }
    }

    pub(super) fn instance(&mut self, id: &str, class: &str, make: impl FnOnce() -> String) -> String {
        self.instances.entry((id.to_owned(), class.to_owned())).or_insert_with(make).clone()
    }
}

/// What keys are made of, looked up once: nodes are numbered in the order of the prompt.
struct Signatures {
    /// A digest of the node alone: class, what it watches, its literals, the names and slots of its links. `None` if
    /// some of that cannot be known.
    own: Vec<Option<Key>>,
    /// The nodes it is linked to, by the names of the inputs; `None` for a node that is not in the prompt.
    sources: Vec<Vec<Option<usize>>>,
}

impl Signatures {
    fn new(registry: Registry, prompt: &Map<String, Value>, unknowable: &HashSet<String>) -> Self {
        let numbers: HashMap<&str, usize> = prompt.keys().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
        let mut out = Self { own: Vec::new(), sources: Vec::new() };
        for (id, node) in prompt {
            let mut given: Vec<_> = inputs(prompt, id).into_iter().flatten().collect();
            given.sort_by_key(|(name, _)| *name);
            let links = given.iter().filter_map(|(_, value)| link(value));
            out.sources.push(links.map(|(from, _)| numbers.get(from).copied()).collect());
            let class = graph::node(registry, prompt, id).filter(|_| !unknowable.contains(id));
            out.own.push(class.map(|class| {
                let changed = if class.watches() { node["is_changed"].clone() } else { Value::Bool(false) };
                // Of a link the slot counts, and that it is one.
                let given = given.iter().map(|(name, value)| match link(value) {
                    Some((_, slot)) => (name, true, slot),
                    None => (name, false, *value),
                });
                let own_id = class.knows_its_id().then_some(id);
                Sha256::digest(dumps(&(class.class(), changed, own_id, given.collect::<Vec<_>>()))).into()
            }));
        }
        out
    }

    /// The key of a node: its own digest and those of all that it depends on, in an order that the links alone decide,
    /// not the node ids. Without recursion: a prompt may hold a chain that validation never walked.
    fn key(&self, at: usize) -> Option<Key> {
        let mut order = vec![at];
        let mut places: Vec<Option<u64>> = vec![None; self.own.len()];
        let mut stack = vec![self.sources[at].iter()];
        let mut count = 0;
        while let Some(left) = stack.last_mut() {
            let Some(from) = left.next() else {
                stack.pop();
                continue;
            };
            let from = (*from)?;
            if places[from].is_none() {
                places[from] = Some(count);
                count += 1;
                order.push(from);
                stack.push(self.sources[from].iter());
            }
        }
        let mut digest = Sha256::new();
        for node in order {
            digest.update(self.own[node]?);
            for from in self.sources[node].iter().flatten() {
                digest.update(places[*from].unwrap_or_default().to_be_bytes());
            }
        }
        Some(digest.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn turned(cache: &mut Cache, mut prompt: Value) {
        let dir = tempfile::tempdir().expect("a folder");
        let folders = Folders::make(dir.path()).expect("folders");
        let mut prompt = Arc::new(prompt.as_object_mut().map(std::mem::take).expect("a prompt"));
        cache.turn_to(Registry::all(), &folders, &mut prompt);
    }

    fn invert(from: &str) -> Value {
        json!({"class_type": "ImageInvert", "inputs": {"image": [from, 0]}})
    }

    fn empty_image(color: u32) -> Value {
        json!({"class_type": "EmptyImage", "inputs": {"color": color}})
    }

    #[test]
    fn what_a_node_leaves_is_found_under_another_id_but_not_after_a_change_upstream() {
        let mut cache = Cache::default();
        turned(&mut cache, json!({"1": empty_image(1), "2": invert("1")}));
        cache.keep("2", vec![]);
        turned(&mut cache, json!({"a": empty_image(1), "b": invert("a")}));
        assert!(cache.slots("b").is_some() && cache.slots("a").is_none());
        turned(&mut cache, json!({"a": empty_image(2), "b": invert("a")}));
        assert!(cache.slots("b").is_none());
        turned(&mut cache, json!({"a": empty_image(1), "b": invert("a")}));
        assert!(cache.slots("b").is_none(), "only what the last prompt used is kept");
    }

    #[test]
    fn a_missing_file_is_never_cached_and_a_cycle_or_a_long_chain_does_no_harm() {
        let mut cache = Cache::default();
        let load = json!({"1": {"class_type": "LoadImage", "inputs": {"image": "absent.png"}}});
        turned(&mut cache, load.clone());
        cache.keep("1", vec![]);
        assert!(cache.slots("1").is_some(), "within its own run it is found");
        turned(&mut cache, load);
        assert!(cache.slots("1").is_none());
        let mut chain = json!({"0": invert("2999")});
        for n in 1..3000 {
            chain[n.to_string()] = invert(&(n - 1).to_string());
        }
        turned(&mut cache, chain);
    }
}
