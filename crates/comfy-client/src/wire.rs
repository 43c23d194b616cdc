//! What comes over the WebSocket, decoded. Pure, and never fails: what is not known is kept as it came.

mod binary;
mod text;

use bytes::Bytes;
use serde_json::{Map, Value};

pub use binary::decode_binary;
pub use text::decode_text;
pub(crate) use text::error;

/// One message of the server. Node ids are strings (`12:3` in a subgraph), progress may be broken numbers, and a prompt
/// id that the server left out is `None`.
///
/// ```
/// use comfy_client::wire::{Message, decode_text};
///
/// let text = r#"{"type": "executing", "data": {"prompt_id": "p", "node": "12:3"}}"#;
/// assert_eq!(decode_text(text), Message::Executing { prompt_id: Some("p".into()), node: Some("12:3".into()) });
/// // What nobody knows is kept.
/// assert!(matches!(decode_text(r#"{"type": "new"}"#), Message::OtherText { kind, .. } if kind == "new"));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// The queue changed; sent to everybody.
    Status {
        /// Prompts that wait or run, of everybody.
        queue_remaining: Option<u64>,
        /// Our client id, in the first message of a connection.
        sid: Option<String>,
    },
    /// A prompt begins.
    ExecutionStart {
        /// The prompt.
        prompt_id: String,
    },
    /// These nodes need not run.
    ExecutionCached {
        /// The prompt.
        prompt_id: String,
        /// The nodes.
        nodes: Vec<String>,
    },
    /// A node begins, or, without a node, the prompt has ended, well or not.
    Executing {
        /// The prompt; missing in the message that greets a connection that comes back.
        prompt_id: Option<String>,
        /// The node.
        node: Option<String>,
    },
    /// How far a node is.
    Progress {
        /// The prompt.
        prompt_id: Option<String>,
        /// The node.
        node: Option<String>,
        /// How far.
        value: f64,
        /// Of how much.
        max: f64,
    },
    /// How far all nodes are that have begun.
    ProgressState {
        /// The prompt.
        prompt_id: Option<String>,
        /// The nodes.
        nodes: Vec<NodeProgress>,
    },
    /// A node has its result.
    Executed {
        /// The prompt.
        prompt_id: Option<String>,
        /// The node.
        node: String,
        /// What it shows, such as its files.
        output: Option<Value>,
    },
    /// The prompt ended well. History may lag by some milliseconds.
    ExecutionSuccess {
        /// The prompt.
        prompt_id: String,
    },
    /// A node failed.
    ExecutionError(Box<ExecutionError>),
    /// Somebody stopped the prompt.
    ExecutionInterrupted {
        /// The prompt.
        prompt_id: String,
        /// The node that ran.
        node: Option<String>,
        /// Its class.
        node_type: Option<String>,
        /// The nodes that were done.
        executed: Vec<String>,
    },
    /// What the server can do, in answer to the same message of ours.
    FeatureFlags(Map<String, Value>),
    /// Lines of the server's log, for those who subscribed.
    Logs {
        /// The lines.
        entries: Vec<String>,
    },
    /// A picture: a preview, or what a node sends instead of a file.
    Preview(Preview),
    /// A node's words while it runs.
    NodeText {
        /// The prompt, from servers that say it.
        prompt_id: Option<String>,
        /// The node.
        node: String,
        /// The text.
        text: String,
    },
    /// A JSON message of another type, as it came.
    OtherText {
        /// Its type; empty if it has none.
        kind: String,
        /// The whole message.
        raw: Value,
    },
    /// A text message that is not JSON, as it came.
    NotJson(String),
    /// A binary message of another type, or too short for its own, as it came.
    OtherBinary(Bytes),
}

