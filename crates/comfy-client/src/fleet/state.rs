//! What all prompts of a fleet share: the servers, and the news of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::Instant;

use super::breaker::Breaker;
use super::lacks::Abilities;
use super::member::{Catalogue, Member};
use super::{FleetEvent, Observer};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::workflow::ObjectInfo;

/// So long the first prompts wait for the first look at every server, so that not all go to the one that answers first.
const FIRST_LOOKS: Duration = Duration::from_millis(500);
/// A prompt is refused only by catalogues that are not older than this when it comes.
const CATALOGUE_AGE: Duration = Duration::from_secs(30);

/// So many prompts look for a place at once; the others wait for their turn, first come, first served.
const LOOKING: usize = 256;

pub(super) struct Shared {
    begun: Instant,
    patience: Duration,
    state: Mutex<State>,
    turns: Semaphore,
    changed: watch::Sender<()>,
    observer: Observer,
}

struct State {
    members: Vec<Member>,
    /// Prompts that wait for a server, or are at one.
    active: usize,
    first_work: Option<Duration>,
}

/// Where a prompt may go.
pub(super) enum Seat {
    Taken(Slot),
    /// Nowhere yet.
    Wait,
    /// No server has what it needs, or those that might have it do not answer.
    Never(Error),
    /// No server at all answers.
    Down(Error),
}

/// The place of one prompt at a server; free again when dropped.
pub(super) struct Slot {
    shared: Arc<Shared>,
    pub(super) index: usize,
    pub(super) name: Arc<str>,
    pub(super) client: Client,
}

/// Keeps the looks at the servers going while a prompt is under way.
pub(super) struct Active(Arc<Shared>);

/// What a look at a server saw.
pub(super) struct Seen {
    pub(super) queue_remaining: u64,
    pub(super) info: Option<Arc<ObjectInfo>>,
}

impl Shared {
    pub(super) fn new(members: Vec<Member>, patience: Duration, observer: Observer) -> Self {
        let state = Mutex::new(State { members, active: 0, first_work: None });
        let (turns, changed) = (Semaphore::new(LOOKING), watch::Sender::new(()));
        Self { begun: Instant::now(), patience, state, turns, changed, observer }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn tell(&self, event: FleetEvent) {
        (self.observer)(event);
    }

    /// Waits until a prompt may look for a place. It is never closed; without a turn it would only look sooner.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    pub(super) fn activate(self: &Arc<Self>) -> Active {
        let mut state = self.lock();
        state.active += 1;
        state.first_work.get_or_insert(self.now());
        drop(state);
        self.changed.send_replace(());
        Active(self.clone())
    }

    /// The catalogues as they are now, by server.
    pub(super) fn catalogues(&self) -> Vec<Option<Arc<ObjectInfo>>> {
        self.lock().members.iter().map(|member| member.catalogue.as_ref().map(|known| known.info.clone())).collect()
    }

    /// A place for a prompt that came at `since`, at the least loaded server that has what it needs.
    pub(super) fn seat(self: &Arc<Self>, abilities: &Abilities, since: Duration) -> Seat {
        let now = self.now();
        let mut state = self.lock();
        let first_work = state.first_work.unwrap_or(now);
        if now < first_work + FIRST_LOOKS && state.members.iter().any(|member| member.looked.is_none()) {
            return Seat::Wait;
        }
        let may_have = |index: &usize| !abilities.is_refused(*index);
        let able = (0..state.members.len()).filter(|index| abilities.is_able(*index) && state.members[*index].has_room());
        if let Some(index) = able.min_by_key(|index| state.members[*index].load()) {
            let member = &mut state.members[index];
            member.in_flight += 1;
            member.given += 1;
            return Seat::Taken(Slot { shared: self.clone(), index, name: member.name.clone(), client: member.client.clone() });
        }
        let hopeful: Vec<usize> = (0..state.members.len()).filter(may_have).filter(|index| !abilities.lacks(*index)).collect();
        if hopeful.is_empty() {
            let old = |member: &Member| member.catalogue.as_ref().is_some_and(|known| known.read + CATALOGUE_AGE < since);
            let mut stale =
                state.members.iter_mut().enumerate().filter(|(index, member)| may_have(index) && old(member)).peekable();
            if stale.peek().is_none() {
                return Seat::Never(abilities.error());
            }
            for known in stale.filter_map(|(_, member)| member.catalogue.as_mut()) {
                known.doubted = true;
            }
            drop(state);
            self.changed.send_replace(());
            return Seat::Wait;
        }
        let is_given_up = |member: &Member| member.is_given_up(now, self.patience);
        if !hopeful.iter().all(|index| is_given_up(&state.members[*index])) {
            return Seat::Wait;
        }
        let error = down(hopeful.iter().map(|index| &state.members[*index]));
        if state.members.iter().all(is_given_up) { Seat::Down(error) } else { Seat::Never(error) }
    }

