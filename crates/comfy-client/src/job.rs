//! A submitted prompt: its events, and its end.

mod driver;
mod feed;
mod helm;
mod pictures;
mod translate;
mod waiter;

use std::collections::HashSet;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::Stream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::mailbox::Mailbox;
use crate::outcome::{Loss, Outcome, Stall, StallCause};
use crate::rejection::NodeError;
use crate::request::segment;
use crate::socket::Subscription;
use driver::{Driver, Known};
use feed::Feed;
use helm::{Hand, Helm};
use pictures::Pictures;

/// How long the last look at the history may take, after the deadline.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// A prompt that the server accepted. Clones are cheap and watch the same run; dropping them all stops the watching, not
/// the run. As long as one is held it holds the outcome too, with the history entry and the pictures that came.
///
/// There is no task behind it: whoever waits for the end or reads the events drives it as he is polled, and what he was told of he
/// can ask for before the server is asked anything else. A reader that was woken but is not polled (another arm of his `select!` is
/// at work, say) learns of the end at the next planned look, which is at most some ten seconds away; where nobody waits, each step is
/// done in a short task.
///
/// ```no_run
/// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
/// let job = client.submit(&workflow).await?;
/// let outcome = job.wait(std::time::Duration::from_secs(600)).await?;
/// println!("{}: {outcome}", job.prompt_id());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Job(Arc<Inner>);

struct Inner {
    client: Client,
    prompt_id: String,
    submitted: Instant,
    dropped: Vec<NodeError>,
    feed: Arc<Feed>,
    pictures: Pictures,
    known: watch::Receiver<Known>,
    helm: Arc<Helm>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.helm.leave();
        self.feed.close();
    }
}

impl Job {
    /// `linked` says whether the prompt's messages come over the connection as it stands; none that they never will.
    pub(crate) fn follow(client: Client, subscription: Subscription, linked: Option<bool>, dropped: Vec<NodeError>) -> Self {
        let (report, known) = watch::channel(Known::default());
        let (feed, submitted) = (Arc::new(Feed::new()), Instant::now());
        let (prompt_id, room) = (subscription.prompt_id().to_owned(), client.transport().config().body_limit);
        let pictures = Pictures::new(subscription.wanted(), room, linked == Some(true));
        let driver = Driver::new(client.clone(), subscription, linked, feed.clone(), pictures.clone(), report, submitted);
        let helm = Helm::man(driver, feed.clone());
        Self(Arc::new(Inner { client, prompt_id, submitted, dropped, feed, pictures, known, helm }))
    }

    /// The prompt's id, for the server's queue and history.
    ///
    /// ```no_run
    /// # fn example(job: comfy_client::Job) {
    /// println!("it runs as {}", job.prompt_id());
    /// # }
    /// ```
    #[must_use]
    pub fn prompt_id(&self) -> &str {
        &self.0.prompt_id
    }

