//! What ComfyUI finds wrong with a workflow, node by node.

use std::fmt;

use serde_json::Value;

use crate::error::{Error, ErrorKind};

/// One node that ComfyUI does not accept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeError {
    /// The node's id in the workflow.
    pub node: String,
    /// The node's class; empty where the server did not say.
    pub class_type: String,
    /// What is wrong with it.
    pub errors: Vec<InputError>,
    /// The output nodes that will not run because of it.
    pub dependent_outputs: Vec<String>,
}

/// One thing wrong with a node.
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
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node `{}`", self.node)?;
        if !self.class_type.is_empty() {
            write!(f, " ({})", self.class_type)?;
        }
        for (nth, error) in self.errors.iter().enumerate() {
            write!(f, "{} {}", if nth == 0 { ":" } else { ";" }, error.message)?;
            if !error.details.is_empty() {
                write!(f, " ({})", error.details)?;
            }
        }
        Ok(())
    }
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}

/// Reads `node_errors`; what has another shape is left out.
pub(crate) fn node_errors(body: &Value) -> Vec<NodeError> {
    let Some(nodes) = body.get("node_errors").and_then(Value::as_object) else {
        return Vec::new();
    };
    nodes
        .iter()
        .map(|(node, said)| NodeError {
            node: node.clone(),
            class_type: text(said, "class_type"),
            errors: said
                .get("errors")
                .and_then(Value::as_array)
                .map(|errors| errors.iter().map(input_error).collect())
                .unwrap_or_default(),
            dependent_outputs: said
                .get("dependent_outputs")
                .and_then(Value::as_array)
                .map(|outputs| outputs.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default(),
        })
        .collect()
}

fn input_error(said: &Value) -> InputError {
    InputError {
        kind: text(said, "type"),
        message: text(said, "message"),
        details: text(said, "details"),
        input: said.get("extra_info").and_then(|extra| extra.get("input_name")).and_then(Value::as_str).map(str::to_owned),
    }
}

/// The error for a 400 whose body is ComfyUI's; none if the body is not.
pub(crate) fn rejected(body: &[u8]) -> Option<Error> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let said = body.get("error")?;
    let (message, details) = match said {
        Value::String(message) => (message.clone(), String::new()),
        said => (text(said, "message"), text(said, "details")),
    };
    let nodes = node_errors(&body);
    let mut shown = format!("comfyui rejected the workflow: {message}");
    if !details.is_empty() && nodes.is_empty() {
        shown.push_str(&format!(" ({details})"));
    }
    let error = nodes.iter().fold(Error::new(ErrorKind::Rejected, shown), |error, node| error.hint(node.to_string()));
    Some(error.with_node_errors(nodes))
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
        node `12:3` (EmptyImage): Required input is missing (height); Value not in list (ckpt_name: 'x' not in ['y'])
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
    }

    #[test]
    fn other_bodies_are_not_rejections() {
        for body in ["", "400: Bad Request", "{}", "[1]"] {
            assert!(rejected(body.as_bytes()).is_none(), "{body}");
        }
    }
}
