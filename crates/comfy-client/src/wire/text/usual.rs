//! The messages of every run, of some of which it sends dozens, decoded in one pass. Whatever is not of the usual shape is left to the
//! tolerant way, which is four times as slow; the tests hold the two against each other.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::super::{Message, NodeProgress};

#[derive(Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
enum Usual {
    Status {
        status: Status,
        sid: Option<String>,
    },
    ExecutionStart {
        prompt_id: String,
    },
    ExecutionCached {
        prompt_id: String,
        nodes: Vec<String>,
    },
    Executing {
        prompt_id: Option<String>,
        node: Option<String>,
    },
    Progress {
        prompt_id: Option<String>,
        node: Option<String>,
        value: f64,
        max: f64,
    },
    ProgressState {
        prompt_id: Option<String>,
        #[serde(deserialize_with = "nodes")]
        nodes: Vec<NodeProgress>,
    },
    Executed {
        prompt_id: Option<String>,
        node: String,
        output: Option<Value>,
    },
    ExecutionSuccess {
        prompt_id: String,
    },
}

#[derive(Deserialize)]
struct Status {
    exec_info: ExecInfo,
}

#[derive(Deserialize)]
struct ExecInfo {
    queue_remaining: u64,
}

#[derive(Deserialize)]
struct State {
    value: f64,
    max: f64,
    state: String,
}

pub(super) fn decode(text: &str) -> Option<Message> {
    Some(match serde_json::from_str(text).ok()? {
        Usual::Status { status, sid } => Message::Status { queue_remaining: Some(status.exec_info.queue_remaining), sid },
        Usual::ExecutionStart { prompt_id } => Message::ExecutionStart { prompt_id },
        Usual::ExecutionCached { prompt_id, nodes } => Message::ExecutionCached { prompt_id, nodes },
        Usual::Executing { prompt_id, node } => Message::Executing { prompt_id, node },
        Usual::Progress { prompt_id, node, value, max } => Message::Progress { prompt_id, node, value, max },
        Usual::ProgressState { prompt_id, nodes } => Message::ProgressState { prompt_id, nodes },
        Usual::Executed { prompt_id, node, output } => Message::Executed { prompt_id, node, output },
        Usual::ExecutionSuccess { prompt_id } => Message::ExecutionSuccess { prompt_id },
    })
}

/// An object as a list, in its order.
fn nodes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NodeProgress>, D::Error> {
    struct Nodes;

    impl<'de> Visitor<'de> for Nodes {
        type Value = Vec<NodeProgress>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of nodes")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut nodes = Vec::new();
            while let Some((node, State { value, max, state })) = map.next_entry()? {
                nodes.push(NodeProgress { node, value, max, state });
            }
            Ok(nodes)
        }
    }

    deserializer.deserialize_map(Nodes)
}
