//! The task behind a job: it feeds the waiter with what the server says, and the caller with what it means.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::feed::Feed;
use super::pictures::Pictures;
use super::translate::Translator;
use super::waiter::{Ask, Heard, Step, Verdict, Waiter};
use crate::client::Client;
use crate::error::Error;
use crate::event::Event;
use crate::outcome::{Cancellation, Ending, Loss, Outcome, Stall, StallCause, Standing};
use crate::socket::{Notice, Subscription};

/// What is known of the job by now.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) standing: Standing,
    /// The last look at the server failed so.
    pub(super) trouble: Option<Error>,
    pub(super) result: Option<Result<Outcome, Error>>,
}

pub(super) struct Driver {
    pub(super) client: Client,
    pub(super) prompt_id: String,
    pub(super) submitted: Instant,
    /// When the last look at the server began.
    pub(super) looked: Instant,
    pub(super) subscription: Subscription,
    pub(super) feed: Arc<Feed>,
    pub(super) pictures: Pictures,
    pub(super) known: watch::Sender<Known>,
    pub(super) waiter: Waiter,
    /// Whether the state of the connection means anything to this prompt.
    pub(super) hears: bool,
}

/// A look that is under way.
struct Asking {
    ask: Ask,
    answer: Pin<Box<dyn Future<Output = Result<Heard, Error>> + Send>>,
}

/// How long a look may take at first; each that fails doubles it, up to what a request may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Driver {
    pub(super) async fn run(mut self) {
        let mut translator = Translator::default();
        let mut cancel_asked = false;
        let mut asking: Option<Asking> = None;
        let longest = self.client.transport().config().request_timeout;
        // One timer for all pauses: most messages do not change when to look next.
        let timer = sleep_until(self.submitted);
        tokio::pin!(timer);
        let mut patience = PATIENCE.min(longest);
        self.feed.push(&Event::Queued { position: None });
        let verdict = loop {
            let mut waits = false;
            if asking.is_none() {
                match self.waiter.next(self.submitted.elapsed()) {
                    Step::Ask(ask) => {
                        // What was seen before this prompt was there, or before the last look at it, is not about it.
                        let since = self.looked.max(self.submitted + self.waiter.since());
                        self.looked = Instant::now();
                        let answer = look(self.client.clone(), self.prompt_id.clone(), ask, since, patience);
                        asking = Some(Asking { ask, answer: Box::pin(answer) });
                    }
                    Step::Redial => {
                        self.client.socket().is_deaf();
                        continue;
                    }
                    Step::Wait(until) => {
                        waits = true;
                        let until = self.submitted + until;
                        if timer.deadline() != until {
                            timer.as_mut().reset(until);
                        }
                    }
                    Step::Done(verdict) => break verdict,
                }
            }
            tokio::select! {
                // What has come is heard before a timer is set, which would wake another thread for nothing.
                biased;
                Some(notice) = self.subscription.next() => {
                    let now = self.submitted.elapsed();
                    match notice {
                        Notice::Link(up) => {
                            self.pictures.broke();
                            if self.hears {
                                self.waiter.link(now, up);
                            }
                        }
                        Notice::CancelAsked => {
                            cancel_asked = true;
                            self.waiter.cancel_asked(now);
                        }
                        Notice::Message(message) => {
                            self.pictures.message(&message);
                            self.waiter.message(now, &message);
                            asking.take_if(|asking| self.waiter.is_over(asking.ask));
                            self.tell(&translator.message(&message));
                        }
                    }
                }
                heard = answer(&mut asking) => {
                    asking = None;
                    let heard = self.weigh(heard);
                    patience = if matches!(heard, Heard::Trouble) { (patience * 2).min(longest) } else { PATIENCE.min(longest) };
                    if let Heard::Queue { place, .. } = &heard {
                        self.tell(&translator.place(*place));
                    }
                    self.waiter.heard(self.submitted.elapsed(), heard);
                }
                () = &mut timer, if waits => {}
            }
            self.note(|known| known.standing = translator.standing());
        };
        let last = translator.standing();
        self.finish(verdict, last, cancel_asked);
    }

    fn tell(&self, events: &[Event]) {
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
        self.note(|known| known.trouble = trouble);
        heard
    }

    fn finish(self, verdict: Verdict, last: Standing, by_this_client: bool) {
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
        self.feed.push(&Event::Finished { how });
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

async fn answer(asking: &mut Option<Asking>) -> Result<Heard, Error> {
    match asking {
        Some(asking) => asking.answer.as_mut().await,
        None => std::future::pending().await,
    }
}
