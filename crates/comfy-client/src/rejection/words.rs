//! ComfyUI's findings about one input, in words that say what to do.

use serde_json::Value;

use crate::nearest::{self, nearest};

/// How much of a value is shown.
const SHOWN: usize = 80;
/// Up to how many choices are listed where none is near.
const LISTED: usize = 8;

/// What is wrong with the input; none for what is not known here, where ComfyUI's own words do.
pub(super) fn words(said: &Value, choices: Option<&[&str]>) -> Option<String> {
    let text = |key| said.get(key).and_then(Value::as_str);
    let extra = |key| said.get("extra_info").and_then(|extra| extra.get(key));
    let kind = text("type")?;
    if kind == "required_input_missing" {
        return Some(format!("`{}` is missing", extra("input_name").and_then(Value::as_str).or_else(|| text("details"))?));
    }
    let input = extra("input_name").and_then(Value::as_str);
    if matches!(kind, "exception_during_validation" | "exception_during_inner_validation") {
        let slot = extra("exception_type")? == "IndexError" && text("details") == Some("tuple index out of range");
        return slot.then(|| "a link asks for an output that its node does not have".to_owned());
    }
    let input = input?;
    let wanted = extra("input_config").and_then(|config| config.get(0)).and_then(Value::as_str);
    let bound = |key| extra("input_config").and_then(|config| config.get(1)?.get(key)).map(shown);
    let value = || extra("received_value").map(shown);
    Some(match kind {
        "value_not_in_list" => {
            let value = value()?;
            match choices {
                Some([]) => format!("`{input}` is {value}, and the server has none to choose from"),
                choices => {
                    format!("`{input}` is {value}, which the server does not have{}", hint(said, choices.unwrap_or_default()))
                }
            }
        }
        "value_smaller_than_min" => format!("`{input}` is {}, and must be at least {}", value()?, bound("min")?),
        "value_bigger_than_max" => format!("`{input}` is {}, and must be at most {}", value()?, bound("max")?),
        "invalid_input_type" => format!("`{input}` is {}, which is no {}", value()?, wanted?),
        "bad_linked_input" => format!("`{input}` is {}, which is no link: a link is `[\"NODE\", SLOT]`", value()?),
        "return_type_mismatch" => {
            let from = extra("linked_node").and_then(|link| link.get(0)).map(shown)?;
            format!(
                "`{input}` takes {} and is linked to {} of node {from}",
                wanted?,
                extra("received_type").and_then(Value::as_str)?
            )
        }
        "custom_validation_failed" => {
            let details = text("details")?;
            format!("`{input}`: {}", details.strip_prefix(input).and_then(|rest| rest.strip_prefix(" - ")).unwrap_or(details))
        }
        _ => return None,
    })
}

/// The names that the one given may stand for; if there are none, a short list as a whole.
fn hint(said: &Value, choices: &[&str]) -> String {
    let given = said.get("extra_info").and_then(|extra| extra.get("received_value")).and_then(Value::as_str);
    if let Some(near) = nearest::hint(&nearest(given.unwrap_or_default(), choices.iter().copied())) {
        format!("; {near}")
    } else if (1..=LISTED).contains(&choices.len()) {
        format!("; it has: {}", choices.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
    } else {
        String::new()
    }
}

/// A value as a message shows it: short, and on one line.
fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("`{}`", cut(&text.escape_debug().to_string())),
        other => format!("`{}`", cut(&other.to_string())),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
