//! From UI format to API format, as the editor does it when a workflow is queued.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::super::{DataType, EXPORT, InputInfo, ObjectInfo, Workflow, invalid};
use super::levels::{INPUTS, Level, id, kind, name, open, slots};
use super::{UiWorkflow, widgets};
use crate::error::Error;
use crate::nearest;

const MUTED: u64 = 2;
const BYPASSED: u64 = 4;

impl UiWorkflow {
    /// The workflow in API format, with this one as its UI form, for a server with these node classes, which say what the values of the widgets are
    /// called.
    ///
    /// Notes, reroutes, primitives, and Get and Set nodes are resolved; muted nodes are left out, bypassed ones are
    /// passed by; subgraphs are opened, and their nodes get ids like `55:12`. Texts stay as they are written: what the
    /// editor draws from `{one|another}` at each run is not drawn.
    ///
    /// # Errors
    /// [`InvalidWorkflow`](crate::ErrorKind::InvalidWorkflow), naming the node: for a class that the server does not
    /// have, an input whose parts depend on its value (a dynamic combo), a Get node without its Set node, links that go
    /// round, and a subgraph that uses itself.
    ///
    /// ```
    /// use comfy_client::{ObjectInfo, UiWorkflow};
    ///
    /// let info = ObjectInfo::from_json(r#"{"KSampler": {"input": {"required": {
    ///     "seed": ["INT", {"control_after_generate": true}], "steps": ["INT", {}]}}, "output": ["LATENT"]}}"#)?;
    /// let ui = UiWorkflow::from_json(
    ///     r#"{"nodes": [{"id": 3, "type": "KSampler", "widgets_values": [42, "randomize", 20]}], "links": []}"#,
    /// )?;
    /// let workflow = ui.to_api(&info)?;
    /// assert_eq!(workflow.nodes()["3"]["inputs"].to_string(), r#"{"seed":42,"steps":20}"#);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    pub fn to_api(&self, info: &ObjectInfo) -> Result<Workflow, Error> {
        let root = self.to_value();
        let graph = Opened { levels: open(&root)?, linked: widgets::linked_types(info), info };
        let mut nodes = Map::new();
        for (at, level) in graph.levels.iter().enumerate() {
            if graph.is_off(at) {
                continue;
            }
            for (id, node) in &level.nodes {
                if mode(node) == MUTED || mode(node) == BYPASSED || is_virtual(kind(node)) || level.child(id).is_some() {
                    continue;
                }
                nodes.insert(format!("{}{id}", level.prefix), graph.node(at, id, node)?);
            }
        }
        Ok(Workflow::from_value(nodes.into())?.with_ui(self.clone()))
    }
}

struct Opened<'a> {
    levels: Vec<Level<'a>>,
    linked: HashSet<&'a str>,
    info: &'a ObjectInfo,
}

/// What a link brings.
enum Source {
    Output(String, usize),
    Value(Value),
    Nothing,
}

