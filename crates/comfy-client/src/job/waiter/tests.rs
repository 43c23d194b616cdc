//! The waiting, played through against an imagined server.

use serde_json::json;

use super::*;
use crate::wire::decode_text;

/// The server's state at a time, and the messages that arrive at theirs.
struct Play {
    waiter: Waiter,
    now: Duration,
    /// From when on the history has the prompt.
    history_at: Option<Duration>,
    /// From which time on the queue shows which place.
    places: Vec<(Duration, Place)>,
    nothing_runs: bool,
    /// The times between which nobody answers.
    down: (Duration, Duration),
    messages: Vec<(Duration, Notice)>,
    asked: Vec<(Duration, Ask)>,
    redials: Vec<Duration>,
    /// Until when the connection brings bytes.
    bytes_until: Duration,
}

#[derive(Clone)]
enum Notice {
    Message(Message),
    Link(bool),
    Cancel,
}

fn message(kind: &str, data: &serde_json::Value) -> Notice {
    Notice::Message(decode_text(&json!({"type": kind, "data": data}).to_string()))
}

fn start() -> Notice {
    message("execution_start", &json!({"prompt_id": "p"}))
}

fn success() -> Notice {
    message("execution_success", &json!({"prompt_id": "p"}))
}

fn null() -> Notice {
    message("executing", &json!({"prompt_id": "p", "node": null}))
}

fn status(remaining: u64) -> Notice {
    message("status", &json!({"status": {"exec_info": {"queue_remaining": remaining}}}))
}

impl Play {
    fn new(linked: bool) -> Self {
        Self {
            waiter: Waiter::new(linked, 127),
            now: Duration::ZERO,
            history_at: None,
            places: vec![(Duration::ZERO, Place::Absent)],
            nothing_runs: false,
            down: (Duration::ZERO, Duration::ZERO),
            messages: Vec::new(),
            asked: Vec::new(),
            redials: Vec::new(),
            bytes_until: Duration::ZERO,
        }
    }

    fn place(mut self, at: u64, place: Place) -> Self {
        self.places.push((MS(at), place));
        self
    }

    /// From the queue into the history, in one step.
    fn ends(mut self, at: u64) -> Self {
        self.history_at = Some(MS(at));
        self.place(at, Place::Absent)
    }

    fn says(mut self, at: u64, notice: Notice) -> Self {
        self.messages.push((MS(at), notice));
        self
    }

    fn down(mut self, from: u64, to: u64) -> Self {
        self.down = (MS(from), MS(to));
        self
    }

    fn answer(&self, ask: Ask) -> Heard {
        if self.now >= self.down.0 && self.now < self.down.1 {
            return Heard::Trouble;
        }
        match ask {
            Ask::History => {
                let there = self.history_at.is_some_and(|at| self.now >= at);
                Heard::History(there.then(|| Box::new(HistoryEntry::read(json!({})).unwrap())))
            }
            Ask::Queue => {
                let place = self.places.iter().rev().find(|(at, _)| self.now >= *at).map_or(Place::Absent, |(_, place)| *place);
                Heard::Queue { place, nothing_runs: self.nothing_runs }
            }
        }
    }

    /// Plays to the end, or to the hour.
    fn run(mut self) -> (Option<Verdict>, Self) {
        while self.now < Duration::from_secs(3600) {
            while self.messages.first().is_some_and(|(at, _)| *at <= self.now) {
                match self.messages.remove(0).1 {
                    Notice::Message(message) => self.waiter.message(self.now, &message),
                    Notice::Link(up) => self.waiter.link(self.now, up),
                    Notice::Cancel => self.waiter.cancel_asked(self.now),
                }
            }
            match self.waiter.next(self.now, self.now.min(self.bytes_until)) {
                Step::Done(verdict) => return (Some(verdict), self),
                Step::Redial => self.redials.push(self.now),
                Step::Ask(ask) => {
                    self.asked.push((self.now, ask));
                    let heard = self.answer(ask);
                    self.waiter.heard(self.now, heard);
                }
                Step::Wait(until) => {
                    assert!(until > self.now, "a wait that does not wait, at {:?}", self.now);
                    let message = self.messages.first().map_or(until, |(at, _)| *at);
                    self.now = until.min(message).max(self.now + MS(1));
                }
            }
        }
        (None, self)
    }
}

