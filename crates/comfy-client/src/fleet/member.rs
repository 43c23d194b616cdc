//! What a fleet knows of one of its servers.

use std::sync::Arc;
use std::time::Duration;

use super::FleetEvent;
use super::breaker::Breaker;
use crate::client::Client;
use crate::error::Error;
use crate::workflow::ObjectInfo;

/// A proxy that restarts refuses too.
const BEFORE_BELIEVING: Duration = Duration::from_secs(2);

pub(super) struct Member {
    pub(super) name: Arc<str>,
    pub(super) client: Client,
    pub(super) limit: usize,
    /// Prompts of this fleet that it holds, or is just being given.
    pub(super) in_flight: usize,
    /// Prompts of others that it held at the last look.
    pub(super) others: u64,
    /// How many prompts it was given, ever.
    pub(super) given: u64,
    /// When the last look ended.
    pub(super) looked: Option<Duration>,
    /// Since when the breaker lets nothing through.
    pub(super) down_since: Option<Duration>,
    /// Why the last look or submission failed.
    pub(super) trouble: Option<Error>,
    pub(super) catalogue: Option<Catalogue>,
    pub(super) breaker: Breaker,
}

/// What a server has: its node classes, with the files that their inputs may choose from.
pub(super) struct Catalogue {
    pub(super) info: Arc<ObjectInfo>,
    pub(super) read: Duration,
    /// Somebody missed something in it.
    pub(super) doubted: bool,
}

impl Member {
    pub(super) fn new(name: &str, client: Client, limit: usize) -> Self {
        Self {
            name: name.into(),
            client,
            limit,
            in_flight: 0,
            others: 0,
            given: 0,
            looked: None,
            down_since: None,
            trouble: None,
            catalogue: None,
            breaker: Breaker::NEW,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight < self.breaker.admits(self.limit)
    }

    /// How many prompts a new one waits for; among equals, who was given fewest.
    pub(super) fn load(&self) -> (u64, u64) {
        (self.others.saturating_add(self.in_flight as u64), self.given)
    }

    /// Whether there is nothing to hope for from it: it was down for `patience`, or has refused us for more than a moment.
    pub(super) fn is_given_up(&self, now: Duration, patience: Duration) -> bool {
        let refuses = self.trouble.as_ref().is_some_and(Error::is_refused);
        let patience = if refuses { patience.min(BEFORE_BELIEVING) } else { patience };
        self.down_since.is_some_and(|since| now >= since.saturating_add(patience))
    }

    /// Whether no program has listened at its address for `patience`: it ended, and its queue with it. A proxy before it would
    /// say nothing of that.
    pub(super) fn is_gone(&self, now: Duration, patience: Duration) -> bool {
        let unheard =
            self.trouble.as_ref().is_some_and(Error::nobody_listens) && self.client.transport().config().proxy.is_none();
        unheard && self.down_since.is_some_and(|since| now >= since.saturating_add(patience))
    }

    /// Moves the breaker, and says what a person would want to know of that.
    pub(super) fn turn(&mut self, now: Duration, turn: impl FnOnce(Breaker) -> Breaker) -> Option<FleetEvent> {
        let (before, after) = (self.breaker, turn(self.breaker));
        self.breaker = after;
        let backend = self.name.to_string();
        match (before, after) {
            (before, Breaker::Open { pause, .. }) if before != after => {
                // A restart may bring other nodes and models.
                self.catalogue = None;
                self.down_since.get_or_insert(now);
                Some(FleetEvent::Opened { backend, pause, why: self.trouble.clone() })
            }
            (Breaker::Open { .. }, Breaker::HalfOpen { .. }) => {
                self.down_since = None;
                Some(FleetEvent::Probing { backend })
            }
            (Breaker::HalfOpen { .. }, Breaker::Closed { .. }) => Some(FleetEvent::Closed { backend }),
            _ => None,
        }
    }
}
