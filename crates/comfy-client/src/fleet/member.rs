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
/// Of a longer time between two looks nobody knows anything.
const LONGEST_GAP: Duration = Duration::from_secs(10);

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
    /// The first and the last of the looks in a row that found nobody listening at its address.
    pub(super) unheard: Option<(Duration, Duration)>,
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
            unheard: None,
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
        let before = self.unheard.filter(|(_, last)| now <= *last + LONGEST_GAP);
        self.unheard = unheard.then(|| (before.map_or(now, |(first, _)| first), now));
        self.trouble = why;
    }

    /// It did not answer a look, or not take a prompt; none as for [`Self::troubled`].
    pub(super) fn failed(&mut self, now: Duration, why: Option<Error>) -> Option<FleetEvent> {
        let rest = why.as_ref().filter(|error| error.status() == Some(429)).and_then(Error::retry_after);
        self.troubled(now, why);
        if let Some(rest) = rest {
            // As long as it asks for it is not down.
            self.down_since.get_or_insert(now.saturating_add(rest));
        }
        self.turn(now, |breaker| rest.map_or_else(|| breaker.failed(now), |rest| breaker.rests(now, rest)))
    }

    /// It answered somebody.
    pub(super) fn answered(&mut self, at: Duration) {
        self.unheard.take_if(|(first, _)| *first <= at);
    }

    /// Whether no program listened at its address from one look to another that is `patience` later: it ended, and its queue
    /// with it. What was not seen is not counted: the way to it may be whole again since the last look.
    pub(super) fn is_gone(&self, patience: Duration) -> bool {
        self.unheard.is_some_and(|(first, last)| last >= first.saturating_add(patience))
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

    fn member() -> Member {
        Member::new("a", Client::new(Config::new("http://127.0.0.1:1").unwrap()).unwrap(), 1)
    }

    fn unheard() -> Option<Error> {
        Some(Error::new(ErrorKind::Unreachable, "x").because(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)))
    }

    #[test]
    fn it_is_gone_once_it_was_seen_for_so_long_that_nobody_listens() {
        let mut member = member();
        let busy = || Some(Error::new(ErrorKind::Server, "x").with_status(503));
        let looks = (1..50).map(|at| (at, unheard())).chain([(50, busy())]).chain((51..=110).map(|at| (at, unheard())));
        for (second, why) in looks {
            member.troubled(S(second), why);
            assert!(!member.is_gone(S(60)), "{second}");
        }
        member.troubled(S(111), unheard());
        assert!(member.is_gone(S(60)));
    }

    #[test]
    fn of_the_time_between_two_looks_nobody_knows() {
        let mut member = member();
        for second in [1, 2, 40, 41, 62] {
            member.troubled(S(second), unheard());
            assert!(!member.is_gone(S(30)), "{second}");
        }
    }

    #[test]
    fn an_answer_that_a_prompt_got_counts_from_when_it_came() {
        let mut member = member();
        for second in 5..=10 {
            member.troubled(S(second), unheard());
        }
        member.answered(S(4));
        assert!(member.is_gone(S(5)));
        member.answered(S(5));
        assert!(!member.is_gone(S(5)));
    }
}