fn ended(verdict: Option<&Verdict>) -> bool {
    matches!(verdict, Some(Verdict::Ended(_)))
}

const RUNNING: Place = Place::Running;
const NEXT: Place = Place::Pending { position: 0 };

#[test]
fn on_a_live_connection_one_look_at_the_history_is_enough() {
    let (verdict, play) =
        Play::new(true).place(0, RUNNING).says(5, start()).says(100, success()).says(101, null()).ends(100).run();
    assert!(ended(verdict.as_ref()));
    assert_eq!(play.asked, [(MS(101), Ask::History)]);
    assert!(play.redials.is_empty());
}

#[test]
fn a_history_that_lags_is_read_again_in_small_steps() {
    let (verdict, play) = Play::new(true).place(0, RUNNING).says(5, start()).says(100, null()).ends(107).run();
    assert!(ended(verdict.as_ref()));
    assert!(play.asked.iter().all(|(_, ask)| *ask == Ask::History), "{:?}", play.asked);
    assert_eq!(play.now, MS(110));
}

#[test]
fn an_announced_end_is_read_once_also_where_the_last_message_does_not_come() {
    let (verdict, play) = Play::new(true).place(0, RUNNING).says(5, start()).says(100, success()).ends(107).run();
    assert!(ended(verdict.as_ref()));
    assert_eq!(play.asked, [(MS(120), Ask::History)]);
}

#[test]
fn a_long_run_whose_connection_goes_deaf_is_found_as_soon_as_a_short_one() {
    for end in [3_000, 31_000, 599_000] {
        let (verdict, play) = Play::new(true).place(0, RUNNING).says(5, start()).ends(end).run();
        assert!(ended(verdict.as_ref()));
        assert!(play.now < MS(end + 2_400), "{:?}", play.now);
    }
    let far = Place::Pending { position: NEAR + 1 };
    let (_, play) = Play::new(true).place(0, far).place(60_000, Place::Absent).run();
    assert!(play.asked.len() < 16, "{:?}", play.asked);
}

#[test]
fn a_server_that_does_not_answer_for_a_moment_is_asked_again_at_once_and_not_hammered() {
    let (verdict, play) = Play::new(true).place(0, RUNNING).says(5, start()).down(90, 300).says(100, null()).ends(100).run();
    assert!(ended(verdict.as_ref()));
    assert!(play.now < MS(600), "{:?}", play.now);
    let (_, long) = Play::new(true).place(0, RUNNING).says(5, start()).down(90, 60_000).ends(100).run();
    assert!(long.asked.len() < 60, "{}", long.asked.len());
    assert!(long.now < MS(62_000), "{:?}", long.now);
}

#[test]
fn a_job_that_only_the_history_knows_of_is_found_and_the_deaf_connection_replaced() {
    let (verdict, play) = Play::new(true).place(0, RUNNING).ends(700).run();
    assert!(ended(verdict.as_ref()));
    assert!(play.now < MS(3_500), "{:?}", play.now);
    assert_eq!(play.redials.len(), 1);
}

/// One whose pictures come until then, and the messages after them.
fn slow(until: u64) -> Play {
    let mut play = Play::new(true).place(0, RUNNING).says(5, start()).ends(100);
    (play.waiter, play.bytes_until) = (play.waiter.awaiting(true), MS(until));
    play
}

