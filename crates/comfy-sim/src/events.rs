//! Every text message of the WebSocket, typed, and the JSON it becomes.

mod text;

use serde_json::{Map, Value, json};

/// Who gets a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Every connected socket.
    All,
    /// The socket of this client id, if it is connected.
    Client(String),
}

/// Whose prompt it is, as `client_id` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// No `client_id`, or `null`.
    Nobody,
    /// A client id that a socket can have.
    Client(String),
    /// A `client_id` that is no string: it counts as an owner, and no socket is ever that.
    Unreachable,
}

impl Owner {
    pub(crate) fn of(extra_data: &Map<String, Value>) -> Self {
        match extra_data.get("client_id") {
            None | Some(Value::Null) => Self::Nobody,
            Some(Value::String(id)) => Self::Client(id.clone()),
            Some(_) => Self::Unreachable,
        }
    }

    /// The audience of what goes to everyone when the prompt has no owner: progress and interruptions.
    pub(crate) fn or_everyone(&self) -> Option<Audience> {
        match self {
            Self::Nobody => Some(Audience::All),
            Self::Client(id) => Some(Audience::Client(id.clone())),
            Self::Unreachable => None,
        }
    }

    /// The audience of what goes to nobody when the prompt has no owner: everything else about a run.
    pub(crate) fn or_nobody(&self) -> Option<Audience> {
        match self {
            Self::Client(id) => Some(Audience::Client(id.clone())),
            Self::Nobody | Self::Unreachable => None,
        }
    }
}

/// How far one node is. The numbers are floats while a node runs by itself and integers once it is served from the
/// cache, which shows in the JSON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Progress {
    pub(crate) node: String,
    pub(crate) value: Value,
    pub(crate) max: Value,
    pub(crate) state: &'static str,
}

/// A message that the history keeps too.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Milestone {
    Start,
    Cached { nodes: Vec<String> },
    Success,
    Error(Box<Failed>),
    Interrupted { node: String, class: String, executed: Vec<String> },
}

/// A message that says that a node got a blocked input: it looks like an error, ends nothing, and is not kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Blocked {
    pub(crate) node: String,
    pub(crate) class: String,
    pub(crate) executed: Vec<String>,
    pub(crate) text: String,
}

/// What `execution_error` tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failed {
    pub(crate) node: String,
    pub(crate) class: String,
    pub(crate) executed: Vec<String>,
    pub(crate) message: String,
    pub(crate) kind: String,
    pub(crate) traceback: Vec<String>,
    pub(crate) inputs: Value,
    pub(crate) all_nodes: Vec<String>,
}

impl Milestone {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Start => "execution_start",
            Self::Cached { .. } => "execution_cached",
            Self::Success => "execution_success",
            Self::Error(_) => "execution_error",
            Self::Interrupted { .. } => "execution_interrupted",
        }
    }

    /// An interruption reaches everyone when the prompt has no owner; the others then reach nobody.
    pub(crate) fn audience(&self, owner: &Owner) -> Option<Audience> {
        match self {
            Self::Interrupted { .. } => owner.or_everyone(),
            _ => owner.or_nobody(),
        }
    }

    pub(crate) fn data(&self, prompt_id: &str, millis: u64) -> Value {
        let mut data = match self {
            Self::Start | Self::Success => json!({"prompt_id": prompt_id}),
            Self::Cached { nodes } => json!({"nodes": nodes, "prompt_id": prompt_id}),
            Self::Interrupted { node, class, executed } => {
                json!({"prompt_id": prompt_id, "node_id": node, "node_type": class, "executed": executed})
            }
            Self::Error(failed) => json!({
                "prompt_id": prompt_id,
                "node_id": failed.node,
                "node_type": failed.class,
                "executed": failed.executed,
                "exception_message": failed.message,
                "exception_type": failed.kind,
                "traceback": failed.traceback,
                "current_inputs": failed.inputs,
                "current_outputs": failed.all_nodes,
            }),
        };
        data["timestamp"] = Value::from(millis);
        data
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Status {
        remaining: usize,
        sid: Option<String>,
    },
    FeatureFlags,
    Executing {
        node: String,
        prompt_id: String,
    },
    /// To a client that comes back while its prompt runs: the one `executing` without `prompt_id`.
    StillExecuting {
        node: String,
    },
    /// The prompt is over, well or not.
    Idle {
        prompt_id: String,
    },
    Progress {
        node: String,
        value: u64,
        max: u64,
        prompt_id: String,
    },
    ProgressState {
        prompt_id: String,
        nodes: Vec<Progress>,
    },
    Executed {
        node: String,
        output: Value,
        prompt_id: String,
    },
    Milestone {
        name: &'static str,
        data: Value,
    },
    Blocked {
        blocked: Blocked,
        prompt_id: String,
    },
    Logs {
        entries: Value,
        size: Value,
    },
}

/// What the server says it can do, in `/features` and in the first answer on a socket.
pub(crate) fn features() -> Value {
    json!({"supports_preview_metadata": true, "max_upload_size": crate::request::MAX_BODY})
}

/// `{"exec_info": {"queue_remaining": n}}`.
pub(crate) fn exec_info(remaining: usize) -> Value {
    json!({"exec_info": {"queue_remaining": remaining}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hears_what_when_nobody_owns_the_prompt() {
        let extra = |value: Value| value.as_object().cloned().unwrap_or_default();
        let nobody = Owner::of(&extra(json!({})));
        let interrupted = Milestone::Interrupted { node: "1".into(), class: "X".into(), executed: vec![] };
        assert_eq!(nobody, Owner::of(&extra(json!({"client_id": null}))));
        assert_eq!(interrupted.audience(&nobody), Some(Audience::All));
        assert_eq!(Milestone::Start.audience(&nobody), None);
        let mine = Owner::of(&extra(json!({"client_id": "c"})));
        assert_eq!(interrupted.audience(&mine), Some(Audience::Client("c".into())));
        assert_eq!(Milestone::Success.audience(&mine), Some(Audience::Client("c".into())));
        assert_eq!(Owner::of(&extra(json!({"client_id": 5}))).or_everyone(), None);
    }

    #[test]
    fn messages_have_the_recorded_shape() {
        for (event, text) in [
            (
                Event::Status { remaining: 1, sid: None },
                json!({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 1}}}}),
            ),
            (Event::Idle { prompt_id: "p".into() }, json!({"type": "executing", "data": {"node": null, "prompt_id": "p"}})),
            (Event::StillExecuting { node: "3".into() }, json!({"type": "executing", "data": {"node": "3"}})),
        ] {
            assert_eq!(event.text(), crate::py::json::dumps(&text));
        }
        assert_eq!(
            Milestone::Cached { nodes: vec!["1".into()] }.data("p", 7),
            json!({"nodes": ["1"], "prompt_id": "p", "timestamp": 7})
        );
    }
}
