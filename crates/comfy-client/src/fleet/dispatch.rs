//! One prompt on its way through a fleet, to a named end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::lacks::{self, Abilities};
use super::state::{Seat, Shared, Slot};
use super::{Delivery, End, FleetEvent};
use crate::error::{Error, ErrorKind};
use crate::job::Job;
use crate::outcome::{Outcome, StallCause};
use crate::workflow::Workflow;

/// At the latest so often a waiting prompt looks whether there is a place for it.
const HEARTBEAT: Duration = Duration::from_millis(250);
/// The longest deadline that a clock can reckon with.
const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 86_400);
/// How long to ask a server to cancel, and then to wait for the end.
const CANCEL_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct Dispatch {
    pub(super) shared: Arc<Shared>,
    pub(super) names: Vec<Arc<str>>,
    pub(super) label: String,
    pub(super) workflow: Workflow,
    pub(super) deadline: Duration,
    pub(super) reroutes: u32,
    pub(super) cancelled: watch::Receiver<bool>,
}

/// The end, or why the prompt may go to a server again.
type Tried = Result<End, Again>;

struct Again {
    why: String,
    /// Whether it uses up one of the times that it may go again: not where the server only asks for patience.
    counts: bool,
}

impl Dispatch {
    pub(super) async fn run(mut self) -> Delivery {
        let _active = self.shared.activate();
        let (begun, since) = (Instant::now(), self.shared.now());
        let until = begun + self.deadline.min(FOR_EVER);
        let mut abilities = Abilities::new(std::mem::take(&mut self.names));
        let mut delivery = Delivery::untried(End::Deadline);
        delivery.end = loop {
            let slot = match self.seat(&mut abilities, since, until).await {
                Ok(slot) => slot,
                Err(end) => break end,
            };
            (delivery.backend, delivery.client) = (Some(slot.name.to_string()), Some(slot.client.clone()));
            delivery.prompt_id = None;
            match self.attempt(&slot, &mut abilities, &mut delivery, until).await {
                Ok(end) => break end,
                Err(Again { why, counts }) => {
                    delivery.reroutes += u32::from(counts);
                    self.shared.tell(FleetEvent::Rerouted { item: self.label.clone(), backend: slot.name.to_string(), why });
                }
            }
        };
        delivery.waited = begun.elapsed();
        delivery
    }

    async fn seat(&mut self, abilities: &mut Abilities, since: Duration, until: Instant) -> Result<Slot, End> {
        let shared = self.shared.clone();
        let _turn = tokio::select! {
            biased;
            turn = shared.turn() => turn,
            () = wished(&mut self.cancelled) => return Err(End::Cancelled),
            () = sleep_until(until) => return Err(End::Deadline),
        };
        let mut changes = self.shared.changes();
        loop {
            changes.borrow_and_update();
            if *self.cancelled.borrow() {
                return Err(End::Cancelled);
            }
            abilities.read(&self.workflow, self.shared.catalogues());
            match self.shared.seat(abilities, since) {
                Seat::Taken(slot) => return Ok(slot),
                Seat::Never(error) => return Err(End::Untaken(error)),
                Seat::Down(error) => return Err(End::Unserved(error)),
                Seat::Wait if Instant::now() >= until => return Err(End::Deadline),
                Seat::Wait => {}
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = wished(&mut self.cancelled) => {}
                () = sleep_until(until.min(Instant::now() + HEARTBEAT)) => {}
            }
        }
    }

