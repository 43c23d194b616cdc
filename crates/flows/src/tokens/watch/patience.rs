//! How soon a target is written again. The first time at once; one that another program fights us for, ever more rarely.

use std::time::Duration;

use tokio::time::Instant;

/// The pause after the first try; each further one doubles it,
const FIRST: Duration = Duration::from_secs(1);
/// up to this.
const LONGEST: Duration = Duration::from_secs(300);
/// A target that needed no writing for so long is written at once again.
const FORGIVEN: Duration = Duration::from_secs(600);

/// What was tried with one target.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Patience {
    tries: u32,
    last: Option<Instant>,
    told: Option<Instant>,
}

impl Patience {
    /// When it may be written; none if at once.
    pub(super) fn due(&self) -> Option<Instant> {
        let pause = FIRST.saturating_mul(2_u32.saturating_pow(self.tries.saturating_sub(1))).min(LONGEST);
        self.last.map(|last| last + pause)
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due().is_none_or(|due| due <= now)
    }

    /// It is being written now.
    pub(super) fn tried(&mut self, now: Instant) {
        let forgiven = self.last.is_some_and(|last| now >= last + FORGIVEN);
        *self = Self { tries: if forgiven { 1 } else { self.tries.saturating_add(1) }, last: Some(now), told: None };
    }

    /// Whether nobody was told yet that it is put off.
    pub(super) fn is_news(&mut self) -> bool {
        let news = self.told != self.due();
        self.told = self.due();
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_fights_waits_ever_longer_and_is_forgiven() {
        let mut patience = Patience::default();
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let due = patience.due().unwrap_or(now);
            pauses.push((due - now).as_secs());
            now = due;
            assert!(patience.is_due(now));
            patience.tried(now);
            assert!(!patience.is_due(now) && patience.is_news() && !patience.is_news());
        }
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        patience.tried(now + FORGIVEN);
        assert_eq!(patience.due(), Some(now + FORGIVEN + FIRST));
    }
}