#[test]
fn pictures_that_are_on_their_way_are_waited_for() {
    let (verdict, play) = slow(20_000).says(21_000, success()).run();
    assert!(ended(verdict.as_ref()) && play.redials.is_empty());
    assert_eq!(play.now, MS(21_000));
    let (verdict, silent) = slow(3_000).run();
    assert!(ended(verdict.as_ref()));
    assert_eq!((silent.now, silent.redials.len()), (MS(8_000), 1));
    let (verdict, busy) = slow(3_600_000).run();
    assert!(ended(verdict.as_ref()) && busy.now < BEFORE_MISSING_AT_MOST + MS(1_000), "{:?}", busy.now);
    let (verdict, broken) = slow(20_000).says(4_000, Notice::Link(false)).run();
    assert!(ended(verdict.as_ref()));
    assert_eq!(broken.now, MS(4_000), "nothing is on its way any more");
}

#[test]
fn a_run_that_failed_waits_for_no_pictures() {
    for (status, waits) in [("success", true), ("error", false)] {
        let mut waiter = Waiter::new(true, 0).awaiting(true);
        let entry = HistoryEntry::read(json!({"status": {"status_str": status}})).unwrap();
        waiter.heard(MS(100), Heard::History(Some(Box::new(entry))));
        assert_eq!((matches!(waiter.next(MS(100), MS(100)), Step::Wait(_)), waiter.held().is_some()), (waits, waits), "{status}");
    }
}

#[test]
fn a_connection_that_tells_nothing_of_a_running_prompt_is_replaced_once() {
    let (verdict, play) = Play::new(true).place(0, RUNNING).ends(60_000).run();
    assert!(ended(verdict.as_ref()));
    assert_eq!(play.redials.len(), 1);
    assert!(play.redials[0] < MS(10_000));
    let (_, told) = Play::new(true).place(0, RUNNING).says(5, start()).ends(60_000).says(60_000, success()).run();
    assert!(told.redials.is_empty());
}

#[test]
fn without_a_connection_it_looks_often_at_first_and_never_more_than_each_second() {
    let (verdict, play) = Play::new(false).place(0, RUNNING).ends(300).run();
    assert!(ended(verdict.as_ref()));
    assert!(play.now < MS(600), "{:?}", play.now);
    let (_, long) = Play::new(false).place(0, RUNNING).ends(60_000).run();
    assert!(long.asked.len() < 80, "{}", long.asked.len());
    assert!(long.redials.is_empty());
}

#[test]
fn a_lost_connection_wakes_the_looking() {
    let (verdict, play) = Play::new(true).place(0, RUNNING).says(5, start()).says(3_000, Notice::Link(false)).ends(3_500).run();
    assert!(ended(verdict.as_ref()));
    assert!(play.now < MS(4_000), "{:?}", play.now);
    assert!(play.redials.is_empty());
}

#[test]
fn a_prompt_taken_out_of_the_queue_is_cancelled_and_found_by_the_empty_queue() {
    let (verdict, play) = Play::new(true).place(0, NEXT).place(3_000, Place::Absent).says(3_000, status(0)).run();
    assert_eq!(verdict, Some(Verdict::Cancelled));
    assert!(play.now < MS(3_500), "{:?}", play.now);
}

#[test]
fn a_prompt_that_this_client_takes_out_is_cancelled_even_behind_a_broken_connection() {
    let (verdict, play) = Play::new(true)
        .place(0, NEXT)
        .says(900, Notice::Link(false))
        .place(1_000, Place::Absent)
        .says(1_000, Notice::Cancel)
        .run();
    assert_eq!(verdict, Some(Verdict::Cancelled));
    assert!(play.now < MS(1_500), "{:?}", play.now);
}

