//! When to look, and what it means: the waiting for one prompt as a state machine without clock or network.
//!
//! The truth is in the history and the queue. A message only says that now is a good time to look.

use std::time::Duration;

use crate::history::HistoryEntry;
use crate::queue::Place;
use crate::wire::Message;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// History may lag behind the message that announces the end; so long, small steps are taken.
const HISTORY_LAG: Duration = Duration::from_secs(2);
const HISTORY_STEPS: [u64; 6] = [2, 3, 5, 8, 12, 20];
/// The message that follows the announced end comes when the history is written; without it history is read after so long.
const BEFORE_READING: Duration = Duration::from_millis(20);
/// Between two looks that must both find nothing before a prompt is given up.
const BEFORE_GIVING_UP: Duration = Duration::from_millis(250);
/// So long nothing at all must come before pictures that were not announced to be all are given up: they may be on their way yet.
const BEFORE_MISSING: Duration = Duration::from_secs(5);
/// So long at the most: what comes may be for others.
const BEFORE_MISSING_AT_MOST: Duration = Duration::from_secs(600);
/// A connection must be so old before its silence means anything.
const DEAF_AFTER: Duration = Duration::from_millis(400);
/// Whoever has no more than so many before it may begin and end between two seldom looks.
const NEAR: usize = 4;
/// Between two refusals that must follow each other before they are believed: a proxy that restarts refuses too.
const BEFORE_BELIEVING: Duration = Duration::from_secs(3);
/// So long prompts may wait while none runs.
const NOTHING_RUNS_AFTER: Duration = Duration::from_secs(30);

/// What to ask the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Queue,
    History,
}

/// What the server said.
#[derive(Debug)]
pub(super) enum Heard {
    Queue {
        place: Place,
        nothing_runs: bool,
    },
    History(Option<Box<HistoryEntry>>),
    /// It did not answer, this time.
    Trouble,
    /// It wants another credential.
    Refused,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Ask(Ask),
    /// The connection is deaf: replace it.
    Redial,
    /// Nothing, until this time.
    Wait(Duration),
    Done(Verdict),
}

/// The end of the waiting.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Ended(Box<HistoryEntry>),
    Cancelled,
    Lost { connection_broke: bool },
    NothingRuns,
    Refused,
}

/// How often to look when nothing calls for it: often where looking is all there is, seldom beside a live connection.
#[derive(Clone, Copy, Debug)]
struct Pace {
    next: Duration,
    longest: Duration,
    /// The server did not answer the last time.
    failing: bool,
}

impl Pace {
    const LINKED: Self = Self::new(2_000, 10_000, false);
    const ALONE: Self = Self::new(100, 1_000, false);
    const FAILING: Self = Self::new(100, 1_500, true);

    const fn new(next: u64, longest: u64, failing: bool) -> Self {
        Self { next: Duration::from_millis(next), longest: Duration::from_millis(longest), failing }
    }

    fn of(linked: bool) -> Self {
        if linked { Self::LINKED } else { Self::ALONE }
    }

    fn step(&mut self) -> Duration {
        let step = self.next;
        self.next = (self.next * 3 / 2).min(self.longest);
        step
    }
}

/// All times are since the submission.
#[derive(Debug)]
pub(super) struct Waiter {
    /// Since when the connection is there.
    linked: Option<Duration>,
    /// Whether the connection broke, or the server did not answer, at any time.
    broke: bool,
    /// Whether the connection has been there from the beginning, so that no message can be missing.
    unbroken: bool,
    /// Whether results come over the connection.
    pictures: bool,
    /// What the history says of the end, and when it was read.
    ended: Option<(Duration, Box<HistoryEntry>)>,
    /// Whether any message named this prompt.
    told: bool,
    started: bool,
    cancel_asked: bool,
    last_place: Option<Place>,
    /// When a message announced the end, and how often history was read since.
    announced: Option<Duration>,
    reads: usize,
    absent: u8,
    running_untold: u8,
    nothing_runs_since: Option<Duration>,
    refused_since: Option<Duration>,
    /// What was seen before this time says nothing.
    since: Duration,
    pace: Pace,
    /// 0 to 255, this prompt's own: so that many prompts do not all look at once.
    jitter: u8,
    ask: Ask,
    look_at: Duration,
    redial: bool,
    redialled: bool,
    verdict: Option<Verdict>,
}

