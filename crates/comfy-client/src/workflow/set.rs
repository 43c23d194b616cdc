//! An input found by its node's id, title or class, and given another value.

use serde_json::Value;

use super::{Workflow, invalid, kind_of};
use crate::error::Error;
use crate::nearest;

/// So many names are told at most where none is near.
const MOST_NAMES: usize = 20;

impl Workflow {
    /// The id of the node that `name` stands for: its id; else its title, as the editor shows it; else its class.
    ///
    /// ```
    /// let workflow = comfy_client::Workflow::from_json(r#"{"3": {"class_type": "KSampler", "inputs": {}, "_meta": {"title": "First pass"}}}"#)?;
    /// for name in ["3", "First pass", "KSampler"] {
    ///     assert_eq!(workflow.find(name)?, "3");
    /// }
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidWorkflow`](crate::ErrorKind::InvalidWorkflow) where no node is called so, with the nearest names, and
    /// where several are, with their ids.
    pub fn find(&self, name: &str) -> Result<&str, Error> {
        if let Some((id, _)) = self.nodes.get_key_value(name) {
            return Ok(id);
        }
        for named in [title as fn(&Value) -> Option<&str>, class] {
            let found: Vec<&String> = self.nodes.iter().filter(|(_, node)| named(node) == Some(name)).map(|(id, _)| id).collect();
            match found.as_slice() {
                [] => {}
                [id] => return Ok(id),
                many => {
                    let labels = many.iter().map(|id| label(id, &self.nodes[id.as_str()])).collect::<Vec<_>>().join(", ");
                    return Err(invalid(format!("`{name}` is more than one node"))
                        .hint(format!("name the one that is meant by its id: {labels}")));
                }
            }
        }
        let names = self.nodes.iter().flat_map(|(id, node)| [Some(id.as_str()), title(node), class(node)]).flatten();
        let labels = self.nodes.iter().map(|(id, node)| label(id, node)).take(MOST_NAMES).collect::<Vec<_>>().join(", ");
        let more = if self.nodes.len() > MOST_NAMES { ", …" } else { "" };
        let hint = nearest::hint(&nearest::nearest(name, names)).unwrap_or(format!("its nodes: {labels}{more}"));
        Err(invalid(format!("the workflow has no node `{name}`")).hint(hint))
    }

    /// Gives an input of a node another value. The node is named as in [`Workflow::find`].
    ///
    /// ```
    /// let mut workflow = comfy_client::Workflow::from_json(
    ///     r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20}}}"#,
    /// )?;
    /// workflow.set("KSampler", "steps", 30)?.set("3", "seed", 7)?;
    /// assert_eq!(workflow.find("KSampler")?, "3");
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidWorkflow`](crate::ErrorKind::InvalidWorkflow) if there is no such node, or more than one, or if the node
    /// does not have this input in the workflow: ComfyUI ignores an input that it does not know, and a slip of the pen
    /// would go unnoticed.
    pub fn set(&mut self, node: &str, input: &str, value: impl Into<Value>) -> Result<&mut Self, Error> {
        self.place(node, input)?;
        let id = self.find(node)?.to_owned();
        Ok(self.change(&id, input, value.into()))
    }

    /// Gives an input the value that a person wrote, as in `--set KSampler.steps=30`. The `address` is `node.input`; the
    /// node is named as in [`Workflow::find`], and both names may have dots in them.
    ///
    /// The value present says what the text means: beside a string it is a string as it stands (`7` is `"7"`), beside
    /// another value it is JSON of that kind. In place of a link, or of null, it may be JSON of any kind, else it is a
    /// string.
    ///
    /// # Errors
    /// As [`Workflow::set`]; also for an address without a dot, and for a text of another kind than the value present.
    ///
    /// ```
    /// let mut workflow = comfy_client::Workflow::from_json(
    ///     r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64}, "_meta": {"title": "Ground"}}}"#,
    /// )?;
    /// workflow.set_text("Ground.width", "512")?;
    /// assert_eq!(workflow.nodes()["1"]["inputs"]["width"], 512);
    /// assert!(workflow.set_text("Ground.width", "wide").is_err());
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    pub fn set_text(&mut self, address: &str, text: &str) -> Result<&mut Self, Error> {
        let (node, input) = self.split(address)?;
        let present = self.place(node, input)?;
        let other = || invalid(format!("`{address}` is {}, and `{text}` is not", kind_of(present)));
        let value = typed(text, present).ok_or_else(other)?;
        let id = self.find(node)?.to_owned();
        Ok(self.change(&id, input, value))
    }

