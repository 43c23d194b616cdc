//! One life of a container, from a start to an end, and what is known of it. What is told of several lives is never mixed.

use docker_ops::autopsy::{Autopsy, KernelTime, LastLine, LifeEvent, OutOfMemory, State};
use jiff::{SignedDuration, Timestamp};

pub(super) fn is_up(state: &State) -> bool {
    matches!(state.status.as_str(), "running" | "paused")
}

/// The lines that the container wrote in the life whose end is told.
pub(crate) fn last_lines(autopsy: &Autopsy) -> impl Iterator<Item = &str> {
    let from = Life::of(autopsy).written_from;
    let is_its = move |line: &&LastLine| from.zip(line.at).is_none_or(|(from, at)| at >= from);
    autopsy.last_lines.iter().filter(is_its).map(|line| line.text.as_str())
}

/// The life whose end is told: the last one, or the one before if the engine started the container again since.
pub(super) struct Life<'a> {
    pub(super) events: &'a [LifeEvent],
    /// The code of its end; none if it is not over, or nobody remembers.
    pub(super) code: Option<i64>,
    pub(super) goes_on: bool,
    oom_killed: bool,
    from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    /// What was written since is its own.
    written_from: Option<Timestamp>,
    /// The engine's memory reaches back to before what led to the end: an event that is not there did not happen.
    pub(super) is_remembered: bool,
}

/// What is told to end does so within this time, or is killed.
const ENDING: SignedDuration = SignedDuration::from_mins(1);

/// A lack of memory in that life.
pub(super) struct Lack {
    pub(super) of_machine: bool,
    /// Nanoseconds since 1970, where that is known.
    pub(super) at: Option<i64>,
}

impl<'a> Life<'a> {
    /// What the engine said of the container's state is older than the events: those of a later life are left out.
    pub(super) fn of(autopsy: &'a Autopsy) -> Self {
        let (state, events) = (&autopsy.state, &*autopsy.events);
        let time = |text: &Option<String>| text.as_ref()?.parse::<Timestamp>().ok();
        let (started, finished) = (time(&state.started_at), time(&state.finished_at));
        let start = |events: &[LifeEvent]| events.iter().rposition(|event| event.name == "start");
        // An engine tells of a start once it has noted when that was.
        let first = match started.and_then(nanoseconds) {
            Some(started) => events.iter().position(|event| event.at >= started).unwrap_or(events.len()),
            None => start(events).unwrap_or(0),
        };
        // It is noted after the process began, which may have written something by then.
        let written_from = |first: usize, from: Option<Timestamp>| {
            let end = events[..first].iter().rev().find(|event| event.name == "die");
            end.and_then(LifeEvent::time).or_else(|| from?.checked_sub(SignedDuration::from_secs(1)).ok())
        };
        let is_remembered = |events: &[LifeEvent], to: Option<Timestamp>| {
            let reaches = |(from, to): (Timestamp, Timestamp)| from.checked_add(ENDING).is_ok_and(|from| from <= to);
            events.first().is_some_and(|event| event.name == "start") || autopsy.remembers_from.zip(to).is_some_and(reaches)
        };
        let is_up = is_up(state);
        if !is_up || state.restarts == 0 {
            let own = &events[first..];
            let next = own.iter().skip(1).position(|event| event.name == "start").map_or(own.len(), |later| later + 1);
            let (code, to) = (state.exit_code.filter(|_| !is_up), finished.filter(|_| !is_up));
            let (events, oom_killed, written_from) = (&own[..next], state.oom_killed, written_from(first, started));
            let is_remembered = is_remembered(events, to);
            return Life { events, code, goes_on: is_up, oom_killed, from: started, to, written_from, is_remembered };
        }
        // An engine forgets the code when it starts the container again; its event may still be there.
        let begin = start(&events[..first]).unwrap_or(0);
        let before = &events[begin..first];
        let code = before.iter().rev().find_map(|event| event.exit_code);
        let from = before.first().filter(|event| event.name == "start").and_then(LifeEvent::time).or(finished);
        // What the engine says of memory may be of the life that goes on.
        let oom_killed = state.oom_killed && code.is_none();
        let written_from = written_from(begin, from.filter(|from| Some(*from) != finished));
        let is_remembered = is_remembered(before, finished);
        Life { events: before, code, goes_on: false, oom_killed, from, to: finished, written_from, is_remembered }
    }

