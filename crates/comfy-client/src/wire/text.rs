//! Text messages: `{"type": …, "data": {…}}`.

mod usual;

use serde_json::{Map, Value};

use super::{ExecutionError, Message, NodeProgress, whole};

/// Decodes one text message. A known type whose data lacks what makes it that type is kept as it came.
///
/// ```
/// use comfy_client::wire::{Message, decode_text};
///
/// let message = decode_text(r#"{"type": "execution_start", "data": {"prompt_id": "p"}}"#);
/// assert_eq!(message, Message::ExecutionStart { prompt_id: "p".into() });
/// ```
#[must_use]
pub fn decode_text(text: &str) -> Message {
    usual::decode(text).unwrap_or_else(|| tolerant(text))
}

fn tolerant(text: &str) -> Message {
    let Ok(raw) = crate::json::parse::<Value>(text) else {
        return Message::NotJson(text.to_owned());
    };
    let kind = raw.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    match raw.get("data").and_then(Value::as_object).and_then(|data| known(&kind, data)) {
        Some(message) => message,
        None => Message::OtherText { kind, raw },
    }
}

fn known(kind: &str, data: &Map<String, Value>) -> Option<Message> {
    let prompt_id = || string(data, "prompt_id");
    Some(match kind {
        "status" => Message::Status {
            queue_remaining: data.get("status")?.get("exec_info")?.get("queue_remaining").and_then(whole),
            sid: string(data, "sid"),
        },
        "execution_start" => Message::ExecutionStart { prompt_id: prompt_id()? },
        "execution_cached" => Message::ExecutionCached { prompt_id: prompt_id()?, nodes: ids(data.get("nodes")) },
        "executing" => Message::Executing { prompt_id: prompt_id(), node: id(data.get("node")) },
        "progress" => Message::Progress {
            prompt_id: prompt_id(),
            node: id(data.get("node")),
            value: data.get("value")?.as_f64()?,
            max: data.get("max")?.as_f64()?,
        },
        "progress_state" => Message::ProgressState {
            prompt_id: prompt_id(),
            nodes: data.get("nodes")?.as_object()?.iter().filter_map(|(node, said)| progress(node, said)).collect(),
        },
        "executed" => Message::Executed {
            prompt_id: prompt_id(),
            node: id(data.get("node"))?,
            output: data.get("output").filter(|output| !output.is_null()).cloned(),
        },
        "execution_success" => Message::ExecutionSuccess { prompt_id: prompt_id()? },
        "execution_error" => Message::ExecutionError(Box::new(error(data)?)),
        "execution_interrupted" => Message::ExecutionInterrupted {
            prompt_id: prompt_id()?,
            node: id(data.get("node_id")),
            node_type: string(data, "node_type"),
            executed: ids(data.get("executed")),
        },
        "feature_flags" => Message::FeatureFlags(data.clone()),
        "logs" => Message::Logs {
            entries: data
                .get("entries")?
                .as_array()?
                .iter()
                .filter_map(|entry| entry.get("m")?.as_str().map(str::to_owned))
                .collect(),
        },
        _ => return None,
    })
}

/// Reads an `execution_error`, from a message or from history.
pub(crate) fn error(data: &Map<String, Value>) -> Option<ExecutionError> {
    let text = |key| string(data, key).unwrap_or_default();
    Some(ExecutionError {
        prompt_id: string(data, "prompt_id")?,
        node: id(data.get("node_id")).unwrap_or_default(),
        node_type: text("node_type"),
        exception_type: text("exception_type"),
        exception_message: text("exception_message").trim().to_owned(),
        traceback: ids(data.get("traceback")),
        executed: ids(data.get("executed")),
    })
}

