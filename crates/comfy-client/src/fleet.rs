//! Several servers as one: each prompt goes to the least loaded that has what it needs.

mod breaker;
mod dispatch;
mod lacks;
mod member;
mod monitor;
mod state;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::outcome::{Ending, Outcome};
use crate::workflow::Workflow;
use dispatch::Dispatch;
use member::Member;
use state::Shared;

type Observer = Box<dyn Fn(FleetEvent) + Send + Sync>;

/// Several ComfyUI servers that share the work. Clones are cheap and share everything.
///
/// - **Where to**: of the servers that answer, have room, and have every node class and every file that the workflow
///   names (by their `/object_info`), the one with the fewest prompts, its other users' included.
/// - **Health**: while there is work, each server is looked at once a second. One that fails three times in a row gets
///   nothing for a pause, which grows from one second to one minute; then, once it answers, one prompt, and when it took
///   that, all. One that takes prompts and ends none must end that one first.
/// - **Again elsewhere**: a prompt that a server certainly did not take, and one that a server lost
///   ([`Outcome::Lost`]): it restarted, or no program has listened at its address for as long as [`FleetBuilder::patience`]
///   (a tunnel that is cut looks the same). Never one that may have been taken, or may yet run.
/// - **The end**: every prompt comes to an [`End`]; what is over its deadline is cancelled where it is.
///
/// ```no_run
/// use std::time::Duration;
/// use comfy_client::{Client, Config, End, Fleet, Outcome, Workflow};
///
/// # async fn example(workflow: Workflow) -> Result<(), comfy_client::Error> {
/// let fleet = Fleet::builder()
///     .server("left", Client::new(Config::new("http://127.0.0.1:8188")?)?, 2)
///     .server("right", Client::new(Config::new("http://127.0.0.1:8189")?)?, 2)
///     .observe(|event| eprintln!("{event:?}"))
///     .build()?;
/// let job = fleet.submit("cat", &workflow, Duration::from_secs(600));
/// if let End::Outcome(Outcome::Succeeded(run)) = job.wait().await.end {
///     println!("{} files", run.outputs.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    names: Vec<Arc<str>>,
    limit: usize,
    reroutes: u32,
    monitors: Mutex<Monitors>,
}

/// One for each server.
struct Monitors(Vec<Option<JoinHandle<()>>>);

impl Drop for Monitors {
    fn drop(&mut self) {
        self.0.iter().flatten().for_each(JoinHandle::abort);
    }
}

/// What a [`Fleet`] is made of.
///
/// ```no_run
/// # fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
/// let fleet = comfy_client::Fleet::builder().server("one", client, 2).reroutes(1).build()?;
/// assert_eq!(fleet.limit(), 2);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct FleetBuilder {
    members: Vec<Member>,
    reroutes: u32,
    patience: Duration,
    observer: Observer,
}

/// What happens in a fleet. More may come to be told.
///
/// ```
/// use comfy_client::FleetEvent;
///
/// fn line(event: &FleetEvent) -> String {
///     match event {
///         FleetEvent::Taken { item, backend, .. } => format!("{item} is at {backend}"),
///         FleetEvent::Rerouted { item, backend, why } => format!("{item} leaves {backend}: {why}"),
///         FleetEvent::Opened { backend, pause, .. } => format!("{backend} rests for {pause:?}"),
///         FleetEvent::Probing { backend } => format!("{backend} is tried"),
///         FleetEvent::Closed { backend } => format!("{backend} is back"),
///         other => format!("{other:?}"),
///     }
/// }
/// # let _ = line;
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FleetEvent {
    /// A server took a prompt.
    Taken {
        /// The caller's name for it.
        item: String,
        /// The server.
        backend: String,
        /// The prompt's id there.
        prompt_id: String,
    },
    /// A prompt is free to go to a server again, this one or another.
    Rerouted {
        /// The caller's name for it.
        item: String,
        /// The server that did not take it, or lost it.
        backend: String,
        /// Why.
        why: String,
    },
    /// A server gets no prompts for a while.
    Opened {
        /// The server.
        backend: String,
        /// For how long.
        pause: Duration,
        /// Why; none if it takes prompts and runs or keeps none.
        why: Option<Error>,
    },
    /// It answers again, and gets one prompt.
    Probing {
        /// The server.
        backend: String,
    },
    /// It gets prompts as before.
    Closed {
        /// The server.
        backend: String,
    },
}

