//! One event, in types.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

/// Something that happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When, by the engine's clock.
    pub at: Timestamp,
    /// The container's id.
    pub id: String,
    /// What happened.
    pub action: Action,
    /// Who says so.
    pub origin: Origin,
    /// What the engine adds: the container's `name`, its `image`, its labels, and more by action.
    pub attributes: BTreeMap<String, String>,
}

/// Who says that it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The engine told it.
    Told,
    /// Nobody told it, since nobody listened: what is there now leaves no other way.
    Inferred,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// It was made.
    Created,
    /// Its process runs.
    Started,
    /// It was restarted on demand; its end and its start are told as well.
    Restarted,
    /// A signal was sent to it.
    Killed {
        /// The signal's number, as the engine writes it.
        signal: Option<String>,
    },
    /// Its memory was full, and the kernel ended a process of it.
    OutOfMemory,
    /// Its process ended.
    Died {
        /// With which code; not known where nobody saw it.
        exit_code: Option<i64>,
    },
    /// It was stopped on demand; its end is told as well.
    Stopped,
    /// It was removed.
    Destroyed,
    /// Its processes stand still.
    Paused,
    /// They go on.
    Unpaused,
    /// It got another name.
    Renamed,
    /// Its limits or its restart policy changed.
    Updated,
    /// The engine sees that it is well, or is no longer well.
    Health {
        /// Whether it is well.
        healthy: bool,
    },
    /// An action that this crate has no word for, as the engine writes it.
    Other(String),
}

impl Action {
    /// As the engine names it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Action::Created => "create",
            Action::Started => "start",
            Action::Restarted => "restart",
            Action::Killed { .. } => "kill",
            Action::OutOfMemory => "oom",
            Action::Died { .. } => "die",
            Action::Stopped => "stop",
            Action::Destroyed => "destroy",
            Action::Paused => "pause",
            Action::Unpaused => "unpause",
            Action::Renamed => "rename",
            Action::Updated => "update",
            Action::Health { .. } => "health_status",
            Action::Other(name) => name,
        }
    }

    /// Those that are asked for: all but the `exec_*` of health probes, which drown the rest, and what only reads.
    pub(super) const ASKED: [&str; 13] = [
        "create",
        "destroy",
        "die",
        "health_status",
        "kill",
        "oom",
        "pause",
        "rename",
        "restart",
        "start",
        "stop",
        "unpause",
        "update",
    ];

    fn read(name: &str, attributes: &BTreeMap<String, String>) -> Action {
        match name {
            "create" => Action::Created,
            "start" => Action::Started,
            "restart" => Action::Restarted,
            "kill" => Action::Killed { signal: attributes.get("signal").cloned() },
            "oom" => Action::OutOfMemory,
            "die" => Action::Died { exit_code: attributes.get("exitCode").and_then(|code| code.parse().ok()) },
            "stop" => Action::Stopped,
            "destroy" => Action::Destroyed,
            "pause" => Action::Paused,
            "unpause" => Action::Unpaused,
            "rename" => Action::Renamed,
            "update" => Action::Updated,
            "health_status: healthy" => Action::Health { healthy: true },
            "health_status: unhealthy" => Action::Health { healthy: false },
            other => Action::Other(other.to_owned()),
        }
    }
}

impl Event {
    /// The container's name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.attributes.get("name").map(|name| name.trim_start_matches('/'))
    }

    /// The service that it belongs to, by its label.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.attributes.get("com.docker.compose.service").map(String::as_str)
    }

    /// Reads a line of the engine's stream.
    pub(super) fn read(line: &[u8]) -> Result<Event, serde_json::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Line {
            action: String,
            actor: Actor,
            #[serde(rename = "timeNano")]
            nanos: i64,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Actor {
            #[serde(rename = "ID")]
            id: String,
            attributes: Option<BTreeMap<String, String>>,
        }
        let Line { action, actor, nanos } = serde_json::from_slice(line)?;
        let attributes = actor.attributes.unwrap_or_default();
        let at = Timestamp::from_nanosecond(nanos.into()).map_err(<serde_json::Error as serde::de::Error>::custom)?;
        Ok(Event { at, id: actor.id, action: Action::read(&action, &attributes), origin: Origin::Told, attributes })
    }
}