    /// As [`Workflow::set_text`], with a value that is JSON already and of the same kind as the value present. In place of
    /// a link, or of null, it may be of any kind.
    ///
    /// # Errors
    /// As [`Workflow::set_text`].
    ///
    /// ```
    /// let mut workflow = comfy_client::Workflow::from_json(r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64}}}"#)?;
    /// workflow.set_value("EmptyImage.width", 512.into())?;
    /// assert!(workflow.set_value("EmptyImage.width", "512".into()).is_err());
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    pub fn set_value(&mut self, address: &str, value: Value) -> Result<&mut Self, Error> {
        let (node, input) = self.split(address)?;
        let present = self.place(node, input)?;
        if !takes(present, &value) {
            return Err(invalid(format!("`{address}` is {}, and `{value}` is not", kind_of(present))));
        }
        let id = self.find(node)?.to_owned();
        Ok(self.change(&id, input, value))
    }

    /// The split of an address that leads to an input; where none does, the last, whose failure then says why.
    fn split<'a>(&self, address: &'a str) -> Result<(&'a str, &'a str), Error> {
        let splits = || address.rmatch_indices('.').map(|(at, _)| (&address[..at], &address[at + 1..]));
        let leads = |node: &str, input: &str| {
            self.find(node).ok().and_then(|id| self.nodes[id].get("inputs")).is_some_and(|inputs| inputs.get(input).is_some())
        };
        splits()
            .find(|(node, input)| leads(node, input))
            .or_else(|| splits().find(|(node, _)| self.find(node).is_ok()))
            .or_else(|| splits().next())
            .ok_or_else(|| invalid(format!("`{address}` names no input")).hint("write `NODE.INPUT`, such as `KSampler.steps`"))
    }

    /// Sets an input that is there, and its widget in the UI form.
    pub(super) fn change(&mut self, id: &str, input: &str, value: Value) -> &mut Self {
        let Some(inputs) = self.nodes.get_mut(id).and_then(|node| node.get_mut("inputs")).and_then(Value::as_object_mut) else {
            return self;
        };
        if let Some(ui) = &mut self.ui {
            let name = format!("{id}.{input}");
            if !ui.reflect(id, inputs, input, &value) && !self.ui_behind.contains(&name) {
                self.ui_behind.push(name);
            }
        }
        inputs[input] = value;
        self
    }

    fn place(&self, node: &str, input: &str) -> Result<&Value, Error> {
        let id = self.find(node)?;
        let inputs = self.nodes[id].get("inputs").and_then(Value::as_object);
        let inputs = inputs.ok_or_else(|| invalid(format!("node `{node}` has no `inputs`")))?;
        if !inputs.contains_key(input) {
            let names: Vec<&str> = inputs.keys().map(String::as_str).collect();
            let hint = nearest::hint(&nearest::nearest(input, names.iter().copied()))
                .unwrap_or_else(|| format!("its inputs: {}", names.join(", ")));
            return Err(invalid(format!("node `{node}` has no input `{input}`")).hint(hint));
        }
        Ok(&inputs[input])
    }
}

pub(super) fn title(node: &Value) -> Option<&str> {
    node.get("_meta")?.get("title")?.as_str()
}

pub(super) fn class(node: &Value) -> Option<&str> {
    node.get("class_type")?.as_str()
}

/// A node as a person knows it: id, title, and class where the title does not say it.
pub(super) fn label(id: &str, node: &Value) -> String {
    named(id, title(node), class(node).unwrap_or_default())
}

pub(super) fn named(id: &str, title: Option<&str>, class: &str) -> String {
    match title.filter(|title| *title != class && !title.is_empty()) {
        Some(title) => format!("`{id}` {title} ({class})"),
        None => format!("`{id}` {class}"),
    }
}

/// What a text means in place of the present value; none if it is of another kind.
fn typed(text: &str, present: &Value) -> Option<Value> {
    let string = || Value::from(text);
    let json = serde_json::from_str::<Value>(text);
    match present {
        Value::String(_) => Some(string()),
        Value::Null | Value::Array(_) => Some(json.unwrap_or_else(|_| string())),
        _ => json.ok().filter(|json| takes(present, json)),
    }
}

