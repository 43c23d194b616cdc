//! Whether a server may be given prompts, as a state machine without clock or network.
//!
//! All times are since the fleet began.

use std::time::Duration;

/// So many failures in a row open the breaker.
const FAILURES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest that a server is left alone because it asks for that.
const LONGEST_REST: Duration = Duration::from_secs(3600);
/// Between two looks at a server that did not answer, and at one that does.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
const LOOK_ON: Duration = Duration::from_secs(1);

/// A server begins in doubt: it gets its first prompt once it has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaker {
    /// It failed, or was never asked: it must answer before it gets the next prompt.
    Doubted { failures: u32 },
    /// It gets prompts. Its failures count until it takes one.
    Closed { failures: u32 },
    /// It gets nothing until then; then it is asked whether it answers.
    Open { until: Duration, pause: Duration, stalled: bool },
    /// It answers again, and gets one prompt to prove itself: by taking it, or, where it had stalled, by ending it.
    HalfOpen { pause: Duration, stalled: bool },
}

impl Breaker {
    pub(super) const NEW: Self = Self::Doubted { failures: 0 };

    /// How many prompts it may hold, of `limit`.
    pub(super) fn admits(self, limit: usize) -> usize {
        match self {
            Self::Closed { .. } => limit,
            Self::HalfOpen { .. } => limit.min(1),
            Self::Doubted { .. } | Self::Open { .. } => 0,
        }
    }

    /// When to look at the server next, if the last look ended at `last`. One that `holds` a prompt is looked at all the time: is
    /// it gone, or away for a moment?
    pub(super) fn look_at(self, last: Option<Duration>, holds: bool) -> Duration {
        match (self, last) {
            (Self::Open { until, .. }, Some(last)) if holds => until.min(last + LOOK_ON),
            (Self::Open { until, .. }, _) => until,
            (_, None) => Duration::ZERO,
            (Self::Doubted { .. }, Some(last)) => last + LOOK_AGAIN,
            (Self::Closed { .. } | Self::HalfOpen { .. }, Some(last)) => last + LOOK_ON,
        }
    }

    /// It answered a look.
    pub(super) fn answered(self, now: Duration) -> Self {
        match self {
            Self::Doubted { failures } => Self::Closed { failures },
            // The look was under way when it opened, or is for the prompts that it holds.
            Self::Open { until, .. } if now < until => self,
            Self::Open { pause, stalled, .. } => Self::HalfOpen { pause, stalled },
            state => state,
        }
    }

    /// It did not answer a look, or not take a prompt.
    pub(super) fn failed(self, now: Duration) -> Self {
        match self {
            Self::Doubted { failures } | Self::Closed { failures } if failures + 1 < FAILURES => {
                Self::Doubted { failures: failures + 1 }
            }
            Self::Doubted { .. } | Self::Closed { .. } => Self::open(now, FIRST_PAUSE, false),
            // A prompt that was sent before has failed too: that is no news.
            Self::Open { until, .. } if now < until => self,
            Self::Open { pause, stalled, .. } | Self::HalfOpen { pause, stalled } => Self::open(now, pause * 2, stalled),
        }
    }

    /// It asks to be left alone for so long.
    pub(super) fn rests(self, now: Duration, pause: Duration) -> Self {
        let pause = pause.clamp(FIRST_PAUSE, LONGEST_REST);
        match self {
            Self::Open { until, .. } if now < until => self,
            Self::Open { stalled, .. } | Self::HalfOpen { stalled, .. } => Self::Open { until: now + pause, pause, stalled },
            Self::Doubted { .. } | Self::Closed { .. } => Self::Open { until: now + pause, pause, stalled: false },
        }
    }

    /// It took a prompt.
    pub(super) fn accepted(self) -> Self {
        match self {
            Self::Closed { .. } | Self::HalfOpen { stalled: false, .. } => Self::Closed { failures: 0 },
            state => state,
        }
    }

    /// A prompt came to its end there, well or not.
    pub(super) fn ended(self) -> Self {
        match self {
            Self::HalfOpen { .. } => Self::Closed { failures: 0 },
            state => state,
        }
    }