impl Waiter {
    pub(super) fn new(linked: bool, jitter: u8) -> Self {
        Self {
            linked: linked.then_some(Duration::ZERO),
            broke: false,
            unbroken: linked,
            pictures: false,
            ended: None,
            told: false,
            started: false,
            cancel_asked: false,
            last_place: None,
            announced: None,
            reads: 0,
            absent: 0,
            running_untold: 0,
            nothing_runs_since: None,
            refused_since: None,
            since: Duration::ZERO,
            pace: Pace::of(linked),
            jitter,
            ask: Ask::Queue,
            look_at: if linked { MS(500) } else { MS(30) },
            redial: false,
            redialled: false,
            verdict: None,
        }
    }

    /// For a prompt whose messages go to somebody else: it is looked at right away.
    pub(super) fn attached(jitter: u8) -> Self {
        Self { look_at: Duration::ZERO, ..Self::new(false, jitter) }
    }

    /// For a prompt that sends pictures over the connection: an end that was not announced waits for what is on its way.
    pub(super) fn awaiting(self, pictures: bool) -> Self {
        Self { pictures, ..self }
    }

    /// What to do at this time; at `stirred` the connection last brought anything. Ask again after each thing heard.
    pub(super) fn next(&mut self, now: Duration, stirred: Duration) -> Step {
        if let Some((read, entry)) = self.ended.take() {
            let until = (read.max(stirred) + BEFORE_MISSING).min(read + BEFORE_MISSING_AT_MOST);
            let announced = self.announced.is_some();
            let none_comes = announced || !self.unbroken || entry.status == "error";
            if self.pictures && !none_comes && now < until {
                self.ended = Some((read, entry));
                return Step::Wait(until);
            }
            self.redial |= !announced && self.is_listening(now);
            self.verdict = Some(Verdict::Ended(entry));
        }
        if std::mem::take(&mut self.redial) && !std::mem::replace(&mut self.redialled, true) {
            return Step::Redial;
        }
        match &self.verdict {
            Some(verdict) => Step::Done(verdict.clone()),
            None if now >= self.look_at => Step::Ask(self.ask),
            None => Step::Wait(self.look_at),
        }
    }

    /// What the history says of the end while pictures are waited for.
    pub(super) fn held(&self) -> Option<&HistoryEntry> {
        self.ended.as_ref().map(|(_, entry)| &**entry)
    }

    /// The connection came or went.
    pub(super) fn link(&mut self, now: Duration, up: bool) {
        self.linked = up.then_some(now);
        self.unbroken = false;
        self.broke |= !up;
        self.running_untold = 0;
        self.pace = Pace::of(up);
        self.since = now;
        // Something may have happened unseen, to everybody here.
        self.look(self.ask, now + MS(if up { 0 } else { 50 } + u64::from(self.jitter) / 2));
    }

    /// This client asked for the prompt to be taken out.
    pub(super) fn cancel_asked(&mut self, now: Duration) {
        self.cancel_asked = true;
        self.since = now;
        self.look(self.ask, now);
    }

    /// A message about this prompt, or about the queue as a whole.
    pub(super) fn message(&mut self, now: Duration, message: &Message) {
        if let Message::Status { queue_remaining, .. } = message {
            // An empty queue without an announced end: it was taken out, or its messages are lost.
            if *queue_remaining == Some(0) && self.announced.is_none() {
                self.since = now;
                self.look(self.ask, now + MS(20));
            }
            return;
        }
        self.told = true;
        match message {
            Message::ExecutionError(error) if error.is_only_blocked() => self.started = true,
            Message::ExecutionSuccess { .. } | Message::ExecutionError(_) | Message::ExecutionInterrupted { .. } => {
                self.started = true;
                self.announced.get_or_insert(now);
                self.look(Ask::History, now + BEFORE_READING);
            }
            Message::Executing { node: None, .. } => {
                self.started = true;
                self.announced.get_or_insert(now);
                self.look(Ask::History, now);
            }
            _ => self.started = true,
        }
    }

    /// Whether the answer to this question is of no use any more.
    pub(super) fn is_over(&self, ask: Ask) -> bool {
        ask == Ask::Queue && self.announced.is_some()
    }

    /// The answer to a question must not have been seen before this time.
    pub(super) fn since(&self) -> Duration {
        self.since
    }

