//! What a watch of containers says: what became other than before, why, and what it did about an idle server.

use std::time::Duration;

use jiff::Timestamp;

use crate::Failure;

/// Something that happened while containers were watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// When it was noticed.
    pub at: Timestamp,
    /// The container that it is about; none if it is about the watch itself or the server.
    pub container: Option<String>,
    /// What happened.
    pub what: What,
}

/// What happened. Closed: who renders it must render all of it.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The watch began: the first thing that is said.
    Began {
        /// Compose's project name.
        project: String,
        /// Its containers, with their state in a word.
        containers: Vec<(String, String)>,
        /// The services whose models are unloaded, and after how long without work.
        idle_unload: Vec<(String, Duration)>,
    },
    /// There is a container that was not there.
    Appeared {
        /// Its state in a word.
        state: String,
    },
    /// A container is in another state.
    Changed {
        /// Its state before, in a word.
        before: String,
        /// Its state now, in a word.
        now: String,
        /// What ended it, if it ended, and what to do.
        why: Option<(String, String)>,
    },
    /// A container ended and was started again between two looks.
    Restarted {
        /// How often by now.
        count: u64,
    },
    /// There is a container no more.
    Gone,
    /// The server of a service was told to give back the memory of its models.
    Unloaded {
        /// The service.
        service: String,
        /// How long nothing had run.
        idle: Duration,
    },
    /// Something could not be looked at or done; it is tried again.
    Failed(Failure),
    /// The watch ended, and why: the last thing that is said.
    Ended(Failure),
}