#[test]
fn a_server_that_restarts_loses_the_prompt() {
    let (verdict, _) = Play::new(true)
        .place(0, RUNNING)
        .says(5, start())
        .says(1_000, Notice::Link(false))
        .down(1_000, 8_000)
        .place(1_000, Place::Absent)
        .run();
    assert_eq!(verdict, Some(Verdict::Lost { connection_broke: true }));
    // The same for one that waited: whoever restarts a server takes nobody out of the queue.
    let (verdict, _) =
        Play::new(true).place(0, NEXT).says(1_000, Notice::Link(false)).down(1_000, 8_000).place(1_000, Place::Absent).run();
    assert_eq!(verdict, Some(Verdict::Lost { connection_broke: true }));
}

#[test]
fn a_server_that_comes_back_with_its_history_loses_nothing() {
    let (verdict, _) =
        Play::new(true).place(0, RUNNING).says(5, start()).says(1_000, Notice::Link(false)).down(1_000, 8_000).ends(2_000).run();
    assert!(ended(verdict.as_ref()));
}

#[test]
fn an_announced_end_whose_history_was_cleared_is_lost() {
    let (verdict, play) = Play::new(true).place(0, RUNNING).says(5, start()).says(100, success()).place(100, Place::Absent).run();
    assert_eq!(verdict, Some(Verdict::Lost { connection_broke: false }));
    assert!(play.now < MS(3_000), "{:?}", play.now);
}

#[test]
fn one_absence_is_not_enough() {
    let (verdict, _) = Play::new(false).place(0, Place::Absent).place(100, RUNNING).ends(1_000).run();
    assert!(ended(verdict.as_ref()));
}

#[test]
fn a_blocked_branch_does_not_end_the_prompt() {
    let blocked = message("execution_error", &json!({"prompt_id": "p", "exception_type": "ExecutionBlocked"}));
    let (verdict, play) =
        Play::new(true).place(0, RUNNING).says(5, start()).says(100, blocked).says(400, success()).ends(400).run();
    assert!(ended(verdict.as_ref()));
    assert_eq!(play.asked.len(), 1);
}

#[test]
fn a_dead_worker_is_told_from_a_long_queue() {
    let mut dead = Play::new(true).place(0, NEXT);
    dead.nothing_runs = true;
    let (verdict, play) = dead.run();
    assert_eq!(verdict, Some(Verdict::NothingRuns));
    assert!(play.now >= NOTHING_RUNS_AFTER && play.now < NOTHING_RUNS_AFTER * 2, "{:?}", play.now);
    assert_eq!(Play::new(true).place(0, NEXT).run().0, None);
}

#[test]
fn refusals_for_some_seconds_end_the_waiting_and_one_does_not() {
    let mut waiter = Waiter::new(true, 0);
    waiter.heard(MS(1), Heard::Refused);
    assert!(matches!(waiter.next(MS(1), MS(0)), Step::Wait(until) if until < MS(200)));
    waiter.heard(MS(100), Heard::Refused);
    assert!(matches!(waiter.next(MS(100), MS(0)), Step::Wait(_)));
    waiter.heard(MS(200), Heard::Queue { place: RUNNING, nothing_runs: false });
    waiter.heard(MS(3_100), Heard::Refused);
    assert!(matches!(waiter.next(MS(3_100), MS(0)), Step::Wait(_)), "an answer came between");
    waiter.heard(MS(6_100), Heard::Refused);
    assert_eq!(waiter.next(MS(6_100), MS(0)), Step::Done(Verdict::Refused));
}

#[test]
fn an_end_announced_during_a_look_that_fails_is_read_next_however_late() {
    for heard in [Heard::Trouble, Heard::Queue { place: RUNNING, nothing_runs: false }] {
        let mut waiter = Waiter::new(true, 0);
        assert_eq!(waiter.next(MS(500), MS(0)), Step::Ask(Ask::Queue));
        let Notice::Message(message) = success() else { unreachable!() };
        waiter.message(MS(3_000), &message);
        assert!(waiter.is_over(Ask::Queue) && !waiter.is_over(Ask::History));
        waiter.heard(MS(15_500), heard);
        assert_eq!(waiter.next(MS(15_700), MS(0)), Step::Ask(Ask::History));
    }
}
