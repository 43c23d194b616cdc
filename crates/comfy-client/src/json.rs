//! JSON as Python writes it: with `NaN` and `Infinity`, which ComfyUI puts into the workflow of a picture, and custom nodes
//! into their limits.

use serde::de::DeserializeOwned;

/// Reads JSON; where it is none, it is read once more with Python's three extra words as null.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    let text = text.trim_start_matches('\u{feff}');
    serde_json::from_str(text)
        .or_else(|cause| without_python_numbers(text).and_then(|text| serde_json::from_str(&text).ok()).ok_or(cause))
}

/// The text with each `NaN`, `Infinity` and `-Infinity` outside of strings as `null`; none if there is no such word.
fn without_python_numbers(text: &str) -> Option<String> {
    let (mut made, mut rest, mut found) = (String::with_capacity(text.len()), text, false);
    while let Some(first) = rest.chars().next() {
        let word = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| rest.starts_with(word));
        let length = match (first, word) {
            ('"', _) => string_length(rest),
            (_, Some(word)) => {
                made.push_str("null");
                found = true;
                rest = &rest[word.len()..];
                continue;
            }
            _ => first.len_utf8(),
        };
        made.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    found.then_some(made)
}

/// The length of the string literal that the text begins with, quotes and all.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// Any JSON, often under the names that ComfyUI uses.
    pub(crate) fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            "[a-z]{1,6}",
            Just("prompt_id".to_owned()),
            Just("nodes".to_owned()),
            Just("node".to_owned()),
            Just("status".to_owned()),
            Just("value".to_owned())
        ];
        leaf.prop_recursive(3, 24, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((key.clone(), inner), 0..5)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn the_numbers_of_python_are_null_but_not_in_strings() {
        let read: Value = parse(r#"{"is_changed": [NaN, -Infinity, Infinity], "text": "NaN \" Infinity, é"}"#).unwrap();
        assert_eq!(read, json!({"is_changed": [null, null, null], "text": "NaN \" Infinity, é"}));
    }

    #[test]
    fn other_text_stays_an_error() {
        for text in ["", "{", "NaNs", "\"NaN", "[NaN", "\"a\\"] {
            assert!(parse::<Value>(text).is_err(), "{text}");
        }
    }
}
