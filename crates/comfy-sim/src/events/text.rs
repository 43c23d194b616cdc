//! The JSON text of each message. The frequent ones are written straight, without a tree of values in between.

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::{Value, json};

use super::{Event, Progress, exec_info, features};
use crate::py::json::dumps;

#[derive(Serialize)]
struct Message<T> {
    r#type: &'static str,
    data: T,
}

fn message<T: Serialize>(name: &'static str, data: T) -> String {
    dumps(&Message { r#type: name, data })
}

#[derive(Serialize)]
struct Executing<'e> {
    node: &'e str,
    display_node: &'e str,
    prompt_id: &'e str,
}

#[derive(Serialize)]
struct Executed<'e> {
    node: &'e str,
    display_node: &'e str,
    output: &'e Value,
    prompt_id: &'e str,
}

#[derive(Serialize)]
struct States<'e> {
    prompt_id: &'e str,
    nodes: Nodes<'e>,
}

struct Nodes<'e> {
    prompt_id: &'e str,
    nodes: &'e [Progress],
}

#[derive(Serialize)]
struct State<'e> {
    value: &'e Value,
    max: &'e Value,
    state: &'static str,
    node_id: &'e str,
    prompt_id: &'e str,
    display_node_id: &'e str,
    parent_node_id: (),
    real_node_id: &'e str,
}

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.nodes.iter().map(|Progress { node, value, max, state }| {
            let [node_id, display_node_id, real_node_id] = [node.as_str(); 3];
            let prompt_id = self.prompt_id;
            let state = State { value, max, state, node_id, prompt_id, display_node_id, parent_node_id: (), real_node_id };
            (node, state)
        }))
    }
}

impl Event {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Status { remaining, sid } => {
                let mut data = json!({"status": exec_info(*remaining)});
                if let Some(sid) = sid {
                    data["sid"] = Value::from(sid.as_str());
                }
                message("status", data)
            }
            Self::FeatureFlags => message("feature_flags", features()),
            Self::Executing { node, prompt_id } => message("executing", Executing { node, display_node: node, prompt_id }),
            Self::StillExecuting { node } => message("executing", json!({"node": node})),
            Self::Idle { prompt_id } => message("executing", json!({"node": null, "prompt_id": prompt_id})),
            Self::Progress { node, value, max, prompt_id } => {
                message("progress", json!({"value": value, "max": max, "prompt_id": prompt_id, "node": node}))
            }
            Self::ProgressState { prompt_id, nodes } => {
                message("progress_state", States { prompt_id, nodes: Nodes { prompt_id, nodes } })
            }
            Self::Executed { node, output, prompt_id } => {
                message("executed", Executed { node, display_node: node, output, prompt_id })
            }
            Self::Milestone { name, data } => message(name, data),
            Self::Blocked { blocked, prompt_id } => message(
                "execution_error",
                json!({
                    "prompt_id": prompt_id,
                    "node_id": blocked.node,
                    "node_type": blocked.class,
                    "executed": blocked.executed,
                    "exception_message": format!("Execution Blocked: {}", blocked.text),
                    "exception_type": "ExecutionBlocked",
                    "traceback": [],
                    "current_inputs": [],
                    "current_outputs": [],
                }),
            ),
            Self::Logs { entries, size } => message("logs", json!({"entries": entries, "size": size})),
        }
    }
}