impl Opened<'_> {
    /// Whether a node above, which uses this level, is muted or bypassed.
    fn is_off(&self, mut at: usize) -> bool {
        while let Some((above, user)) = self.levels[at].parent {
            if mode(user) == MUTED || mode(user) == BYPASSED {
                return true;
            }
            at = above;
        }
        false
    }

    fn node(&self, at: usize, id: &str, node: &Value) -> Result<Value, Error> {
        let class_type = kind(node);
        let Some(class) = self.info.class(class_type) else {
            let error = invalid(format!(
                "node `{}{id}` is of the class `{class_type}`, which the server does not have",
                self.levels[at].prefix
            ));
            let near = nearest::nearest(class_type, self.info.classes().map(|(name, _)| name));
            return Err(nearest::hint(&near).into_iter().fold(error, Error::hint));
        };
        let is_dynamic =
            |input: &&InputInfo| matches!(&input.data_type, DataType::Named(name) if name.starts_with("COMFY_DYNAMICCOMBO"));
        if let Some(input) = class.inputs.iter().find(is_dynamic) {
            let prefix = &self.levels[at].prefix;
            let what = format!("has the input `{}`, whose parts depend on its value: this is not converted", input.name);
            return Err(invalid(format!("node `{prefix}{id}` ({class_type}) {what}")).hint(EXPORT));
        }
        let mut inputs = widgets::values(node, class, &self.linked);
        for value in inputs.values_mut() {
            *value = literal(value.take());
        }
        for slot in slots(node, "inputs") {
            let Some(link) = slot.get("link").and_then(super::levels::id) else { continue };
            let value = match self.source(at, link, slot_type(slot), id)? {
                Source::Output(node, output) => json!([node, output]),
                Source::Value(value) => literal(value),
                Source::Nothing => continue,
            };
            inputs.insert(name(slot).to_owned(), value);
        }
        let own = node.get("title").and_then(Value::as_str).filter(|title| !title.is_empty());
        let shown = own.or(Some(class.display_name.as_str()).filter(|title| !title.is_empty())).unwrap_or(class_type);
        Ok(json!({"class_type": class_type, "inputs": inputs, "_meta": {"title": shown}}))
    }

    /// Follows a link back to what it brings. `wanted` is the type that the reader takes, `reader` its id, for messages.
    fn source(&self, mut at: usize, mut link: String, wanted: &str, reader: &str) -> Result<Source, Error> {
        let mut seen = HashSet::new();
        let first = at;
        while seen.insert((at, link.clone())) {
            let level = &self.levels[at];
            let Some(origin) = level.link(&link) else { return Ok(Source::Nothing) };
            let next = if origin.node == INPUTS {
                // By name: what is no socket on the node that uses the subgraph has no slot there either.
                let (Some((above, user)), Some(input)) = (level.parent, level.input(origin.slot)) else {
                    return Ok(Source::Nothing);
                };
                at = above;
                match slots(user, "inputs").iter().find(|slot| name(slot) == input).and_then(linked) {
                    None => return Ok(promoted(user, level, input).map_or(Source::Nothing, Source::Value)),
                    some => some,
                }
            } else {
                let Some(node) = level.node(&origin.node) else { return Ok(Source::Nothing) };
                match (mode(node), kind(node)) {
                    (MUTED, _) => None,
                    (BYPASSED, _) => passed_by(node, origin.slot, wanted).and_then(linked),
                    (_, "PrimitiveNode") => {
                        return Ok(slots(node, "widgets_values")
                            .first()
                            .map_or(Source::Nothing, |value| Source::Value(value.clone())));
                    }
                    (_, "Reroute" | "SetNode") => slots(node, "inputs").first().and_then(linked),
                    (_, "GetNode") => setter(level, node)?.and_then(|setter| slots(setter, "inputs").first().and_then(linked)),
                    _ => match level.child(&origin.node) {
                        Some(child) => {
                            at = child;
                            self.levels[child].output(origin.slot).cloned()
                        }
                        None => return Ok(Source::Output(format!("{}{}", level.prefix, origin.node), origin.slot)),
                    },
                }
            };
            match next {
                Some(next) => link = next,
                None => return Ok(Source::Nothing),
            }
        }
        Err(invalid(format!("what node `{}{reader}` reads goes round in a ring of links", self.levels[first].prefix)))
    }
}

/// A value of a widget; a list is written so that the server does not take it for a link.
fn literal(value: Value) -> Value {
    if value.is_array() { json!({"__value__": value}) } else { value }
}

/// The classes that only the editor has.
fn is_virtual(kind: &str) -> bool {
    matches!(kind, "Note" | "MarkdownNote" | "Reroute" | "PrimitiveNode" | "GetNode" | "SetNode")
}

fn mode(node: &Value) -> u64 {
    node.get("mode").and_then(Value::as_u64).unwrap_or_default()
}

fn slot_type(slot: &Value) -> &str {
    slot.get("type").and_then(Value::as_str).unwrap_or("*")
}

fn linked(slot: &Value) -> Option<String> {
    slot.get("link").and_then(id)
}

/// The input that stands in for an output of a bypassed node: of the same place if the types agree, else the first of
/// the type.
fn passed_by<'a>(node: &'a Value, slot: usize, wanted: &str) -> Option<&'a Value> {
    let inputs = slots(node, "inputs");
    let given = slots(node, "outputs").get(slot).map_or("*", slot_type);
    if wanted == "*" || given == "*" {
        return inputs.get(slot).or(inputs.first());
    }
    let opposite = inputs.get(slot).filter(|input| [given, "*"].contains(&slot_type(input)));
    opposite.or_else(|| [wanted, given].iter().find_map(|kind| inputs.iter().find(|input| slot_type(input) == *kind)))
}

/// The Set node that a Get node reads, which is known by its name.
fn setter<'a>(level: &Level<'a>, getter: &Value) -> Result<Option<&'a Value>, Error> {
    let name = |node: &Value| slots(node, "widgets_values").first().and_then(Value::as_str).map(str::to_owned);
    let Some(wanted) = name(getter) else { return Ok(None) };
    let own = getter.get("id").and_then(id).unwrap_or_default();
    let mut setters = level.nodes.iter().filter(|(_, node)| kind(node) == "SetNode");
    let found = setters.find(|(_, node)| name(node).as_ref() == Some(&wanted));
    found
        .map(|(_, node)| Some(*node))
        .ok_or_else(|| invalid(format!("node `{}{own}` gets `{wanted}`, which no Set node beside it sets", level.prefix)))
}

/// The value of a subgraph's input that is shown as a widget on the node that uses it.
fn promoted(user: &Value, level: &Level<'_>, input: &str) -> Option<Value> {
    let proxies = user.get("properties").and_then(|properties| properties.get("proxyWidgets")?.as_array());
    let place = match proxies.filter(|proxies| !proxies.is_empty()) {
        Some(proxies) => proxies.iter().position(|proxy| *proxy == json!(["-1", input])),
        None => level.widget(input),
    };
    slots(user, "widgets_values").get(place?).cloned()
}

#[cfg(test)]
mod tests;
