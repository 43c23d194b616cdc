//! Version 1 of what a batch says: one object a line for each item as it ends. A field is never removed or given another meaning in
//! this version; new fields and new words may come.

use schemars::JsonSchema;
use serde::Serialize;

use super::v1::Stopped;

/// One line: what became of one item.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Line {
    /// The version of this format.
    pub version: u32,
    /// When it ended, RFC 3339 in UTC.
    pub at: String,
    /// The item's id.
    pub id: String,
    /// `succeeded`; or `failed`, `interrupted`, `cancelled`, `lost`, `stalled` as a run ends; `unsaved` if a file could not be brought
    /// home; `rejected` if no server would take it; `expired` if none had room in time; `unserved` if none answered; `unknown` if it may
    /// have run, and nobody can tell.
    pub outcome: String,
    /// The server that had it last; null if none was tried.
    pub backend: Option<String>,
    /// The prompt's id there, if the server took it.
    pub prompt_id: Option<String>,
    /// How often it went to a server again.
    pub reroutes: u32,
    /// How long it took, from the moment that it began to wait for a server.
    pub seconds: f64,
    /// The files that it made.
    pub files: Vec<File>,
    /// Why it did not end well, with what to do; null if it did.
    pub error: Option<Stopped>,
}

/// A file that an item made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct File {
    /// The file on the server, such as `output/cats/1.png`; `websocket/NODE` for a picture that a node sent in place of a file.
    pub file: String,
    /// The node that made it.
    pub node: String,
    /// The file on this machine; null if it could not be brought home, as are length and digest.
    pub path: Option<String>,
    /// Its length in bytes.
    pub bytes: Option<u64>,
    /// Its SHA-256.
    pub sha256: Option<String>,
}

impl Line {
    /// The line as it is written, with its end.
    pub fn text(&self) -> String {
        super::line(self)
    }
}