/// How a prompt of a fleet ended: always one of these.
///
/// ```no_run
/// # fn example(delivery: comfy_client::Delivery) {
/// use comfy_client::{End, Outcome};
///
/// match delivery.end {
///     End::Outcome(Outcome::Succeeded(run)) => println!("{} files", run.outputs.len()),
///     End::Outcome(outcome) => println!("{outcome}"),
///     End::Untaken(error) => println!("nobody takes it: {error}"),
///     other => println!("{}", other.word()),
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there is one for each prompt, and it is matched on without a box")]
pub enum End {
    /// A server took it, and it came to this end there. One that was given up at its deadline
    /// ([`Outcome::Stalled`]) was cancelled there, if the server answered.
    Outcome(Outcome),
    /// No server took it. Where none has what the workflow names, [`Error::hints`] say who lacks what.
    Untaken(Error),
    /// A server took it, or may have, and does not say what became of it: it may have run, or may yet.
    Unknown(Error),
    /// No server that could run it has answered for long: nor will there be any for the next. Nothing was sent.
    Unserved(Error),
    /// It was cancelled before a server took it.
    Cancelled,
    /// Its deadline passed before a server had room for it.
    Deadline,
}

/// What became of a prompt, and where.
///
/// ```no_run
/// # async fn example(delivery: comfy_client::Delivery) -> Result<(), comfy_client::Error> {
/// use comfy_client::{End, Outcome};
///
/// if let (End::Outcome(Outcome::Succeeded(run)), Some(client)) = (&delivery.end, &delivery.client) {
///     client.download(&run.outputs[0].file, std::path::Path::new("pictures")).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// How it ended.
    pub end: End,
    /// The server that had it last; none if none was tried.
    pub backend: Option<String>,
    /// That server, to bring the files home.
    pub client: Option<Client>,
    /// Its id there, if the server took it.
    pub prompt_id: Option<String>,
    /// How often it was free to go to a server again.
    pub reroutes: u32,
    /// From the submission to the end.
    pub waited: Duration,
}

/// A prompt given to a fleet. To drop it is to stop watching it: one that a server has goes on there.
///
/// ```no_run
/// # async fn example(fleet: comfy_client::Fleet, workflow: comfy_client::Workflow) {
/// let job = fleet.submit("cat", &workflow, std::time::Duration::from_secs(600));
/// println!("{}", job.wait().await.end.word());
/// # }
/// ```
pub struct FleetJob {
    cancel: watch::Sender<bool>,
    ended: watch::Receiver<Option<Delivery>>,
    task: JoinHandle<()>,
}

impl Fleet {
    /// An empty fleet, to be filled.
    ///
    /// ```no_run
    /// # fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// let fleet = comfy_client::Fleet::builder().server("one", client, 2).build()?;
    /// # let _ = fleet;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> FleetBuilder {
        FleetBuilder { members: Vec::new(), reroutes: 2, patience: Duration::from_secs(60), observer: Box::new(drop) }
    }

    /// How many prompts its servers hold at most, together.
    ///
    /// ```no_run
    /// # fn example(left: comfy_client::Client, right: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// let fleet = comfy_client::Fleet::builder().server("left", left, 2).server("right", right, 3).build()?;
    /// assert_eq!(fleet.limit(), 5);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Gives a prompt to the fleet, under a name of the caller's for its events. What is not at its end when `deadline`
    /// is over ends so, at the latest after one more submission or cancellation.
    ///
    /// ```no_run
    /// # async fn example(fleet: comfy_client::Fleet, workflow: comfy_client::Workflow) {
    /// let job = fleet.submit("cat", &workflow, std::time::Duration::from_secs(600));
    /// let delivery = job.wait().await;
    /// println!("{:?} at {:?}", delivery.end, delivery.backend);
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use = "a job that is dropped is not followed"]
    pub fn submit(&self, item: &str, workflow: &Workflow, deadline: Duration) -> FleetJob {
        let inner = &self.0;
        inner.watch();
        let (cancel, cancelled) = watch::channel(false);
        let dispatch = Dispatch {
            shared: inner.shared.clone(),
            names: inner.names.clone(),
            label: item.to_owned(),
            workflow: workflow.clone(),
            deadline,
            reroutes: inner.reroutes,
            cancelled,
        };
        let (end, ended) = watch::channel(None);
        let keep = self.clone();
        let task = tokio::spawn(async move {
            end.send_replace(Some(dispatch.run().await));
            drop(keep);
        });
        FleetJob { cancel, ended, task }
    }
}

impl Inner {
    /// Sees to it that every server is watched, also where the runtime of earlier prompts is gone.
    fn watch(&self) {
        let mut monitors = self.monitors.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, monitor) in monitors.0.iter_mut().enumerate() {
            if monitor.as_ref().is_none_or(JoinHandle::is_finished) {
                *monitor = Some(tokio::spawn(monitor::keep(self.shared.clone(), index)));
            }
        }
    }
}

impl FleetBuilder {
    /// One more server: its name, and how many prompts of this fleet it may hold at once. ComfyUI runs one at a time: with
    /// two the next is there when one ends, with more they only wait there.
    ///
    /// ```no_run
    /// # fn example(client: comfy_client::Client) {
    /// let fleet = comfy_client::Fleet::builder().server("one", client, 2);
    /// # let _ = fleet;
    /// # }
    /// ```
    pub fn server(mut self, name: &str, client: Client, limit: usize) -> Self {
        self.members.push(Member::new(name, client, limit));
        self
    }

