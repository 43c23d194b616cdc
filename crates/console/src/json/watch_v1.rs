//! Version 1 of what a watch says: one object a line. A field is never removed or given another meaning in this version; new fields and
//! new events may come.

use report::watch;
use schemars::JsonSchema;
use serde::Serialize;

use super::v1::{Finding, Stopped};
use crate::ExitCode;

/// One line: something that happened while files were watched.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Line {
    /// The version of this format.
    pub version: u32,
    /// When it was noticed, RFC 3339 in UTC.
    pub at: String,
    /// The service that it is about; null if it is about the watch itself.
    pub service: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The watch began: the first line.
    Began {
        /// What is watched, a service each.
        services: Vec<Watched>,
        /// Whether everything is as it must be.
        in_sync: bool,
        /// Whether targets that drift are written again.
        repairs: bool,
        /// How changes are noticed.
        noticing: Noticing,
    },
    /// What is watched of a service is something else now.
    Watching {
        /// What is watched.
        watched: Watched,
    },
    /// From now on changes are noticed in this way.
    Noticing {
        /// The way.
        noticing: Noticing,
    },
    /// A condition of the source of truth is other than before.
    Source {
        /// What its check found.
        finding: Finding,
    },
    /// The source of truth holds another token than before.
    Renewed {
        /// The source of truth.
        place: String,
        /// The new token's fingerprint.
        fingerprint: String,
    },
    /// A target differs from the source of truth, or differs in another way than before.
    Drifted {
        /// The target.
        place: String,
        /// What its reader sees there, without secrets.
        seen: String,
        /// The fingerprint of the token that it holds; null if it holds none.
        fingerprint: Option<String>,
        /// The fingerprint of the token that it must hold.
        expected: String,
    },
    /// A target that differed is right again, by somebody else's doing.
    InSync {
        /// The target.
        place: String,
    },
    /// Targets were written, all in one step.
    Repaired {
        /// The targets.
        places: Vec<String>,
    },
    /// Targets drift again and again: they are written only after a pause.
    PutOff {
        /// The targets.
        places: Vec<String>,
        /// How long until then.
        wait_seconds: f64,
    },
    /// Something could not be done; it is tried again.
    Failed {
        /// Why.
        failure: Stopped,
        /// When it is tried again, if nothing changes before.
        wait_seconds: f64,
    },
    /// What a stopped run of a program had left unfinished was ended.
    Recovered {
        /// What was done.
        message: String,
    },
    /// The watch ended: the last line, unless nobody reads it any more.
    Ended {
        /// Why.
        failure: Stopped,
        /// The exit code of the process.
        exit_code: u8,
    },
}

/// What is watched of one service.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Watched {
    /// The service's name.
    pub service: String,
    /// Its source of truth.
    pub source: String,
    /// Its targets.
    pub targets: Vec<String>,
    /// What of it is not as it must be: targets that differ, checks of the source of truth that fail.
    pub amiss: Vec<String>,
}

/// How changes are noticed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Noticing {
    /// The system tells at once.
    Events,
    /// By looking again and again.
    Polling {
        /// How often.
        every_seconds: f64,
        /// Why the system's news are not enough; null if polling was wished.
        because: Option<String>,
    },
}

impl From<&watch::Happening> for Line {
    fn from(happening: &watch::Happening) -> Self {
        let (at, service) = (happening.at.to_string(), happening.service.clone());
        Self { version: 1, at, service, event: Event::from(&happening.what) }
    }
}

impl From<&watch::What> for Event {
    fn from(what: &watch::What) -> Self {
        use watch::What;
        match what {
            What::Began { services, repairs, noticing } => Self::Began {
                services: services.iter().map(Watched::from).collect(),
                in_sync: services.iter().all(|watched| watched.amiss.is_empty()),
                repairs: *repairs,
                noticing: noticing.into(),
            },
            What::Watching(watched) => Self::Watching { watched: watched.into() },
            What::Noticing(noticing) => Self::Noticing { noticing: noticing.into() },
            What::Source(finding) => Self::Source { finding: finding.as_ref().into() },
            What::Renewed { place, fingerprint } => Self::Renewed { place: place.clone(), fingerprint: fingerprint.clone() },
            What::Drifted(watch::Drift { place, seen, fingerprint, expected }) => Self::Drifted {
                place: place.clone(),
                seen: seen.clone(),
                fingerprint: fingerprint.clone(),
                expected: expected.clone(),
            },
            What::InSync { place } => Self::InSync { place: place.clone() },
            What::Repaired { places } => Self::Repaired { places: places.clone() },
            What::PutOff { places, wait } => Self::PutOff { places: places.clone(), wait_seconds: wait.as_secs_f64() },
            What::Failed { failure, wait } => Self::Failed { failure: failure.into(), wait_seconds: wait.as_secs_f64() },
            What::Recovered(message) => Self::Recovered { message: message.clone() },
            What::Ended(failure) => Self::Ended { failure: failure.into(), exit_code: ExitCode::for_kind(failure.kind) as u8 },
        }
    }
}

impl From<&watch::Watched> for Watched {
    fn from(watched: &watch::Watched) -> Self {
        let watch::Watched { service, source, targets, amiss } = watched.clone();
        Self { service, source, targets, amiss }
    }
}

impl From<&watch::Noticing> for Noticing {
    fn from(noticing: &watch::Noticing) -> Self {
        match noticing {
            watch::Noticing::Events => Self::Events,
            watch::Noticing::Polling { every, because } => {
                Self::Polling { every_seconds: every.as_secs_f64(), because: because.clone() }
            }
        }
    }
}
