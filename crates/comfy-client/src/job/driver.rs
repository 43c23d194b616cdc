//! The task behind a job: it feeds the waiter with what the server says, and the caller with what it means.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

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
    pub(super) subscription: Subscription,
    pub(super) feed: Arc<Feed>,
    pub(super) pictures: Pictures,
    pub(super) known: watch::Sender<Known>,
    pub(super) waiter: Waiter,
    /// Whether the state of the connection means anything to this prompt.
    pub(super) hears: bool,
}

type Asking = Pin<Box<dyn Future<Output = Result<Heard, Error>> + Send>>;

impl Driver {
    pub(super) async fn run(mut self) {
        let mut translator = Translator::default();
        let mut cancel_asked = false;
        let mut asking: Option<Asking> = None;
        self.feed.push(&Event::Queued { position: None });
        let verdict = loop {
            let mut wake = None;
            if asking.is_none() {
                match self.waiter.next(self.submitted.elapsed()) {
                    Step::Ask(ask) => {
                        asking = Some(Box::pin(look(self.client.clone(), self.prompt_id.clone(), ask)));
                    }
                    Step::Redial => {
                        self.client.socket().is_deaf();
                        continue;
                    }
                    Step::Wait(until) => wake = Some(self.submitted + until),
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
                            self.tell(&translator.message(&message));
                        }
                    }
                }
                heard = answer(&mut asking) => {
                    asking = None;
                    let heard = self.weigh(heard);
                    if let Heard::Queue { place, .. } = &heard {
                        self.tell(&translator.place(*place));
                    }
                    self.waiter.heard(self.submitted.elapsed(), heard);
                }
                () = until(wake) => {}
            }
            self.note(&translator);
        };
        let last = translator.standing();
        self.finish(verdict, last, cancel_asked);
    }

    fn tell(&self, events: &[Event]) {
        for event in events {
            self.feed.push(event);
        }
    }

    fn note(&self, translator: &Translator) {
        let standing = translator.standing();
        self.known.send_if_modified(|known| {
            let changed = known.standing != standing;
            if changed {
                known.standing = standing;
            }
            changed
        });
    }

    /// Keeps the error of a failed look, for whoever stops waiting.
    fn weigh(&self, heard: Result<Heard, Error>) -> Heard {
        let (heard, trouble) = match heard {
            Ok(heard) => (heard, None),
            // A restarting server, or the proxy before it, answers oddly for a while; only a refusal is for good.
            Err(error) if error.is_refused() => (Heard::Refused, Some(error)),
            Err(error) => (Heard::Trouble, Some(error)),
        };
        self.known.send_modify(|known| known.trouble = trouble);
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

async fn look(client: Client, prompt_id: String, ask: Ask) -> Result<Heard, Error> {
    Ok(match ask {
        Ask::History => Heard::History(client.history(&prompt_id).await?.map(Box::new)),
        Ask::Queue => {
            let queue = client.queue().await?;
            Heard::Queue { place: queue.place(&prompt_id), nothing_runs: queue.running.is_empty() }
        }
    })
}

async fn answer(asking: &mut Option<Asking>) -> Result<Heard, Error> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
