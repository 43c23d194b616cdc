//! Version 1 of what `genai-stack swarm` says. A field is never removed or given another meaning in this version; new fields and new
//! documents may come.

use schemars::JsonSchema;
use serde::Serialize;

/// One answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// The version of this format.
    pub version: u32,
    /// The answer.
    #[serde(flatten)]
    pub document: Document,
}

/// What was asked for.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "document", rename_all = "kebab-case")]
pub enum Document {
    /// `up --dry-run`: what would be changed.
    Plan {
        /// Each change, in words, in order. None if all is as the stack says.
        changes: Vec<String>,
    },
    /// `up`: what was changed, and what runs now.
    Applied {
        /// Each change, in words, in order. None if all was as the stack says.
        changes: Vec<String>,
        /// The services.
        services: Vec<Service>,
    },
    /// `down`: what was removed.
    Removed {
        /// Each removal, in words, in order. None if nothing was there.
        changes: Vec<String>,
    },
    /// `status`: what runs.
    Status {
        /// The services.
        services: Vec<Service>,
    },
}

/// A service of the Swarm.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Service {
    /// Its full name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// How many replicas run as they should.
    pub running: u64,
    /// How many are asked for.
    pub wanted: u64,
    /// The roll-out's state in the engine's word, such as `updating`, `completed`, `paused`; empty if there was none.
    pub update: String,
    /// Its tasks that should run, and the last failure of each replica.
    pub tasks: Vec<Task>,
}

/// One replica's container, or the attempt at one.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Task {
    /// Which replica, from 1.
    pub slot: u64,
    /// Its state in the engine's word.
    pub state: String,
    /// What went wrong, in the engine's words; empty if nothing did.
    pub error: String,
    /// When it came to this state, by the engine's clock, RFC 3339; null if the engine doesn't say.
    pub at: Option<String>,
    /// It should run; else it is past, and kept for its error.
    pub meant: bool,
    /// It is made from the service as it is now.
    pub current: bool,
    /// The cards that it was given.
    pub cards: Vec<String>,
    /// Its container's id, once there is one.
    pub container: Option<String>,
}
