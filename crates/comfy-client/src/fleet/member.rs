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
    /// Since when nobody listens at its address.
    pub(super) unheard_since: Option<Duration>,
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
            unheard_since: None,
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

    /// A look or a submission failed so; none for a server that answers, and forgets or runs nothing.
    pub(super) fn troubled(&mut self, now: Duration, why: Option<Error>) {
        // A proxy that is not there says nothing of the server.
        let unheard = why.as_ref().is_some_and(Error::nobody_listens) && self.client.transport().config().proxy.is_none();
        self.unheard_since = unheard.then(|| self.unheard_since.unwrap_or(now));
        self.trouble = why;
    }

    /// Whether no program has listened at its address for `patience`: it ended, and its queue with it.
    pub(super) fn is_gone(&self, now: Duration, patience: Duration) -> bool {
        self.unheard_since.is_some_and(|since| now >= since.saturating_add(patience))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, ErrorKind};

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn it_is_gone_once_nobody_has_listened_for_so_long_without_a_break() {
        let mut member = Member::new("a", Client::new(Config::new("http://127.0.0.1:1").unwrap()).unwrap(), 1);
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let unheard = || Some(Error::new(ErrorKind::Unreachable, "x").because(refused()));
        let busy = Some(Error::new(ErrorKind::Server, "x").with_status(503));
        for (second, why) in [(1, unheard()), (50, busy), (61, unheard()), (100, unheard())] {
            member.troubled(S(second), why);
            assert!(!member.is_gone(S(second), S(60)));
        }
        assert!(!member.is_gone(S(120), S(60)) && member.is_gone(S(121), S(60)));
    }
}
