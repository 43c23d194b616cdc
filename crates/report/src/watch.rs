//! What a watch says: what it watches, what became other than before, what it did about it.

use std::time::Duration;

use jiff::Timestamp;

use crate::{Failure, Finding};

/// Something that happened while files were watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// When it was noticed.
    pub at: Timestamp,
    /// The service that it is about; none if it is about the watch itself.
    pub service: Option<String>,
    /// What happened.
    pub what: What,
}

/// What happened. Closed: who renders it must render all of it.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The watch began: the first thing that is said.
    Began {
        /// What is watched, a service each.
        services: Vec<Watched>,
        /// Whether targets that drift are written again.
        repairs: bool,
        /// How changes are noticed.
        noticing: Noticing,
    },
    /// What is watched of a service is something else now: its source of truth names other targets.
    Watching(Watched),
    /// From now on changes are noticed in this way.
    Noticing(Noticing),
    /// A condition of the source of truth is other than before, as this check found it.
    Source(Box<Finding>),
    /// The source of truth holds another token than before.
    Renewed {
        /// The source of truth.
        place: String,
        /// The new token's fingerprint.
        fingerprint: String,
    },
    /// A target differs from the source of truth, or differs in another way than before.
    Drifted(Drift),
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
        wait: Duration,
    },
    /// Something could not be done; it is tried again.
    Failed {
        /// Why.
        failure: Failure,
        /// When it is tried again, if nothing changes before.
        wait: Duration,
    },
    /// What a stopped run of a program had left unfinished was ended.
    Recovered(String),
    /// The watch ended, and why: the last thing that is said.
    Ended(Failure),
}

/// What is watched of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noticing {
    /// The system tells at once.
    Events,
    /// By looking again and again.
    Polling {
        /// How often.
        every: Duration,
        /// Why the system's news are not enough; none if polling was wished.
        because: Option<String>,
    },
}

/// How a target differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The target.
    pub place: String,
    /// What its reader sees there.
    pub seen: String,
    /// The fingerprint of the token that it holds, if it holds one.
    pub fingerprint: Option<String>,
    /// The fingerprint of the token that it must hold.
    pub expected: String,
}
