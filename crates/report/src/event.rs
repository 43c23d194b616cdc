//! What a journey says while it runs.

use std::sync::Arc;

use crate::{Change, Failure, Finding};

/// Something that happened in a running journey. Closed: who renders it must render all of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A new part of the journey begins.
    Section(String),
    /// Something is known or done that needs no proof.
    Note(String),
    /// Something that takes a while has begun.
    Started(String),
    /// The running work is this far: `done` of `total`, and what it is at.
    Progress {
        /// How much is done.
        done: u64,
        /// How much there is.
        total: u64,
        /// What is being done.
        what: String,
    },
    /// A check ended.
    Found(Box<Finding>),
    /// A file was changed, or would be.
    Changed(Change),
    /// The journey can't go on with the service it was at; it goes on with the next.
    Stopped(Failure),
}

/// Where a journey's events go; cheap to clone, never blocks.
#[derive(Clone)]
pub struct Sink(Arc<dyn Fn(Event) + Send + Sync>);

impl Sink {
    /// Gives every event to `consumer`.
    pub fn new(consumer: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(consumer))
    }

    /// Drops every event.
    pub fn silent() -> Self {
        Self::new(drop)
    }

    /// Hands over one event.
    pub fn send(&self, event: Event) {
        (self.0)(event);
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sink")
    }
}