    /// Why the server dropped some outputs of the workflow; empty unless
    /// [`Workflow::allow_partial`](crate::Workflow::allow_partial) let it.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// let job = client.submit(&workflow.allow_partial(true)).await?;
    /// for node in job.dropped() {
    ///     eprintln!("will not run: {node}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn dropped(&self) -> &[NodeError] {
        &self.0.dropped
    }

    /// The steps of the run. The first call gives all of them from the submission on, later calls those from then on, and
    /// either [`Event::Preview`] from then on only; the last one is [`Event::Finished`].
    ///
    /// A consumer that is slow loses pictures first, then [`Event::Progress`], [`Event::Text`] and [`Event::Unknown`]; if more
    /// than 16,384 others wait, the oldest of them. Of a run that is over before the first call only those others are kept.
    ///
    /// ```no_run
    /// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
    /// use futures_util::StreamExt;
    ///
    /// let mut events = job.events();
    /// while let Some(event) = events.next().await {
    ///     println!("{event:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn events(&self) -> impl Stream<Item = Event> + Send + Unpin + use<> {
        Events { mailbox: self.0.feed.subscribe(), hand: Hand::new(self.0.helm.clone(), false), _keep: self.clone() }
    }

    /// Waits for the end, but no longer than `deadline`; then the history is looked at once more (for up to 1 s), and
    /// the outcome is [`Outcome::Stalled`]. The run itself goes on: wait again, or [`Job::cancel`] it.
    ///
    /// ```no_run
    /// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
    /// use comfy_client::Outcome;
    ///
    /// match job.wait(std::time::Duration::from_secs(600)).await? {
    ///     Outcome::Succeeded(run) => println!("{} files", run.outputs.len()),
    ///     other => println!("{other}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] once the server has wanted another credential for some seconds; after the deadline, if the
    /// server does not answer either, what keeps it from answering.
    #[tracing::instrument(level = "debug", skip_all, fields(prompt_id = self.prompt_id()))]
    pub async fn wait(&self, deadline: Duration) -> Result<Outcome, Error> {
        let mut hand = Hand::new(self.0.helm.clone(), true);
        let _ = timeout(deadline, poll_fn(|context| hand.poll(context, || true))).await;
        drop(hand);
        // First: what is held no more is the result.
        let held = self.0.helm.held();
        if let Some(result) = &self.0.known.borrow().result {
            return result.clone();
        }
        let look = async {
            match held {
                Some(entry) => Ok(Some(entry)),
                None => self.0.client.history(&self.0.prompt_id).await,
            }
        };
        let trouble = match timeout(LAST_LOOK, look).await {
            Ok(Ok(Some(entry))) => {
                let mut outcome = Outcome::read(&self.0.prompt_id, entry, self.0.submitted.elapsed());
                if let Outcome::Succeeded(run) = &mut outcome {
                    self.0.pictures.put_into(run);
                }
                return Ok(outcome);
            }
            Ok(Ok(None)) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => self.0.known.borrow().trouble.clone(),
        };
        match trouble {
            Some(error) => Err(error.hint(format!("the prompt `{}` may still run", self.0.prompt_id))),
            None => Ok(Outcome::Stalled(Stall {
                prompt_id: self.0.prompt_id.clone(),
                last: self.0.known.borrow().standing.clone(),
                cause: StallCause::Deadline,
            })),
        }
    }

    /// When the server last answered a look of this job.
    pub(crate) fn answered(&self) -> Option<Instant> {
        self.0.known.borrow().answered
    }

    /// The outcome of a prompt whose server is gone, and its queue with it.
    pub(crate) fn lost(&self) -> Outcome {
        let last = self.0.known.borrow().standing.clone();
        Outcome::Lost(Loss { prompt_id: self.0.prompt_id.clone(), last, connection_broke: true })
    }

    /// Takes the prompt out of the queue, or stops it if it runs already: [`Client::cancel`] of this prompt.
    ///
    /// ```no_run
    /// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
    /// job.cancel().await?;
    /// println!("{}", job.wait(std::time::Duration::from_secs(10)).await?); // cancelled, or interrupted
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::cancel`].
    pub async fn cancel(&self) -> Result<bool, Error> {
        self.0.client.cancel(self.prompt_id()).await
    }
}

impl Client {
    /// Follows a prompt that was submitted before, by this program or another, by its id. Its end is found by looking,
    /// at least once a second; its steps are told only as far as this client hears of them, which is not much for what
    /// another client submitted. A prompt that the server does not know is [`Outcome::Lost`].
    ///
    /// It starts a task: call it within a Tokio runtime.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, id_of_yesterday: &str) -> Result<(), comfy_client::Error> {
    /// let outcome = client.job(id_of_yesterday)?.wait(std::time::Duration::from_secs(60)).await?;
    /// # let _ = outcome;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] for an id that is empty, `.` or `..`.
    pub fn job(&self, prompt_id: &str) -> Result<Job, Error> {
        segment("prompt id", prompt_id)?;
        let subscription = self.socket().registry().subscribe(prompt_id, HashSet::new());
        Ok(Job::follow(self.clone(), subscription, None, Vec::new()))
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("prompt_id", &self.prompt_id()).finish_non_exhaustive()
    }
}

/// The error where a refusal was not kept; there always is one.
fn forsaken(prompt_id: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("the server refuses to say what became of `{prompt_id}`"))
}

struct Events {
    mailbox: Arc<Mailbox<Event>>,
    hand: Hand,
    _keep: Job,
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let Self { mailbox, hand, .. } = &mut *self;
        // Whoever drives tells himself.
        mailbox.forget_reader();
        let _ = hand.poll(context, || mailbox.is_empty());
        let polled = mailbox.poll_next(context);
        if polled.is_ready() {
            hand.rest();
        }
        polled
    }
}
