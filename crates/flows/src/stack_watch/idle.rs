//! How long a server has had nothing to do.

use std::time::Duration;

use tokio::time::Instant;

/// What a server has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Load {
    /// Prompts that wait or run.
    pub(super) waiting: u64,
    /// The prompt that ran last, as far as the server remembers.
    pub(super) last: Option<String>,
}

/// One idle spell after the other.
#[derive(Debug)]
pub(super) struct Idle {
    after: Duration,
    since: Option<Instant>,
    last: Option<String>,
    is_unloaded: bool,
}

impl Idle {
    pub(super) fn new(after: Duration) -> Self {
        Self { after, since: None, last: None, is_unloaded: false }
    }

    /// How long nothing must have run.
    pub(super) fn after(&self) -> Duration {
        self.after
    }

    /// Whether the models are to be unloaded now, and how long nothing has run. A spell counts from the first look that sees no work: what
    /// ran between two looks is seen by the history, and begins a new spell.
    pub(super) fn due(&mut self, now: Instant, load: Load) -> Option<Duration> {
        if load.waiting > 0 || load.last != self.last {
            self.forget();
            self.last = load.last;
        }
        if load.waiting > 0 {
            return None;
        }
        let idle = now.saturating_duration_since(*self.since.get_or_insert(now));
        (!self.is_unloaded && idle >= self.after).then_some(idle)
    }

    /// It was done for this spell.
    pub(super) fn unloaded(&mut self) {
        self.is_unloaded = true;
    }

    /// The spell is over.
    pub(super) fn forget(&mut self) {
        (self.since, self.is_unloaded) = (None, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn once_per_spell_and_never_while_something_runs() {
        let start = Instant::now();
        let mut idle = Idle::new(Duration::from_secs(600));
        let mut at = |minutes: u64, waiting, last: &str| {
            let load = Load { waiting, last: Some(last.to_owned()) };
            let due = idle.due(start + Duration::from_secs(minutes * 60), load);
            if due.is_some() {
                idle.unloaded();
            }
            due.map(|idle| idle.as_secs() / 60)
        };
        assert_eq!(at(0, 0, "a"), None);
        assert_eq!(at(9, 0, "a"), None);
        assert_eq!(at(10, 0, "a"), Some(10));
        assert_eq!(at(30, 0, "a"), None, "once per spell");
        assert_eq!(at(31, 2, "a"), None, "something runs");
        assert_eq!(at(60, 1, "a"), None, "however long");
        assert_eq!(at(61, 0, "b"), None);
        assert_eq!(at(70, 0, "c"), None, "a run that no look has seen begins a new spell");
        assert_eq!(at(79, 0, "c"), None);
        assert_eq!(at(80, 0, "c"), Some(10));
    }
}
