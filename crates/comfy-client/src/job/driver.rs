//! What is done for a job: it feeds the waiter with what the server says, and the caller with what it means.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::Span;

use super::feed::Feed;
use super::pictures::Pictures;
use super::translate::Translator;
use super::waiter::{Ask, Heard, Step, Verdict, Waiter};
use crate::client::Client;
use crate::error::Error;
use crate::event::Event;
use crate::history::HistoryEntry;
use crate::outcome::{Cancellation, Ending, Loss, Outcome, Stall, StallCause, Standing};
use crate::socket::{Notice, Subscription};

/// What is known of the job by now.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) standing: Standing,
    /// When the server last answered a look.
    pub(super) answered: Option<Instant>,
    /// The last look at the server failed so.
    pub(super) trouble: Option<Error>,
    pub(super) result: Option<Result<Outcome, Error>>,
}

pub(super) struct Driver {
    client: Client,
    prompt_id: String,
    submitted: Instant,
    /// When the last look at the server began.
    looked: Instant,
    subscription: Subscription,
    feed: Arc<Feed>,
    pictures: Pictures,
    known: watch::Sender<Known>,
    waiter: Waiter,
    /// Whether the state of the connection means anything to this prompt.
    hears: bool,
    translator: Translator,
    cancel_asked: bool,
    asking: Option<Asking>,
    patience: Duration,
    /// One timer for all pauses: most messages do not change when to look next.
    timer: Pin<Box<Sleep>>,
    span: Span,
}

/// A look that is under way.
struct Asking {
    ask: Ask,
    answer: Pin<Box<dyn Future<Output = Result<Heard, Error>> + Send>>,
}

/// How long a look may take at first; each that fails doubles it, up to what a request may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a look that is due is left to a caller who acts upon what he was told just now.
const LEFT: Duration = Duration::from_millis(2);
/// How often to see to a look that is under way, in case that they whom its answer woke do nothing.
const UNDER_WAY: Duration = Duration::from_secs(1);

impl Driver {
    /// `linked` as in [`Job::follow`](super::Job::follow).
    pub(super) fn new(
        client: Client,
        subscription: Subscription,
        linked: Option<bool>,
        feed: Arc<Feed>,
        pictures: Pictures,
        known: watch::Sender<Known>,
        submitted: Instant,
    ) -> Self {
        feed.push(Event::Queued { position: None });
        let prompt_id = subscription.prompt_id().to_owned();
        let jitter = prompt_id.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        Self {
            waiter: linked
                .map_or_else(|| Waiter::attached(jitter), |linked| Waiter::new(linked, jitter))
                .awaiting(!subscription.wanted().is_empty()),
            hears: linked.is_some(),
            looked: submitted,
            translator: Translator::default(),
            cancel_asked: false,
            asking: None,
            patience: PATIENCE.min(client.transport().config().request_timeout),
            timer: Box::pin(sleep_until(submitted)),
            span: tracing::debug_span!("follow", prompt_id),
            client,
            prompt_id,
            submitted,
            subscription,
            feed,
            pictures,
            known,
        }
    }

