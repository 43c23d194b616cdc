//! The errors of validation as JSON.

use std::path::Path;

use serde_json::{Value, json};

use crate::graph::Declared;
use crate::py::{self, Raised};

pub(super) fn error(kind: &str, message: &str, details: &str, extra_info: &Value) -> Value {
    json!({"type": kind, "message": message, "details": details, "extra_info": extra_info})
}

pub(super) fn missing(name: &str) -> Value {
    error("required_input_missing", "Required input is missing", name, &json!({"input_name": name}))
}

pub(super) fn bad_link(input: &Declared, value: &Value) -> Value {
    let message = "Bad linked input, must be a length-2 list of [node_id, slot_index]";
    error("bad_linked_input", message, &input.name, &about(input, value))
}

pub(super) fn mismatch(input: &Declared, received: &Value, linked: &Value) -> Value {
    let details =
        format!("{}, received_type({}) mismatch input_type({})", input.name, py::str_of(received), py::str_of(&input.kind));
    let extra = json!({
        "input_name": input.name,
        "input_config": input.config(),
        "received_type": received,
        "linked_node": linked,
    });
    error("return_type_mismatch", "Return type mismatch between linked nodes", &details, &extra)
}

/// `extra_info` of an error about a value.
pub(super) fn about(input: &Declared, value: &Value) -> Value {
    json!({"input_name": input.name, "input_config": input.config(), "received_value": value})
}

pub(super) fn own(name: &str, text: &str) -> Value {
    let details = format!("{name} - {text}");
    error("custom_validation_failed", "Custom validation failed for node", &details, &json!({"input_name": name}))
}

/// An exception on the way to an output node.
pub(super) fn exception_at_output(base: &Path, calls: &[(u32, &str)], raised: &Raised) -> Value {
    let traceback = py::traceback(base, &[&[(1010, "validate_prompt")], calls].concat());
    let extra = json!({"exception_type": raised.kind, "traceback": traceback});
    error("exception_during_validation", "Exception when validating node", &raised.text, &extra)
}

pub(super) fn exception_at_link(base: &Path, calls: &[(u32, &str)], input: &Declared, linked: &Value, raised: &Raised) -> Value {
    let extra = json!({
        "input_name": input.name,
        "input_config": input.config(),
        "exception_message": raised.text,
        "exception_type": raised.kind,
        "traceback": py::traceback(base, &[&[(808, "validate_inputs")], calls].concat()),
        "linked_node": linked,
    });
    error("exception_during_inner_validation", "Exception when validating inner node", &raised.text, &extra)
}