    async fn attempt(&mut self, slot: &Slot, abilities: &mut Abilities, delivery: &mut Delivery, until: Instant) -> Tried {
        let (may_go_on, given) = (delivery.reroutes < self.reroutes, Instant::now());
        // Not to be dropped half-way: nobody would know then whether the server has it.
        let job = match slot.client.submit(&self.workflow).await {
            Ok(job) => job,
            Err(error) => return self.refused(slot, abilities, error, may_go_on),
        };
        delivery.prompt_id = Some(job.prompt_id().to_owned());
        let (item, backend) = (self.label.clone(), slot.name.to_string());
        self.shared.tell(FleetEvent::Taken { item, backend, prompt_id: job.prompt_id().to_owned() });
        slot.accepted();
        match self.follow(slot, &job, until).await {
            Ok(Outcome::Lost(loss)) => {
                let gone = slot.is_gone();
                if !gone {
                    slot.failed(None);
                }
                if may_go_on && !*self.cancelled.borrow() {
                    let ended = || "its program has ended, and its queue with it".to_owned();
                    let why = if gone { ended() } else { Outcome::Lost(loss).to_string() };
                    return Err(Again { why, counts: true });
                }
                Ok(End::Outcome(Outcome::Lost(loss)))
            }
            Ok(outcome) => {
                match &outcome {
                    // At a deadline the server is to blame only if it had the prompt for long enough.
                    Outcome::Stalled(stall) if stall.cause == StallCause::NothingRuns || given.elapsed() >= self.deadline / 2 => {
                        slot.stalled();
                    }
                    Outcome::Stalled(_) | Outcome::Cancelled(_) => {}
                    _ => slot.ended(),
                }
                Ok(End::Outcome(outcome))
            }
            Err(error) => {
                slot.failed(Some(&error));
                Ok(End::Unknown(error))
            }
        }
    }

    /// What to do about a prompt that the server did not take, as far as is known.
    fn refused(&self, slot: &Slot, abilities: &mut Abilities, error: Error, may_go_on: bool) -> Tried {
        let (lack, not_here) = (lacks::is_lack(&error), is_for_another(&error));
        if is_the_servers(&error) {
            slot.failed(Some(&error));
        }
        if lack {
            slot.doubt_catalogue();
        }
        if lack || not_here {
            abilities.refuse(slot.index, error.clone());
        }
        if error.prompt_id().is_some() || !error.is_final() {
            // It is there, or an earlier try of it may have come through.
            return Ok(End::Unknown(error));
        }
        let counts = error.status() != Some(429);
        if (may_go_on || !counts) && (lack || not_here || is_the_servers(&error)) {
            return Err(Again { why: error.to_string(), counts });
        }
        Ok(End::Untaken(error))
    }

    /// Waits for the end; at the deadline, or when it is wished, the prompt is cancelled where it is. One whose server is gone is
    /// lost: nobody will ever tell what became of it.
    async fn follow(&mut self, slot: &Slot, job: &Job, until: Instant) -> Result<Outcome, Error> {
        let left = until.saturating_duration_since(Instant::now());
        let ended = tokio::select! {
            ended = job.wait(left) => Some(ended),
            () = wished(&mut self.cancelled) => None,
            () = slot.gone(|| job.answered()) => Some(Ok(job.lost())),
        };
        match ended {
            Some(Ok(Outcome::Stalled(stall))) => {
                // What becomes of it is told by the outcome that stands already.
                let _ = timeout(CANCEL_LIMIT, job.cancel()).await;
                Ok(Outcome::Stalled(stall))
            }
            Some(ended) => ended,
            None => {
                if let Ok(Err(error)) = timeout(CANCEL_LIMIT, job.cancel()).await {
                    tracing::debug!(prompt_id = job.prompt_id(), %error, "not cancelled");
                }
                job.wait(CANCEL_LIMIT.min(until.saturating_duration_since(Instant::now()))).await
            }
        }
    }
}

/// Waits for the wish to cancel; for ever where nobody can utter it any more.
async fn wished(cancelled: &mut watch::Receiver<bool>) {
    if cancelled.wait_for(|wished| *wished).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether the server, not the workflow, is to blame.
fn is_the_servers(error: &Error) -> bool {
    error.is_retryable() || matches!(error.kind(), ErrorKind::Refused | ErrorKind::NotComfy | ErrorKind::Protocol)
}

/// Whether this server will not take this prompt, whose fault it may be, but another may: one that allows longer requests, or
/// does not fail at it.
fn is_for_another(error: &Error) -> bool {
    error.kind() == ErrorKind::TooLarge || (error.kind() == ErrorKind::Server && error.status() == Some(500))
}