    /// Does what there is to do, but asks the server only if `asks` says so. Else it is left for a little while to the caller,
    /// or to one who `stays` and is woken too. For messages and answers `context` is woken, and `watch` when it is time.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        watch: &mut Context<'_>,
        asks: impl Fn() -> bool,
        stays: bool,
    ) -> Poll<Verdict> {
        let span = self.span.clone();
        let _inside = span.enter();
        loop {
            if let Poll::Ready(Some(notice)) = self.subscription.poll_next(context) {
                self.hear(notice);
                continue;
            }
            if let Some(asking) = &mut self.asking
                && let Poll::Ready(heard) = asking.answer.as_mut().poll(context)
            {
                self.answered(heard);
                continue;
            }
            let until = match self.asking {
                Some(_) => self.timer.is_elapsed().then(|| Instant::now() + UNDER_WAY),
                None => match self.waiter.next(self.submitted.elapsed(), self.stirred()) {
                    Step::Ask(ask) if asks() => {
                        self.ask(ask);
                        continue;
                    }
                    // A timer that has run out is set again in any case: it would be ready for ever.
                    Step::Ask(_) => {
                        let left = Instant::now() + LEFT;
                        (self.timer.is_elapsed() || (!stays && self.timer.deadline() > left)).then_some(left)
                    }
                    Step::Redial => {
                        self.client.socket().is_deaf();
                        continue;
                    }
                    Step::Wait(until) => Some(self.submitted + until),
                    Step::Done(verdict) => return Poll::Ready(verdict),
                },
            };
            if let Some(until) = until.filter(|until| *until != self.timer.deadline()) {
                self.timer.as_mut().reset(until);
            }
            if self.timer.as_mut().poll(watch).is_pending() {
                let standing = self.translator.standing();
                self.note(|known| known.standing = standing);
                return Poll::Pending;
            }
        }
    }

    pub(super) fn held(&self) -> Option<HistoryEntry> {
        self.waiter.held().cloned()
    }

    /// When the connection last brought anything.
    fn stirred(&self) -> Duration {
        self.client.socket().registry().pulse().last().saturating_duration_since(self.submitted)
    }

    fn hear(&mut self, notice: Notice) {
        let now = self.submitted.elapsed();
        match notice {
            Notice::Link(up) => {
                self.pictures.broke();
                if self.hears {
                    self.waiter.link(now, up);
                }
            }
            Notice::CancelAsked => {
                self.cancel_asked = true;
                self.waiter.cancel_asked(now);
            }
            Notice::Message(message) => {
                self.pictures.message(&message);
                self.waiter.message(now, &message);
                self.asking.take_if(|asking| self.waiter.is_over(asking.ask));
                let events = self.translator.message(message);
                self.tell(events);
            }
        }
    }

    fn ask(&mut self, ask: Ask) {
        // What was seen before this prompt was there, or before the last look at it, is not about it.
        let since = self.looked.max(self.submitted + self.waiter.since());
        self.looked = Instant::now();
        let answer = look(self.client.clone(), self.prompt_id.clone(), ask, since, self.patience);
        self.asking = Some(Asking { ask, answer: Box::pin(answer) });
    }

    fn answered(&mut self, heard: Result<Heard, Error>) {
        self.asking = None;
        let heard = self.weigh(heard);
        let longest = self.client.transport().config().request_timeout;
        let patience = if matches!(heard, Heard::Trouble) { self.patience * 2 } else { PATIENCE };
        self.patience = patience.min(longest);
        if let Heard::Queue { place, .. } = &heard {
            let events = self.translator.place(*place);
            self.tell(events);
        }
        self.waiter.heard(self.submitted.elapsed(), heard);
    }

    fn tell(&self, events: Vec<Event>) {
        for event in events {
            self.feed.push(event);
        }
    }

    /// Writes down what is known without waking those who wait: they wait for the result alone.
    fn note(&self, note: impl FnOnce(&mut Known)) {
        self.known.send_if_modified(|known| {
            note(known);
            false
        });
    }

    /// Keeps the error of a failed look, for whoever stops waiting.
    fn weigh(&self, heard: Result<Heard, Error>) -> Heard {
        let (heard, trouble) = match heard {
            Ok(heard) => (heard, None),
            // A restarting server, or the proxy before it, answers oddly for a while; a refusal may be for good.
            Err(error) if error.is_refused() => (Heard::Refused, Some(error)),
            Err(error) => (Heard::Trouble, Some(error)),
        };
        self.note(|known| {
            if trouble.is_none() {
                known.answered = Some(Instant::now());
            }
            known.trouble = trouble;
        });
        heard
    }

    pub(super) fn finish(self, verdict: Verdict) {
        let (last, by_this_client) = (self.translator.standing(), self.cancel_asked);
        self.note(|known| known.standing = last.clone());
        let prompt_id = self.prompt_id.clone();
        let result = match verdict {
            Verdict::Ended(entry) => {
                let mut outcome = Outcome::read(&prompt_id, *entry, self.submitted.elapsed());
                if let Outcome::Succeeded(run) = &mut outcome {
                    self.pictures.put_into(run);
                }
                Ok(outcome)
            }
            Verdict::Cancelled => Ok(Outcome::Cancelled(Cancellation { prompt_id, by_this_client })),
            Verdict::Lost { connection_broke } => Ok(Outcome::Lost(Loss { prompt_id, last, connection_broke })),
            Verdict::NothingRuns => Ok(Outcome::Stalled(Stall { prompt_id, last, cause: StallCause::NothingRuns })),
            Verdict::Refused => Err(self.known.borrow().trouble.clone().unwrap_or_else(|| super::forsaken(&prompt_id))),
        };
        tracing::debug!(prompt_id = self.prompt_id, ending = ?result.as_ref().map(Outcome::ending), "prompt ended");
        let how = result.as_ref().map_or(Ending::Unknown, Outcome::ending);
        self.known.send_modify(|known| known.result = Some(result));
        self.feed.push(Event::Finished { how });
        self.feed.close();
    }
}

async fn look(client: Client, prompt_id: String, ask: Ask, since: Instant, limit: Duration) -> Result<Heard, Error> {
    Ok(match ask {
        Ask::History => Heard::History(client.ended(&prompt_id, limit).await?.map(Box::new)),
        Ask::Queue => {
            let places = client.places(since, limit).await?;
            Heard::Queue { place: places.of(&prompt_id), nothing_runs: places.nothing_runs }
        }
    })
}