    /// It runs nothing of what it took.
    pub(super) fn stalled(self, now: Duration) -> Self {
        match self {
            Self::Open { until, .. } if now < until => self,
            Self::Open { pause, .. } | Self::HalfOpen { pause, .. } => Self::open(now, pause * 2, true),
            Self::Doubted { .. } | Self::Closed { .. } => Self::open(now, FIRST_PAUSE, true),
        }
    }

    fn open(now: Duration, pause: Duration, stalled: bool) -> Self {
        let pause = pause.min(LONGEST_PAUSE);
        Self::Open { until: now + pause, pause, stalled }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn opened() -> Breaker {
        (0..FAILURES).fold(Breaker::NEW.answered(S(1)), |breaker, _| breaker.failed(S(1)))
    }

    #[test]
    fn it_opens_after_repeated_failures_only() {
        let one = Breaker::NEW.answered(S(1)).failed(S(1));
        assert_eq!((one, one.admits(4)), (Breaker::Doubted { failures: 1 }, 0));
        // To answer is not to take a prompt: who answers every look, and takes nothing, is found out.
        assert_eq!(one.answered(S(1)), Breaker::Closed { failures: 1 });
        assert_eq!(one.answered(S(1)).accepted(), Breaker::Closed { failures: 0 });
        assert_eq!(one.answered(S(1)).failed(S(1)).answered(S(1)).failed(S(1)), opened());
        assert_eq!(opened(), Breaker::Open { until: S(2), pause: S(1), stalled: false });
    }

    #[test]
    fn its_pause_grows_with_every_failed_probe_up_to_a_minute() {
        let mut breaker = opened();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let Breaker::Open { until, pause, .. } = breaker else { panic!("{breaker:?}") };
            pauses.push(pause.as_secs());
            assert_eq!(breaker.failed(until - Duration::from_millis(1)), breaker, "what was under way is no news");
            breaker = breaker.failed(until);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn one_prompt_proves_it_again_or_opens_it_for_longer() {
        let half = opened().answered(S(2));
        assert_eq!((half.admits(4), half.admits(0)), (1, 0));
        assert_eq!(opened().answered(S(1)), opened(), "a look that was under way is no probe");
        assert_eq!(half.accepted(), Breaker::Closed { failures: 0 });
        assert_eq!(half.failed(S(9)), Breaker::Open { until: S(11), pause: S(2), stalled: false });
    }

    #[test]
    fn who_stalled_must_end_a_prompt_not_only_take_it() {
        let half = Breaker::NEW.answered(S(1)).stalled(S(1)).answered(S(2));
        assert_eq!(half.accepted(), half);
        assert_eq!(half.ended(), Breaker::Closed { failures: 0 });
        assert_eq!(half.stalled(S(9)), Breaker::Open { until: S(11), pause: S(2), stalled: true });
    }

    #[test]
    fn who_asks_for_patience_gets_what_it_asks_for_within_reason() {
        let rests = Breaker::NEW.rests(S(1), S(90));
        assert_eq!(rests, Breaker::Open { until: S(91), pause: S(90), stalled: false });
        assert_eq!(rests.rests(S(2), S(90)), rests, "what was under way is no news");
        assert_eq!(rests.answered(S(91)).rests(S(92), S(3)), Breaker::Open { until: S(95), pause: S(3), stalled: false });
        assert_eq!(Breaker::NEW.rests(S(1), Duration::MAX).look_at(Some(S(1)), false), S(3601));
    }

    #[test]
    fn looks_are_frequent_in_doubt_and_wait_for_the_pause() {
        assert_eq!(Breaker::NEW.look_at(None, false), S(0));
        assert_eq!(Breaker::NEW.look_at(Some(S(1)), false), S(1) + LOOK_AGAIN);
        assert_eq!(Breaker::NEW.answered(S(1)).look_at(Some(S(1)), false), S(2));
        let longer = opened().failed(S(2));
        assert_eq!(longer.look_at(Some(S(2)), false), S(4));
        assert_eq!(longer.look_at(Some(S(2)), true), S(3), "who holds a prompt is not left alone");
        assert_eq!(longer.look_at(Some(S(3)), true), S(4));
    }
}