impl Message {
    /// The prompt that the message names.
    ///
    /// ```
    /// let message = comfy_client::wire::decode_text(r#"{"type": "execution_start", "data": {"prompt_id": "p"}}"#);
    /// assert_eq!(message.prompt_id(), Some("p"));
    /// ```
    #[must_use]
    pub fn prompt_id(&self) -> Option<&str> {
        match self {
            Self::ExecutionStart { prompt_id }
            | Self::ExecutionCached { prompt_id, .. }
            | Self::ExecutionSuccess { prompt_id }
            | Self::ExecutionInterrupted { prompt_id, .. } => Some(prompt_id),
            Self::Executing { prompt_id, .. }
            | Self::Progress { prompt_id, .. }
            | Self::ProgressState { prompt_id, .. }
            | Self::Executed { prompt_id, .. }
            | Self::NodeText { prompt_id, .. } => prompt_id.as_deref(),
            Self::ExecutionError(error) => Some(&error.prompt_id),
            Self::Preview(preview) => preview.prompt_id.as_deref(),
            Self::OtherText { raw, .. } => raw.get("data")?.get("prompt_id")?.as_str(),
            Self::Status { .. } | Self::FeatureFlags(_) | Self::Logs { .. } | Self::NotJson(_) | Self::OtherBinary(_) => None,
        }
    }
}

/// How far one node is.
///
/// ```
/// use comfy_client::wire::{Message, decode_text};
///
/// let text = r#"{"type": "progress_state", "data": {"prompt_id": "p", "nodes": {"3": {"value": 5, "max": 20, "state": "running"}}}}"#;
/// let Message::ProgressState { nodes, .. } = decode_text(text) else { panic!() };
/// assert_eq!((nodes[0].node.as_str(), nodes[0].value / nodes[0].max), ("3", 0.25));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NodeProgress {
    /// The node.
    pub node: String,
    /// How far.
    pub value: f64,
    /// Of how much.
    pub max: f64,
    /// `pending`, `running`, `finished` or `error`, in the server's word.
    pub state: String,
}

/// Why a node failed.
///
/// ```
/// use comfy_client::wire::{Message, decode_text};
///
/// let text = r#"{"type": "execution_error", "data": {"prompt_id": "p", "node_id": "3", "exception_message": "out of memory"}}"#;
/// let Message::ExecutionError(error) = decode_text(text) else { panic!() };
/// assert_eq!((error.node.as_str(), error.exception_message.as_str()), ("3", "out of memory"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ExecutionError {
    /// The prompt.
    pub prompt_id: String,
    /// The node.
    pub node: String,
    /// Its class.
    pub node_type: String,
    /// The Python exception's class.
    pub exception_type: String,
    /// The Python exception's message.
    pub exception_message: String,
    /// Python's traceback, line by line. It may hold paths and values of the server.
    pub traceback: Vec<String>,
    /// The nodes that were done.
    pub executed: Vec<String>,
}

impl ExecutionError {
    /// Whether only one branch was blocked and the prompt goes on.
    ///
    /// ```
    /// let mut error = comfy_client::ExecutionError::default();
    /// error.exception_type = "ExecutionBlocked".into();
    /// assert!(error.is_only_blocked());
    /// ```
    #[must_use]
    pub fn is_only_blocked(&self) -> bool {
        self.exception_type == "ExecutionBlocked"
    }
}

/// A picture that came over the WebSocket.
///
/// ```
/// use comfy_client::{ImageFormat, wire::{Message, decode_binary}};
///
/// let Message::Preview(preview) = decode_binary(&b"\0\0\0\x01\0\0\0\x02\x89PNG"[..].into()) else { panic!() };
/// assert_eq!((preview.format, &preview.image[..]), (ImageFormat::Png, &b"\x89PNG"[..]));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Preview {
    /// The prompt, from servers that say it.
    pub prompt_id: Option<String>,
    /// The node, from servers that say it.
    pub node: Option<String>,
    /// The picture's format.
    pub format: ImageFormat,
    /// The picture.
    pub image: Bytes,
}

/// The format of a picture that came over the WebSocket.
///
/// ```
/// use comfy_client::ImageFormat;
///
/// let extension = |format| match format {
///     ImageFormat::Jpeg => "jpg",
///     ImageFormat::Png => "png",
///     _ => "bin",
/// };
/// assert_eq!(extension(ImageFormat::Png), "png");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// Something else: look at the bytes.
    Other,
}

/// A whole number that may come as `5` or `5.0`.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let float = value.as_f64()?;
        // The range is checked, so nothing is cut off.
        let fits = (0.0..9_007_199_254_740_992.0).contains(&float) && float.fract() == 0.0;
        if fits { format!("{float:.0}").parse().ok() } else { None }
    })
}
