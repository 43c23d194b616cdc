//! A prompt as a graph: links, classes, and the inputs a class declares.

use serde_json::{Map, Value};

use crate::nodes::{Node, Registry};

/// A link `[node id, slot]`, by ComfyUI's own test: a list of two, a text and a number.
pub(crate) fn link(value: &Value) -> Option<(&str, &Value)> {
    match value.as_array()?.as_slice() {
        [Value::String(id), slot @ (Value::Number(_) | Value::Bool(_))] => Some((id, slot)),
        _ => None,
    }
}

/// The inputs of a node; none if it has none or if they are no dictionary.
pub(crate) fn inputs<'p>(prompt: &'p Map<String, Value>, id: &str) -> Option<&'p Map<String, Value>> {
    prompt.get(id)?.get("inputs")?.as_object()
}

/// The class of a node, as its name.
pub(crate) fn class<'p>(prompt: &'p Map<String, Value>, id: &str) -> &'p str {
    prompt.get(id).and_then(|node| node.get("class_type")).and_then(Value::as_str).unwrap_or_default()
}

/// The class of a node.
pub(crate) fn node(registry: Registry, prompt: &Map<String, Value>, id: &str) -> Option<&'static dyn Node> {
    registry.get(class(prompt, id))
}

/// One declared input of a class.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) name: String,
    /// A type name, or the list of choices.
    pub(crate) kind: Value,
    /// Bounds, default, tooltip.
    pub(crate) options: Map<String, Value>,
    pub(crate) required: bool,
}

impl Declared {
    /// The pair that errors show as `input_config`.
    pub(crate) fn config(&self) -> Value {
        Value::Array(vec![self.kind.clone(), Value::Object(self.options.clone())])
    }
}

/// The inputs that a prompt may give to a class, required ones first.
pub(crate) fn declared(info: &Value) -> Vec<Declared> {
    let mut out = Vec::new();
    for (section, required) in [("required", true), ("optional", false)] {
        for (name, spec) in info["input"][section].as_object().into_iter().flatten() {
            let options = spec.get(1).and_then(Value::as_object).cloned().unwrap_or_default();
            out.push(Declared { name: name.clone(), kind: spec[0].clone(), options, required });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_link_is_a_text_and_a_number() {
        for (value, is) in [
            (json!(["1", 0]), true),
            (json!(["1", 0.0]), true),
            (json!([1, 0]), false),
            (json!(["1", "0"]), false),
            (json!(["1", 0, 0]), false),
            (json!("1"), false),
        ] {
            assert_eq!(link(&value).is_some(), is, "{value}");
        }
    }
}
