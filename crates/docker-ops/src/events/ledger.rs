//! Which containers run, as far as events tell; what must have happened where they don't; and what was told already.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Action, Event, Origin};

/// How far back the stream asks again: the engine stamps an event before it puts it in line, so a younger stamp may stand first.
pub(super) const SLACK: SignedDuration = SignedDuration::from_secs(2);

/// A container as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) running: bool,
    pub(super) exit_code: Option<i64>,
    pub(super) started: Option<Timestamp>,
    pub(super) finished: Option<Timestamp>,
    pub(super) attributes: BTreeMap<String, String>,
}

impl Found {
    fn state(&self) -> State {
        let since = if self.running { self.started } else { self.finished };
        State::Found { runs: self.running, since: since.unwrap_or(Timestamp::UNIX_EPOCH) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    Rests,
    /// Found so at the beginning, since this moment: the engine may still tell how it came to be.
    Found {
        runs: bool,
        since: Timestamp,
    },
    /// Inferred, from this moment on: the engine may still tell the same, which is then dropped.
    MustRun(Timestamp),
    MustRest(Timestamp),
    MustBeGone,
}

impl State {
    fn runs(self) -> bool {
        matches!(self, State::Runs | State::MustRun(_) | State::Found { runs: true, .. })
    }
}

#[derive(Debug)]
struct Entry {
    state: State,
    /// An event of this connection said so.
    fresh: bool,
    attributes: BTreeMap<String, String>,
}

/// The books.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    containers: BTreeMap<String, Entry>,
    /// What was told within the slack.
    told: BTreeSet<(Timestamp, String, String)>,
    newest: Option<Timestamp>,
}

impl Ledger {
    /// The last moment of which anything is known.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// All until `at` is known.
    pub(super) fn saw(&mut self, at: Timestamp) {
        self.newest = self.newest.max(Some(at));
        if let Some(edge) = self.newest.and_then(|newest| newest.checked_sub(SLACK).ok()) {
            self.told.retain(|(at, ..)| *at >= edge);
        }
    }

    /// A new connection begins, and `found` is there: what is known is from before.
    pub(super) fn reconnected(&mut self, found: &[Found]) {
        self.containers.retain(|_, entry| entry.state != State::MustBeGone);
        for (id, entry) in &mut self.containers {
            entry.fresh = false;
            // Where more has happened since, a late event may be of that.
            if let State::Found { runs, .. } = entry.state
                && !found.iter().any(|one| one.id == *id && one.state() == entry.state)
            {
                entry.state = if runs { State::Runs } else { State::Rests };
            }
        }
    }

    /// Books what the engine told; what is to be passed on.
    pub(super) fn observe(&mut self, event: Event) -> Vec<Event> {
        if !self.told.insert((event.at, event.id.clone(), event.action.name().to_owned())) {
            return Vec::new();
        }
        self.saw(event.at);
        let (before, fresh) = self.containers.get(&event.id).map_or((None, true), |entry| (Some(entry.state), entry.fresh));
        let state = match (&event.action, before) {
            (Action::Destroyed, _) => {
                self.containers.remove(&event.id);
                return if before == Some(State::MustBeGone) { Vec::new() } else { vec![event] };
            }
            (Action::Died { .. }, Some(State::MustBeGone)) => return Vec::new(),
            (Action::Created | Action::Died { .. }, _) => State::Rests,
            (Action::Started, _) => State::Runs,
            _ => return vec![event],
        };
        self.containers.insert(event.id.clone(), Entry { state, fresh: true, attributes: event.attributes.clone() });
        let the_same = |known: Timestamp| event.at.duration_since(known) <= SLACK;
        let unseen = |action| self::event(&event.id, event.at, action, &event.attributes);
        match (&event.action, before) {
            (Action::Started, Some(State::MustRun(at))) | (Action::Died { .. }, Some(State::MustRest(at))) if the_same(at) => {
                Vec::new()
            }
            (Action::Started | Action::Died { .. }, Some(State::Found { since, .. })) if the_same(since) => vec![event],
            // What runs can't start: its end went by unseen.
            (Action::Started, Some(before)) if before.runs() => vec![unseen(Action::Died { exit_code: None }), event],
            // What rested before the connection broke can't end. (A start that fails is told as an end, too, but then it is heard.)
            (Action::Died { .. }, Some(before)) if !before.runs() && !fresh => vec![unseen(Action::Started), event],
            _ => vec![event],
        }
    }

    /// Takes what is there at the beginning as it is.
    pub(super) fn adopt(&mut self, found: &[Found]) {
        for one in found {
            self.containers.insert(one.id.clone(), Entry { state: one.state(), fresh: true, attributes: one.attributes.clone() });
        }
    }

    /// What must have happened unseen since `cut`, for `found` to be there; booked, and in the order in which it happened.
    pub(super) fn infer(&mut self, found: &[Found], cut: Timestamp) -> Vec<Event> {
        let mut missed = Vec::new();
        let ids: BTreeSet<&str> = found.iter().map(|one| one.id.as_str()).collect();
        for (id, entry) in &mut self.containers {
            if entry.fresh || ids.contains(id.as_str()) || entry.state == State::MustBeGone {
                continue;
            }
            let now = self.newest.unwrap_or(cut);
            let event = |action| event(id, now, action, &entry.attributes);
            if entry.state.runs() {
                missed.push(event(Action::Died { exit_code: None }));
            }
            missed.push(event(Action::Destroyed));
            entry.state = State::MustBeGone;
        }
        for one in found {
            let known = self.containers.get(&one.id);
            if known.is_some_and(|entry| entry.fresh) {
                continue;
            }
            let ran = known.is_some_and(|entry| entry.state.runs());
            let began = one.started.filter(|started| *started > cut);
            let event = |at: Option<Timestamp>, action| event(&one.id, at.unwrap_or(cut), action, &one.attributes);
            // A container that runs again keeps no code of the run before.
            let exit_code = if one.running { None } else { one.exit_code };
            let died = |exit_code| event(one.finished.filter(|at| *at > cut), Action::Died { exit_code });
            match (ran, began, one.running) {
                (true, Some(_), true) => missed.extend([died(None), event(began, Action::Started)]),
                (true, Some(_), false) => {
                    missed.extend([
                        event(began, Action::Died { exit_code: None }),
                        event(began, Action::Started),
                        died(exit_code),
                    ]);
                }
                (true, None, false) => missed.push(died(exit_code)),
                (false, _, true) => missed.push(event(one.started, Action::Started)),
                (false, Some(_), false) => missed.extend([event(began, Action::Started), died(exit_code)]),
                (true, None, true) | (false, None, false) => {}
            }
            let state = match (ran, began, one.running) {
                (true, None, true) => State::Runs,
                (false, None, false) => State::Rests,
                (_, _, true) => State::MustRun(one.started.unwrap_or(cut)),
                (_, _, false) => State::MustRest(one.finished.unwrap_or(cut)),
            };
            self.containers.insert(one.id.clone(), Entry { state, fresh: true, attributes: one.attributes.clone() });
        }
        missed.sort_by_key(|event| event.at);
        missed
    }
}

fn event(id: &str, at: Timestamp, action: Action, attributes: &BTreeMap<String, String>) -> Event {
    Event { at, id: id.to_owned(), action, origin: Origin::Inferred, attributes: attributes.clone() }
}

#[cfg(test)]
mod tests;
