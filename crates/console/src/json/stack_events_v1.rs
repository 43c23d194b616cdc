//! Version 1 of what happens to containers: one object a line. A field is never removed or given another meaning in this version; new
//! fields, actions and events may come.

use schemars::JsonSchema;
use serde::Serialize;

use super::v1::Stopped;

/// One line.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Line {
    /// The version of this format.
    pub version: u32,
    /// What is told.
    #[serde(flatten)]
    pub event: Event,
}

/// What is told.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Something happened to a container.
    Happened(Happened),
    /// The connection to the engine is lost; it is tried again until it is there.
    Lost {
        /// Why.
        error: Stopped,
    },
    /// The connection is there again; what was missed follows.
    Resumed,
    /// The stream can't go on: the last line.
    Ended {
        /// Why.
        error: Stopped,
    },
}

/// Something that happened to a container.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Happened {
    /// When, by the engine's clock, RFC 3339 in UTC.
    pub at: String,
    /// The container's id.
    pub container: String,
    /// Its name.
    pub name: Option<String>,
    /// The service that it belongs to.
    pub service: Option<String>,
    /// What happened, as the engine names it: `start`, `die`, `oom`, `health_status` and so on.
    pub action: String,
    /// Of `die`: the exit code; null where nobody saw it.
    pub exit_code: Option<i64>,
    /// Of `kill`: the signal's number.
    pub signal: Option<String>,
    /// Of `health_status`: whether it is well.
    pub healthy: Option<bool>,
    /// Nobody told it, since the connection was lost: what is there now leaves no other way.
    pub inferred: bool,
}