    /// How often one prompt may go to a server again (default: 2).
    ///
    /// ```
    /// let fleet = comfy_client::Fleet::builder().reroutes(5);
    /// # let _ = fleet;
    /// ```
    pub fn reroutes(mut self, most: u32) -> Self {
        self.reroutes = most;
        self
    }

    /// How long prompts wait for servers that do not answer, if no other could run them, and for the return of one that has
    /// them and is gone (default: 60 s).
    ///
    /// ```
    /// let fleet = comfy_client::Fleet::builder().patience(std::time::Duration::from_secs(600));
    /// # let _ = fleet;
    /// ```
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Who hears what happens. It must not block.
    ///
    /// ```
    /// let fleet = comfy_client::Fleet::builder().observe(|event| eprintln!("{event:?}"));
    /// # let _ = fleet;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    pub fn observe(mut self, observer: impl Fn(FleetEvent) + Send + Sync + 'static) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// The fleet.
    ///
    /// ```
    /// let error = comfy_client::Fleet::builder().build().unwrap_err();
    /// assert_eq!(error.to_string(), "a fleet needs a server");
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] without servers, for two of one name, and for one that may hold no prompt.
    pub fn build(self) -> Result<Fleet, Error> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidConfig, message));
        let names: Vec<Arc<str>> = self.members.iter().map(|member| member.name.clone()).collect();
        if names.is_empty() {
            return invalid("a fleet needs a server".to_owned());
        }
        if let Some((_, twice)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return invalid(format!("two servers of the fleet are called `{twice}`"));
        }
        if let Some(idle) = self.members.iter().find(|member| member.limit == 0) {
            return invalid(format!("the server `{}` may hold no prompt", idle.name));
        }
        let limit = self.members.iter().fold(0, |sum: usize, member| sum.saturating_add(member.limit));
        let monitors = Mutex::new(Monitors(names.iter().map(|_| None).collect()));
        let shared = Arc::new(Shared::new(self.members, self.patience, self.observer));
        Ok(Fleet(Arc::new(Inner { shared, names, limit, reroutes: self.reroutes, monitors })))
    }
}

impl FleetJob {
    /// Cancels it wherever it is: waiting for a server, waiting there, or running. No other prompt is touched. What became
    /// of it is told by [`FleetJob::wait`].
    ///
    /// ```no_run
    /// # async fn example(job: comfy_client::FleetJob) {
    /// job.cancel();
    /// println!("{}", job.wait().await.end.word()); // cancelled, unless it was over
    /// # }
    /// ```
    pub fn cancel(&self) {
        self.cancel.send_replace(true);
    }

    /// Waits for the end. May be called again, and tells the same.
    ///
    /// ```no_run
    /// # async fn example(job: comfy_client::FleetJob) {
    /// let delivery = job.wait().await;
    /// println!("{} after {:?}", delivery.end.word(), delivery.waited);
    /// # }
    /// ```
    pub async fn wait(&self) -> Delivery {
        let mut ended = self.ended.clone();
        let known = ended.wait_for(Option::is_some).await.ok().and_then(|known| known.clone());
        known.unwrap_or_else(|| Delivery::untried(End::Unknown(Error::new(ErrorKind::Io, "the runtime of the fleet has ended"))))
    }
}

impl End {
    /// The end in one word.
    ///
    /// ```
    /// assert_eq!(comfy_client::End::Deadline.word(), "expired");
    /// ```
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Outcome(outcome) => match outcome.ending() {
                Ending::Succeeded => "succeeded",
                Ending::Failed => "failed",
                Ending::Interrupted => "interrupted",
                Ending::Cancelled => "cancelled",
                Ending::Lost => "lost",
                Ending::Stalled => "stalled",
                Ending::Unknown => "unknown",
            },
            Self::Untaken(error) => match error.kind() {
                ErrorKind::Rejected | ErrorKind::InvalidWorkflow | ErrorKind::TooLarge => "rejected",
                _ => "unserved",
            },
            Self::Unknown(_) => "unknown",
            Self::Unserved(_) => "unserved",
            Self::Cancelled => "cancelled",
            Self::Deadline => "expired",
        }
    }
}

impl Delivery {
    fn untried(end: End) -> Self {
        Self { end, backend: None, client: None, prompt_id: None, reroutes: 0, waited: Duration::ZERO }
    }
}

impl Drop for FleetJob {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("servers", &self.0.names).finish_non_exhaustive()
    }
}

impl fmt::Debug for FleetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetBuilder").field("servers", &self.members.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for FleetJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FleetJob")
    }
}