    /// An answer of the server, or its absence.
    pub(super) fn heard(&mut self, now: Duration, heard: Heard) {
        let failing = matches!(heard, Heard::Trouble | Heard::Refused);
        if self.pace.failing != failing {
            self.pace = if failing { Pace::FAILING } else { Pace::of(self.linked.is_some()) };
        }
        if !failing {
            self.refused_since = None;
        }
        match heard {
            Heard::Refused if now.saturating_sub(*self.refused_since.get_or_insert(now)) >= BEFORE_BELIEVING => {
                self.verdict = Some(Verdict::Refused);
            }
            Heard::Refused | Heard::Trouble => {
                self.broke = true;
                self.absent = 0;
                // An announced end is in the history, sooner or later.
                self.rest(if self.announced.is_some() { Ask::History } else { Ask::Queue }, now);
            }
            Heard::Queue { place, nothing_runs } => self.heard_queue(now, place, nothing_runs),
            Heard::History(Some(entry)) => self.ended = Some((now, entry)),
            Heard::History(None) => self.heard_no_history(now),
        }
    }

    fn heard_queue(&mut self, now: Duration, place: Place, nothing_runs: bool) {
        if self.announced.is_some() {
            self.look(Ask::History, now);
            return;
        }
        if place == Place::Absent {
            // What ends goes from the queue into the history in one step: so it is there, or nowhere.
            self.ask = Ask::History;
            self.look_at = now;
            return;
        }
        self.absent = 0;
        self.last_place = Some(place);
        if place == Place::Running {
            self.started = true;
            self.running_untold = if self.told { 0 } else { self.running_untold.saturating_add(1) };
            self.redial |= self.running_untold >= 2 && self.unbroken && self.is_listening(now);
        }
        if nothing_runs && place != Place::Running {
            let since = *self.nothing_runs_since.get_or_insert(now);
            if now.saturating_sub(since) >= NOTHING_RUNS_AFTER {
                self.verdict = Some(Verdict::NothingRuns);
            }
        } else {
            self.nothing_runs_since = None;
        }
        if self.linked.is_some() && matches!(place, Place::Running | Place::Pending { position: ..=NEAR }) {
            // It may end while the connection is deaf, however long it runs.
            self.pace = Pace::LINKED;
        }
        self.rest(Ask::Queue, now);
    }

    fn heard_no_history(&mut self, now: Duration) {
        if let Some(step) = self.lags(now) {
            self.reads += 1;
            self.ask = Ask::History;
            self.look_at = now + step;
            return;
        }
        if self.announced.take().is_some() {
            // The end was announced, but the history stays empty: back to the slow way.
            self.ask = Ask::Queue;
            self.look_at = now;
            return;
        }
        self.absent += 1;
        if self.absent < 2 {
            self.ask = Ask::Queue;
            self.look_at = now + BEFORE_GIVING_UP;
            return;
        }
        let waited = matches!(self.last_place, Some(Place::Pending { .. })) || (self.last_place.is_none() && self.unbroken);
        let taken_out = self.cancel_asked || (waited && !self.broke);
        self.verdict =
            Some(if taken_out && !self.started { Verdict::Cancelled } else { Verdict::Lost { connection_broke: self.broke } });
    }

    /// The pause before the next reading of a history that may lag; none where it does not.
    fn lags(&self, now: Duration) -> Option<Duration> {
        let since = now.saturating_sub(self.announced?);
        let step = HISTORY_STEPS.get(self.reads).or(HISTORY_STEPS.last())?;
        (since < HISTORY_LAG).then_some(MS(*step))
    }

    /// Whether messages should be coming.
    fn is_listening(&self, now: Duration) -> bool {
        self.linked.is_some_and(|since| now.saturating_sub(since) >= DEAF_AFTER)
    }

    /// Looks at that time, or sooner if that is the plan already.
    fn look(&mut self, ask: Ask, at: Duration) {
        self.ask = ask;
        self.look_at = self.look_at.min(at);
    }

    fn rest(&mut self, ask: Ask, now: Duration) {
        self.ask = ask;
        // 85 % to 115 % of the step.
        let step = self.pace.step();
        self.look_at = now + step * 85 / 100 + step * u32::from(self.jitter) * 30 / (255 * 100);
    }
}

#[cfg(test)]
mod tests;