    /// A kill of another life is none of this one.
    pub(super) fn lack(&self, kills: &[OutOfMemory]) -> Option<Lack> {
        let is_in = |time: &KernelTime| {
            self.from.is_none_or(|from| time.latest() >= from) && self.to.is_none_or(|to| time.earliest() <= to)
        };
        let mut named = kills.iter().rev().filter(|kill| kill.group.is_some());
        let seen = named.find_map(|kill| Some((kill.of_machine, kill.at.filter(is_in)?.at)));
        if let Some((of_machine, at)) = seen {
            return Some(Lack { of_machine, at: nanoseconds(at) });
        }
        let event = self.events.iter().rev().find(|event| event.name == "oom");
        (self.oom_killed || event.is_some()).then(|| Lack { of_machine: false, at: event.map(|event| event.at) })
    }
}

fn nanoseconds(time: Timestamp) -> Option<i64> {
    i64::try_from(time.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Memory, cause};
    use super::*;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// Events of one container: name, second, exit code.
    fn events(events: &[(&str, i64, Option<i64>)]) -> Vec<LifeEvent> {
        let event = |&(name, second, exit_code): &(&str, i64, Option<i64>)| {
            let signal = (name == "kill").then(|| "9".to_owned());
            LifeEvent { name: name.to_owned(), at: nanoseconds(time(second)).unwrap(), signal, exit_code }
        };
        events.iter().map(event).collect()
    }

    /// A container that was started and ended at these seconds.
    fn container(status: &str, started: i64, finished: i64, code: i64) -> Autopsy {
        let state = State {
            status: status.to_owned(),
            exit_code: Some(code),
            restarts: 1,
            started_at: Some(time(started).to_string()),
            finished_at: Some(time(finished).to_string()),
            ..State::default()
        };
        Autopsy { state, ..Autopsy::default() }
    }

    #[test]
    fn of_one_that_was_started_again_the_life_before_is_told() {
        let mut again = container("running", 30, 20, 0);
        assert_eq!(cause(&again, None).what, "ended, and the engine knows no more how", "its code is 0 again");
        again.events = events(&[("start", 10, None), ("die", 20, Some(3)), ("start", 30, None)]);
        assert_eq!(cause(&again, None).what, "ended with exit code 3");
        again.events = events(&[("start", 10, None), ("oom", 19, None), ("die", 20, Some(137)), ("start", 30, None)]);
        assert_eq!(cause(&again, None).memory, Memory::LimitReached);
        // What befell the life that goes on is not what ended the one before.
        again.events = events(&[("start", 10, None), ("die", 20, Some(3)), ("start", 30, None), ("oom", 31, None)]);
        again.state.oom_killed = true;
        assert_eq!(cause(&again, None).memory, Memory::Enough);
    }

    #[test]
    fn what_comes_after_the_look_is_of_another_life() {
        let first: &[_] = &[("start", 10, None), ("die", 20, Some(137))];
        let later: &[_] = &[("start", 30, None), ("oom", 38, None), ("kill", 39, None), ("die", 40, Some(137))];
        let mut dead = container("exited", 10, 20, 137);
        dead.events = events(&[first, later].concat());
        assert_eq!(cause(&dead, None).memory, Memory::Unknown, "the kill and the lack came later");
        dead = container("exited", 30, 40, 137);
        dead.events = events(&[first, later].concat());
        assert!(cause(&dead, None).what.starts_with("was killed through the engine"), "{}", cause(&dead, None).what);
        // The engine has forgotten the start.
        dead.events = events(&[("kill", 15, None), ("die", 20, Some(137)), ("die", 40, Some(137))]);
        assert_eq!(cause(&dead, None).memory, Memory::Unknown, "the kill was of the life before");
    }

    #[test]
    fn lines_are_of_the_life_that_is_told() {
        let line = |second| LastLine { at: Some(time(second)), text: second.to_string() };
        let mut dead = container("exited", 30, 40, 1);
        dead.last_lines = [12, 29, 30, 35].map(line).to_vec();
        // What began to run may write before its start is noted.
        assert_eq!(last_lines(&dead).collect::<Vec<_>>(), ["29", "30", "35"]);
        dead.events = events(&[("start", 10, None), ("die", 29, Some(1)), ("start", 30, None), ("die", 40, Some(1))]);
        dead.last_lines.insert(2, LastLine { at: None, text: "?".to_owned() });
        assert_eq!(last_lines(&dead).collect::<Vec<_>>(), ["29", "?", "30", "35"]);
    }
}