    /// When to look at a server next; not while there is nothing to do.
    pub(super) fn next_look(&self, index: usize) -> Option<Instant> {
        let state = self.lock();
        let member = &state.members[index];
        let doubted = member.catalogue.as_ref().is_some_and(|known| known.doubted);
        let at = if doubted && member.breaker.admits(1) > 0 {
            Duration::ZERO
        } else {
            member.breaker.look_at(member.looked, member.in_flight > 0)
        };
        (state.active > 0).then(|| self.begun + at)
    }

    /// Whom to ask, and whether for the catalogue too.
    pub(super) fn begin_look(&self, index: usize) -> (Client, bool) {
        let state = self.lock();
        let member = &state.members[index];
        (member.client.clone(), member.catalogue.as_ref().is_none_or(|known| known.doubted))
    }

    pub(super) fn looked(&self, index: usize, seen: Result<Seen, Error>) {
        let now = self.now();
        self.change(index, |member| {
            member.looked = Some(now);
            match seen {
                Ok(seen) => {
                    member.answered(now);
                    member.others = seen.queue_remaining.saturating_sub(member.in_flight as u64);
                    if let Some(info) = seen.info {
                        member.catalogue = Some(Catalogue { info, read: now, doubted: false });
                    }
                    member.turn(now, |breaker| breaker.answered(now))
                }
                Err(error) => member.failed(now, Some(error)),
            }
        });
    }

    /// Changes what is known of a server, and tells whom it concerns.
    fn change(&self, index: usize, change: impl FnOnce(&mut Member) -> Option<FleetEvent>) {
        let event = change(&mut self.lock().members[index]);
        self.changed.send_replace(());
        if let Some(event) = event {
            self.tell(event);
        }
    }
}

impl Slot {
    pub(super) fn is_gone(&self) -> bool {
        self.shared.lock().members[self.index].is_gone(self.shared.patience)
    }

    /// Waits until the server is gone; not while it answers the looks of the prompt itself, the last of which was `answered`.
    pub(super) async fn gone(&self, answered: impl Fn() -> Option<Instant>) {
        let mut changes = self.shared.changes();
        loop {
            changes.borrow_and_update();
            if let Some(at) = answered() {
                self.shared.lock().members[self.index].answered(at.saturating_duration_since(self.shared.begun));
            }
            if self.is_gone() {
                return;
            }
            // The sender lives in `shared`.
            let _ = changes.changed().await;
        }
    }

    pub(super) fn accepted(&self) {
        let now = self.shared.now();
        self.shared.change(self.index, |member| member.turn(now, Breaker::accepted));
    }

    pub(super) fn ended(&self) {
        let now = self.shared.now();
        self.shared.change(self.index, |member| member.turn(now, Breaker::ended));
    }

    pub(super) fn stalled(&self) {
        let now = self.shared.now();
        self.shared.change(self.index, |member| {
            member.troubled(now, None);
            member.turn(now, |breaker| breaker.stalled(now))
        });
    }

    pub(super) fn failed(&self, why: Option<&Error>) {
        let now = self.shared.now();
        self.shared.change(self.index, |member| member.failed(now, why.cloned()));
    }

    /// The server says of itself that its catalogue has changed.
    pub(super) fn doubt_catalogue(&self) {
        self.shared.change(self.index, |member| {
            if let Some(known) = &mut member.catalogue {
                known.doubted = true;
            }
            None
        });
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.change(self.index, |member| {
            member.in_flight -= 1;
            None
        });
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.lock().active -= 1;
        self.0.changed.send_replace(());
    }
}

fn down<'a>(members: impl Iterator<Item = &'a Member>) -> Error {
    let members: Vec<&Member> = members.collect();
    let refused = members.iter().all(|member| member.trouble.as_ref().is_some_and(Error::is_refused));
    let kind = if refused { ErrorKind::Refused } else { ErrorKind::Unreachable };
    let error = Error::new(kind, "no server that could run the workflow answers as it should");
    members.iter().fold(error, |error, member| {
        let why = member.trouble.as_ref().map_or_else(|| "it runs nothing".to_owned(), ToString::to_string);
        error.hint(format!("`{}`: {why}", member.name))
    })
}
