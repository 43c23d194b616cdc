//! Version 1 of what `genai-stack` says of the containers of a project. A field is never removed or given another meaning in this version;
//! new fields and new documents may come.

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
    /// `status`: the project, as it stands.
    Status(Status),
}

/// The project, as it stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Status {
    /// Compose's name of the project.
    pub project: String,
    /// The engine that was asked.
    pub engine: Engine,
    /// Whether every service is well.
    pub well: bool,
    /// The services that are meant, in the order of their names.
    pub services: Vec<Service>,
    /// Containers of the project that are of no service, by name.
    pub orphans: Vec<String>,
    /// What of somebody else has a name that the project needs.
    pub in_the_way: Vec<String>,
}

/// The engine that was asked.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Engine {
    /// Where it listens.
    pub endpoint: String,
    /// Its version.
    pub version: String,
    /// The version of the API in every request.
    pub api: String,
}

/// A service, as it stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Whether it runs, is not known to be unwell, is as it must be, and would still ask for a credential after a restart.
    pub well: bool,
    /// Its container; null if there is none.
    pub container: Option<Container>,
    /// Whether a run started its container and nobody has seen it ask for a credential since.
    pub unproven: bool,
    /// Whether ComfyUI would ask for a credential if it were started now: its PASSWORD and its plugin.
    pub checks: Vec<Check>,
    /// When its token was made or last renewed, RFC 3339; null if nobody knows.
    pub token_since: Option<String>,
    /// How many days ago that was.
    pub token_days: Option<i64>,
}

/// A condition that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Check {
    /// Its id: the wished condition in kebab case.
    pub check: String,
    /// `pass`, `warn`, `fail`, `skipped` or `unknown`.
    pub outcome: &'static str,
    /// Why it was skipped or could not be decided.
    pub reason: Option<String>,
    /// One sentence: what is so.
    pub summary: String,
}

/// A container, as it stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The image that it was made of, by digest.
    pub image: String,
    /// `created`, `running`, `paused`, `restarting`, `exited` or `dead`.
    pub state: &'static str,
    /// `starting`, `healthy` or `unhealthy`; null without a probe.
    pub health: Option<&'static str>,
    /// What its probe said last, if it is not well.
    pub probe: Option<String>,
    /// How it ended the last time; null if it never did.
    pub exit: Option<Exit>,
    /// When it was started, RFC 3339; null if it never was.
    pub started_at: Option<String>,
    /// How often the engine started it again since somebody did.
    pub restarts: u64,
    /// Ports of the host that lead into it.
    pub ports: Vec<Port>,
    /// Folders of the host that it sees.
    pub mounts: Vec<Mount>,
    /// The cards that were asked for.
    pub gpus: Vec<String>,
    /// Where it differs from what it must be, field by field.
    pub drift: Vec<Drift>,
}

/// How a container ended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Exit {
    /// The exit code.
    pub code: i64,
    /// Whether the kernel killed it for want of memory.
    pub out_of_memory: bool,
    /// What the engine says of it.
    pub error: Option<String>,
}

/// A port of the host that leads into a container.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Port {
    /// The host's address.
    pub address: String,
    /// The host's port.
    pub host_port: u16,
    /// The container's.
    pub container_port: u16,
}

/// A folder of the host that a container sees.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Mount {
    /// On the host.
    pub source: String,
    /// In the container.
    pub target: String,
    /// Whether the container may write to it.
    pub writable: bool,
}

/// A field in which a container is not as it must be.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Drift {
    /// The field.
    pub field: String,
    /// What it must be; null for nothing.
    pub wanted: Option<String>,
    /// What it is; null for nothing.
    pub found: Option<String>,
}