fn progress(node: &str, said: &Value) -> Option<NodeProgress> {
    Some(NodeProgress {
        node: node.to_owned(),
        value: said.get("value")?.as_f64()?,
        max: said.get("max")?.as_f64()?,
        state: said.get("state").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
}

fn string(data: &Map<String, Value>, key: &str) -> Option<String> {
    data.get(key)?.as_str().map(str::to_owned)
}

/// A node id: a string, from some custom nodes a number.
fn id(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(crate) fn ids(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).map(|list| list.iter().filter_map(|item| id(Some(item))).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::json_value;
    use proptest::prelude::*;
    use serde_json::json;

    fn decode(kind: &str, data: &Value) -> Message {
        let text = json!({"type": kind, "data": data}).to_string();
        let message = decode_text(&text);
        assert_eq!(message, tolerant(&text));
        message
    }

    #[test]
    fn what_comes_with_every_run_goes_the_short_way() {
        let node = json!({"value": 1, "max": 20.0, "state": "running", "node_id": "3", "real_node_id": "3"});
        for (kind, data) in [
            ("status", json!({"status": {"exec_info": {"queue_remaining": 1}}})),
            ("execution_start", json!({"prompt_id": "p", "timestamp": 1})),
            ("execution_cached", json!({"nodes": ["1", "12:3"], "prompt_id": "p", "timestamp": 1})),
            ("executing", json!({"node": "3", "display_node": "3", "prompt_id": "p"})),
            ("executing", json!({"node": null, "prompt_id": "p"})),
            ("progress", json!({"value": 1, "max": 20, "prompt_id": "p", "node": "3"})),
            ("progress_state", json!({"prompt_id": "p", "nodes": {"9": node, "3": node, "12:1": node}})),
            ("executed", json!({"node": "9", "display_node": "9", "output": {"images": [{"filename": "a"}]}, "prompt_id": "p"})),
            ("executed", json!({"node": "9", "output": null, "prompt_id": "p"})),
            ("execution_success", json!({"prompt_id": "p", "timestamp": 1})),
        ] {
            let text = json!({"type": kind, "data": data}).to_string();
            assert_eq!(usual::decode(&text), Some(tolerant(&text)), "{kind}");
        }
    }

    #[test]
    fn every_known_type_is_typed() {
        let p = || Some("p".to_owned());
        let cases = [
            (
                decode("status", &json!({"status": {"exec_info": {"queue_remaining": 2}}, "sid": "s"})),
                Message::Status { queue_remaining: Some(2), sid: Some("s".into()) },
            ),
            (
                decode("execution_start", &json!({"prompt_id": "p", "timestamp": 1})),
                Message::ExecutionStart { prompt_id: "p".into() },
            ),
            (
                decode("execution_cached", &json!({"prompt_id": "p", "nodes": ["1", "12:3"]})),
                Message::ExecutionCached { prompt_id: "p".into(), nodes: vec!["1".into(), "12:3".into()] },
            ),
            (
                decode("executing", &json!({"node": "12:3", "display_node": "12", "prompt_id": "p"})),
                Message::Executing { prompt_id: p(), node: Some("12:3".into()) },
            ),
            (decode("executing", &json!({"node": null, "prompt_id": "p"})), Message::Executing { prompt_id: p(), node: None }),
            (decode("executing", &json!({"node": "4"})), Message::Executing { prompt_id: None, node: Some("4".into()) }),
            (
                decode("progress", &json!({"value": 1.5, "max": 3, "prompt_id": "p", "node": 7})),
                Message::Progress { prompt_id: p(), node: Some("7".into()), value: 1.5, max: 3.0 },
            ),
            (
                decode("executed", &json!({"node": "9", "output": null, "prompt_id": "p"})),
                Message::Executed { prompt_id: p(), node: "9".into(), output: None },
            ),
            (decode("execution_success", &json!({"prompt_id": "p"})), Message::ExecutionSuccess { prompt_id: "p".into() }),
            (
                decode("logs", &json!({"entries": [{"t": "x", "m": "line"}], "size": null})),
                Message::Logs { entries: vec!["line".into()] },
            ),
        ];
        for (decoded, expected) in cases {
            assert_eq!(decoded, expected);
        }
        let Message::ExecutionError(error) = decode(
            "execution_error",
            &json!({"prompt_id": "p", "node_id": "1", "exception_type": "ExecutionBlocked", "current_outputs": ["1"]}),
        ) else {
            panic!("not an error");
        };
        assert!(error.is_only_blocked());
    }

    #[test]
    fn what_is_unknown_or_lame_is_kept_as_it_came() {
        for raw in [
            json!({"type": "crystools.monitor", "data": {"cpu": 7}}),
            json!({"type": "execution_success", "data": {}}),
            json!({"type": "progress", "data": {"value": "x", "max": 1}}),
            json!({"type": "status", "data": {}}),
            json!({"type": 5}),
            json!([1]),
        ] {
            let Message::OtherText { raw: kept, .. } = decode_text(&raw.to_string()) else { panic!("{raw} was not kept") };
            assert_eq!(kept, raw);
        }
        assert_eq!(decode_text("{oops"), Message::NotJson("{oops".into()));
    }

    fn finite() -> impl Strategy<Value = f64> {
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite())
    }

    proptest! {
        #[test]
        fn every_message_comes_out_as_it_went_in(
            prompt in proptest::option::of("[a-f0-9-]{1,8}"), node in "[0-9]{1,3}([:.][0-9]{1,3})?",
            value in finite(), max in finite(), extra in json_value(),
        ) {
            let sent = |kind: &str, mut data: Value| {
                data["own"] = extra.clone();
                if let Some(prompt) = &prompt {
                    data["prompt_id"] = prompt.as_str().into();
                }
                decode(kind, &data)
            };
            let id = || prompt.clone();
            let state = json!({"value": value, "max": max, "state": "running"});
            let of_any = [
                (sent("executing", json!({"node": node})), Message::Executing { prompt_id: id(), node: Some(node.clone()) }),
                (sent("executing", json!({"node": null})), Message::Executing { prompt_id: id(), node: None }),
                (
                    sent("progress", json!({"node": node, "value": value, "max": max})),
                    Message::Progress { prompt_id: id(), node: Some(node.clone()), value, max },
                ),
                (
                    sent("progress_state", json!({"nodes": {(&node): state}})),
                    Message::ProgressState {
                        prompt_id: id(),
                        nodes: vec![NodeProgress { node: node.clone(), value, max, state: "running".into() }],
                    },
                ),
                (
                    sent("executed", json!({"node": node, "output": {"images": [extra]}})),
                    Message::Executed { prompt_id: id(), node: node.clone(), output: Some(json!({"images": [extra]})) },
                ),
            ];
            for (decoded, expected) in of_any {
                prop_assert_eq!(decoded, expected);
            }
            // These say nothing without the prompt: then they are kept as they came.
            let of_one = [
                sent("execution_start", json!({})),
                sent("execution_success", json!({})),
                sent("execution_cached", json!({"nodes": [node]})),
                sent("execution_interrupted", json!({"node_id": node, "executed": [node]})),
                sent("execution_error", json!({"node_id": node, "current_outputs": [node], "traceback": ["a"]})),
            ];
            for decoded in of_one {
                prop_assert_eq!(decoded.prompt_id(), prompt.as_deref());
                prop_assert_eq!(matches!(decoded, Message::OtherText { .. }), prompt.is_none());
            }
        }

        #[test]
        fn no_text_makes_it_fail(text in any::<String>()) {
            let _never_fails = decode_text(&text);
        }

        #[test]
        fn any_data_under_a_known_type_is_typed_or_kept(
            kind in proptest::sample::select(vec!["status", "execution_start", "execution_cached", "executing", "progress", "progress_state",
                "executed", "execution_success", "execution_error", "execution_interrupted", "feature_flags", "logs", "other"]),
            data in json_value(),
        ) {
            let sent = json!({"type": kind, "data": data});
            prop_assert_eq!(decode_text(&sent.to_string()), tolerant(&sent.to_string()));
            if let Message::OtherText { kind: kept_kind, raw } = decode_text(&sent.to_string()) {
                prop_assert_eq!(kept_kind, kind);
                prop_assert_eq!(raw.to_string(), sent.to_string());
            }
        }
    }
}