/// Whether a value may stand in place of the present one.
fn takes(present: &Value, value: &Value) -> bool {
    let free = matches!(present, Value::Null | Value::Array(_));
    free || std::mem::discriminant(present) == std::mem::discriminant(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn workflow() -> Workflow {
        let node =
            |title: &str, inputs: Value| json!({"class_type": "CLIPTextEncode", "inputs": inputs, "_meta": {"title": title}});
        Workflow::from_value(json!({
            "4": {"class_type": "KSampler", "inputs": {"seed": 1, "cfg": 7.5, "on": true, "model": ["1", 0], "none": null, "size.w": 2}},
            "6": node("Positive v1.5", json!({"text": "a"})),
            "7": node("Negative", json!({"text": "b"})),
        }))
        .unwrap()
    }

    #[test]
    fn a_node_is_found_by_id_title_and_class() {
        let workflow = workflow();
        for (name, id) in [("4", "4"), ("KSampler", "4"), ("Negative", "7"), ("Positive v1.5", "6")] {
            assert_eq!(workflow.find(name).unwrap(), id);
        }
    }

    #[test]
    fn errors_name_the_candidates_and_the_nearest() {
        let mut workflow = workflow();
        let said: Vec<String> = [
            ("CLIPTextEncode.text", "x"),
            ("negativ.text", "x"),
            ("Upscale.by", "x"),
            ("KSampler.sed", "1"),
            ("4.strength", "1"),
            ("4.seed", "red"),
            ("4.on", "1"),
            ("seed", "1"),
        ]
        .iter()
        .map(|(address, text)| {
            let error = workflow.set_text(address, text).unwrap_err();
            format!("{error} [{}]", error.hints().join("; "))
        })
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        `CLIPTextEncode` is more than one node [name the one that is meant by its id: `6` Positive v1.5 (CLIPTextEncode), `7` Negative (CLIPTextEncode)]
        the workflow has no node `negativ` [nearest: `Negative`]
        the workflow has no node `Upscale` [its nodes: `4` KSampler, `6` Positive v1.5 (CLIPTextEncode), `7` Negative (CLIPTextEncode)]
        node `KSampler` has no input `sed` [nearest: `seed`]
        node `4` has no input `strength` [its inputs: seed, cfg, on, model, none, size.w]
        `4.seed` is a number, and `red` is not []
        `4.on` is true or false, and `1` is not []
        `seed` names no input [write `NODE.INPUT`, such as `KSampler.steps`]
        ");
    }

    #[test]
    fn the_value_present_says_what_a_text_means() {
        for (address, text, expected) in [
            ("4.seed", "18446744073709551615", json!(u64::MAX)),
            ("4.seed", "-1", json!(-1)),
            ("4.cfg", "8", json!(8)),
            ("4.on", "false", json!(false)),
            ("4.model", "[\"9\", 1]", json!(["9", 1])),
            ("4.model", "5", json!(5)),
            ("4.model", "x", json!("x")),
            ("4.none", "x", json!("x")),
            ("4.size.w", "3", json!(3)),
            ("Negative.text", "7", json!("7")),
            ("Positive v1.5.text", "{\"a\": 1}", json!("{\"a\": 1}")),
        ] {
            let mut workflow = workflow();
            workflow.set_text(address, text).unwrap();
            let (node, input) = workflow.split(address).unwrap();
            assert_eq!(workflow.nodes[workflow.find(node).unwrap()]["inputs"][input], expected, "{address}={text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_set_as_it_stands_beside_a_string(text in "\\PC*") {
            let mut workflow = workflow();
            workflow.set_text("7.text", &text).unwrap();
            prop_assert_eq!(&workflow.nodes["7"]["inputs"]["text"], &Value::from(text));
        }

        #[test]
        fn any_number_goes_in_as_it_is(number: u64, address in "\\PC{0,12}") {
            let mut workflow = workflow();
            workflow.set_text("4.seed", &number.to_string()).unwrap();
            prop_assert_eq!(workflow.nodes["4"]["inputs"]["seed"].as_u64(), Some(number));
            let _ = workflow.set_text(&address, "x");
        }
    }
}
