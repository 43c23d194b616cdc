//! What ComfyUI finds wrong with a workflow, node by node.

mod words;

use std::fmt;

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind};
use crate::workflow::InputInfo;

/// One node that ComfyUI does not accept.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) {
/// if let Err(error) = client.submit(&workflow).await {
///     for node in error.node_errors() {
///         eprintln!("{node}; it keeps {:?} from running", node.dependent_outputs);
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeError {
    /// The node's id in the workflow.
    pub node: String,
    /// The node's title in the workflow (`_meta.title`); empty where it has none.
    pub title: String,
    /// The node's class; empty where neither server nor workflow say.
    pub class_type: String,
    /// What is wrong with it.
    pub errors: Vec<InputError>,
    /// The output nodes that will not run because of it.
    pub dependent_outputs: Vec<String>,
}

/// One thing wrong with a node. `Display` says it in words.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) {
/// if let Err(error) = client.submit(&workflow).await {
///     for wrong in error.node_errors().iter().flat_map(|node| &node.errors) {
///         let input = wrong.input.as_deref().unwrap_or("the node as a whole");
///         eprintln!("{input}: {wrong} ({})", wrong.kind);
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InputError {
    /// ComfyUI's word for it, such as `required_input_missing` or `value_not_in_list`.
    pub kind: String,
    /// ComfyUI's sentence.
    pub message: String,
    /// ComfyUI's details.
    pub details: String,
    /// The input that it is about, where the server said.
    pub input: Option<String>,
    /// The whole of what ComfyUI said.
    pub raw: Value,
    words: String,
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node `{}`", self.node)?;
        if !self.title.is_empty() && self.title != self.class_type {
            write!(f, " \"{}\"", self.title.escape_debug())?;
        }
        if !self.class_type.is_empty() {
            write!(f, " ({})", self.class_type)?;
        }
        for (nth, error) in self.errors.iter().enumerate() {
            write!(f, "{} {error}", if nth == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl InputError {
    fn read(said: &Value) -> Self {
        let extra = |key| said.get("extra_info").and_then(|extra| extra.get(key));
        let (message, details) = (text(said, "message"), text(said, "details"));
        let input = extra("input_config").map(|config| InputInfo::read("", true, config));
        let choices = input.as_ref().and_then(InputInfo::texts);
        let own = if details.is_empty() { message.clone() } else { format!("{message} ({details})") };
        Self {
            kind: text(said, "type"),
            words: words::words(said, choices.as_deref()).unwrap_or(own),
            input: extra("input_name").and_then(Value::as_str).map(str::to_owned),
            raw: said.clone(),
            message,
            details,
        }
    }

    /// Whether ComfyUI kept to itself what there is to choose from, as it does of long lists.
    pub(crate) fn lacks_choices(&self) -> bool {
        self.kind == "value_not_in_list"
            && self.raw.get("extra_info").and_then(|extra| extra.get("input_config")?.get(0)).is_none()
    }

    /// Says it anew, with what there is to choose from.
    pub(crate) fn with_choices(&mut self, choices: &[&str]) {
        if let Some(words) = words::words(&self.raw, Some(choices)) {
            self.words = words;
        }
    }

    /// Says it anew, if a link to a node that is not there explains it: of that ComfyUI says no more than the node's id.
    fn find_missing_node(&mut self, own: &str, nodes: &Map<String, Value>) {
        let exception = self.raw.get("extra_info").and_then(|extra| extra.get("exception_type")).and_then(Value::as_str);
        let absent = self.details.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let Some(absent) = absent.filter(|id| exception == Some("KeyError") && !nodes.contains_key(*id)) else { return };
        let links = |value: &Value| {
            value.get(0).and_then(Value::as_str) == Some(absent) && value.as_array().is_some_and(|v| v.len() == 2)
        };
        for (id, node) in nodes.iter().filter(|(id, _)| *id == own).chain(nodes) {
            let inputs = node.get("inputs").and_then(Value::as_object).into_iter().flatten();
            if let Some((input, _)) = inputs.into_iter().find(|(_, value)| links(value)) {
                let of = if id == own { String::new() } else { format!(" of node `{id}`") };
                self.words = format!("`{input}`{of} is linked to node `{absent}`, which is not in the workflow");
                return;
            }
        }
    }
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}

/// Reads `node_errors`; what has another shape is left out.
pub(crate) fn node_errors(body: &Value) -> Vec<NodeError> {
    let nodes = body.get("node_errors").and_then(Value::as_object).into_iter().flatten();
    nodes
        .map(|(node, said)| {
            let list = |key| said.get(key).and_then(Value::as_array).into_iter().flatten();
            NodeError {
                node: node.clone(),
                title: String::new(),
                class_type: text(said, "class_type"),
                errors: list("errors").map(InputError::read).collect(),
                dependent_outputs: list("dependent_outputs").filter_map(Value::as_str).map(str::to_owned).collect(),
            }
        })
        .collect()
}

/// Joins what ComfyUI said with what the workflow says of the same nodes.
pub(crate) fn join(errors: &mut [NodeError], nodes: &Map<String, Value>) {
    for error in errors {
        if let Some(node) = nodes.get(&error.node) {
            error.title = node.get("_meta").map(|meta| text(meta, "title")).unwrap_or_default();
            if error.class_type.is_empty() {
                error.class_type = text(node, "class_type");
            }
        }
        error.errors.iter_mut().for_each(|said| said.find_missing_node(&error.node, nodes));
    }
}

/// The node that ComfyUI stopped at before it looked at any input.
fn stopped_at(said: &Value) -> Option<NodeError> {
    let details = text(said, "details");
    let node = details.strip_prefix("Node ID '#")?.strip_suffix('\'')?;
    let mut error = InputError::read(said);
    error.words = if error.message.ends_with("does not exist.") {
        "the server does not have this class: is the custom node installed there, and did it load?".to_owned()
    } else {
        error.message.clone()
    };
    let (title, class_type) = (String::new(), String::new());
    Some(NodeError { node: node.to_owned(), title, class_type, errors: vec![error], dependent_outputs: Vec::new() })
}

/// The error for a 400 whose body is ComfyUI's; none if the body is not.
pub(crate) fn rejected(body: &[u8]) -> Option<Error> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let said = body.get("error")?;
    let (message, details) = match said {
        Value::String(message) => (message.clone(), String::new()),
        said => (text(said, "message"), text(said, "details")),
    };
    let mut nodes = node_errors(&body);
    let mut shown = format!("comfyui rejected the workflow: {message}");
    if !details.is_empty() && nodes.is_empty() {
        shown.push_str(&format!(" ({details})"));
    }
    if nodes.is_empty() {
        nodes.extend(stopped_at(said));
    }
    Some(Error::new(ErrorKind::Rejected, shown).with_node_errors(nodes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_errors_are_typed_and_read_well() {
        let body = br#"{"error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation", "details": "", "extra_info": {}},
            "node_errors": {"12:3": {"errors": [
                {"type": "required_input_missing", "message": "Required input is missing", "details": "height", "extra_info": {"input_name": "height"}},
                {"type": "value_not_in_list", "message": "Value not in list", "details": "ckpt_name: 'x' not in ['y']", "extra_info": {"input_config": null}}],
                "dependent_outputs": ["2"], "class_type": "EmptyImage"}, "9": 7}}"#;
        let error = rejected(body).unwrap();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(error.node_errors().len(), 2);
        assert_eq!(error.node_errors()[0].errors[0].input.as_deref(), Some("height"));
        assert_eq!(error.node_errors()[0].dependent_outputs, ["2"]);
        insta::assert_snapshot!(format!("{error}\n{}", error.hints().join("\n")), @"
        comfyui rejected the workflow: Prompt outputs failed validation
        node `12:3` (EmptyImage): `height` is missing; Value not in list (ckpt_name: 'x' not in ['y'])
        node `9`
        ");
    }

    #[test]
    fn an_error_without_nodes_keeps_its_details() {
        let error = rejected(br##"{"error": {"type": "invalid_prompt", "message": "Cannot execute because node X does not exist.", "details": "Node ID '#1'"}, "node_errors": {}}"##).unwrap();
        assert_eq!(
            error.to_string(),
            "comfyui rejected the workflow: Cannot execute because node X does not exist. (Node ID '#1')"
        );
        assert_eq!(error.node_errors()[0].node, "1");
    }

    #[test]
    fn other_bodies_are_not_rejections() {
        for body in ["", "400: Bad Request", "{}", "[1]"] {
            assert!(rejected(body.as_bytes()).is_none(), "{body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_said_of_an_input_is_put_in_words(
            kind in 0usize..11, exception in 0usize..3, details in "[a-z' -]{0,6}", which in proptest::collection::vec(0usize..6, 4),
        ) {
            let kinds = ["required_input_missing", "value_not_in_list", "value_smaller_than_min", "value_bigger_than_max",
                "invalid_input_type", "bad_linked_input", "return_type_mismatch", "custom_validation_failed",
                "exception_during_validation", "exception_during_inner_validation", "other"];
            let odd = [Value::Null, 7.into(), "é".repeat(200).into(), serde_json::json!(["INT", {"min": 1}]), serde_json::json!([["a"]]), serde_json::json!({})];
            let said = serde_json::json!({"type": (kinds[kind]), "message": "m", "details": details, "extra_info": {
                "exception_type": (["KeyError", "IndexError", ""][exception]), "input_name": (odd[which[0]]), "input_config": (odd[which[1]]),
                "received_value": (odd[which[2]]), "linked_node": (odd[which[3]]), "received_type": "MASK"}});
            let body = serde_json::json!({"error": said, "node_errors": {"1": {"errors": [said]}}});
            let mut errors = rejected(body.to_string().as_bytes()).unwrap().node_errors().to_vec();
            join(&mut errors, &Map::new());
            let words = errors[0].errors[0].to_string();
            proptest::prop_assert!(!words.is_empty() && words.chars().count() < 600, "{}", words);
        }
    }
}
