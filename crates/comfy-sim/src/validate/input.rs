//! One literal: converted to its declared type, then held against bounds and choices.

use std::cmp::Ordering;

use serde_json::Value;

use super::report::{about, error};
use crate::graph::Declared;
use crate::py::{self, Raised};

/// What became of a literal.
pub(super) struct Literal {
    /// The converted value, if the conversion went well.
    pub(super) value: Option<Value>,
    pub(super) problem: Option<Value>,
}

/// Converts and checks; `bounded` is false where the class checks the input itself.
pub(super) fn literal(input: &Declared, value: Value, bounded: bool) -> Literal {
    // A list that is meant as a value comes wrapped, since a bare list is a link.
    let value = match value {
        Value::Object(mut wrapped) if wrapped.contains_key("__value__") => wrapped.shift_remove("__value__").unwrap_or_default(),
        value => value,
    };
    let converted = match convert(input, &value) {
        Ok(converted) => converted,
        Err(raised) => {
            return Literal { value: Some(value.clone()), problem: Some(unconverted(input, &value, &raised)) };
        }
    };
    let problem = bounded.then(|| bounds(input, &converted).or_else(|| choice(input, &converted))).flatten();
    Literal { value: Some(converted), problem }
}

fn convert(input: &Declared, value: &Value) -> Result<Value, Raised> {
    match input.kind.as_str() {
        Some("INT") => py::int_of(value),
        Some("FLOAT") => Ok(py::json::of_float(py::float_of(value)?)),
        Some("STRING") => Ok(Value::from(py::str_of(value))),
        Some("BOOLEAN") => Ok(Value::from(py::truthy(value))),
        _ => Ok(value.clone()),
    }
}

fn unconverted(input: &Declared, value: &Value, raised: &Raised) -> Value {
    let mut extra = about(input, value);
    extra["exception_message"] = Value::from(raised.text.as_str());
    let kind = py::str_of(&input.kind);
    let message = format!("Failed to convert an input value to a {kind} value");
    let details = format!("{}, {}, {}", input.name, py::str_of(value), raised.text);
    error("invalid_input_type", &message, &details, &extra)
}

fn bounds(input: &Declared, value: &Value) -> Option<Value> {
    let beyond = |option: &str, side: Ordering| input.options.get(option).filter(|limit| compare(value, limit) == Some(side));
    let (kind, word, limit) = if let Some(min) = beyond("min", Ordering::Less) {
        ("value_smaller_than_min", "smaller than min", min)
    } else {
        ("value_bigger_than_max", "bigger than max", beyond("max", Ordering::Greater)?)
    };
    let message = format!("Value {} {word} of {}", py::str_of(value), py::str_of(limit));
    Some(error(kind, &message, &input.name, &about(input, value)))
}

/// Compares two numbers; whole ones are compared as such, since a float would blur seeds.
fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    // Beyond 128 bits a number is only held at the edge, which is beyond every bound.
    let of_float = |value: &Value| value.as_f64().filter(|float| float.fract() == 0.0).map(|float| float as i128);
    let of_int = |value: &Value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    let of_beyond = |value: &Value| py::json::as_beyond(value)?.parse().ok();
    let whole = |value: &Value| of_int(value).or_else(|| of_float(value)).or_else(|| of_beyond(value));
    let float = |value: &Value| value.as_f64().or_else(|| py::json::as_beyond(value)?.parse().ok());
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => float(left)?.partial_cmp(&float(right)?),
    }
}

fn choice(input: &Declared, value: &Value) -> Option<Value> {
    let choices = input.kind.as_array()?;
    if choices.iter().any(|choice| choice == value || compare(choice, value) == Some(Ordering::Equal)) {
        return None;
    }
    let mut extra = about(input, value);
    let listed = if choices.len() > 20 {
        extra["input_config"] = Value::Null;
        format!("(list of length {})", choices.len())
    } else {
        py::repr(&input.kind)
    };
    let details = format!("{}: '{}' not in {listed}", input.name, py::str_of(value));
    Some(error("value_not_in_list", "Value not in list", &details, &extra))
}
