//! How a prompt ended.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::files::StoredFile;
use crate::history::HistoryEntry;
use crate::wire::{self, ExecutionError, ImageFormat};

/// How a wait ended: always one of these, never with silence.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
/// use comfy_client::Outcome;
///
/// match job.wait(std::time::Duration::from_secs(600)).await? {
///     Outcome::Succeeded(run) => println!("{} files", run.outputs.len()),
///     Outcome::Failed(failure) => eprintln!("{}: {}", failure.error.node, failure.error.exception_message),
///     Outcome::Stalled(stall) => eprintln!("still {}", stall.last),
///     other => eprintln!("{other}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It ran to its end.
    Succeeded(Run),
    /// A node failed.
    Failed(Failure),
    /// Somebody stopped it while it ran.
    Interrupted(Interruption),
    /// It was taken out of the queue before it began.
    Cancelled(Cancellation),
    /// The server knows nothing of it any more: it restarted, or its history was cleared.
    Lost(Loss),
    /// The deadline passed, or nothing moves on the server; the prompt may still run one day.
    Stalled(Stall),
}

/// The name of an [`Outcome`], without its data.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) {
/// use comfy_client::{Ending, Event};
/// use futures_util::StreamExt;
///
/// let well = job.events().any(async |event| event == Event::Finished { how: Ending::Succeeded }).await;
/// # let _ = well;
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// [`Outcome::Succeeded`].
    Succeeded,
    /// [`Outcome::Failed`].
    Failed,
    /// [`Outcome::Interrupted`].
    Interrupted,
    /// [`Outcome::Cancelled`].
    Cancelled,
    /// [`Outcome::Lost`].
    Lost,
    /// [`Outcome::Stalled`].
    Stalled,
    /// No outcome: the server refuses to answer.
    Unknown,
}

/// A run that ended well.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
/// use comfy_client::Outcome;
///
/// if let Outcome::Succeeded(run) = job.wait(std::time::Duration::from_secs(600)).await? {
///     for output in &run.outputs {
///         println!("node {} made {}", output.node, output.file);
///     }
///     println!("after {:?}", run.timing.waited);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Run {
    /// The prompt.
    pub prompt_id: String,
    /// The files that it made. A run served from the cache repeats older names, whose files may be gone.
    pub outputs: Vec<Output>,
    /// The pictures that nodes such as `SaveImageWebsocket` sent in place of files, in the order in which they came. A
    /// prompt that was followed by its id alone ([`Client::job`](crate::Client::job)) has none.
    pub ws_images: Vec<WsImage>,
    /// Whether all of [`Run::ws_images`] are there: they come over the WebSocket only, and what is lost while it is down
    /// does not come again. What is on its way when the run ends is waited for, until nothing has come for five
    /// seconds, or for ten minutes.
    pub ws_images_complete: bool,
    /// The server's own account.
    pub history: HistoryEntry,
    /// How long it took.
    pub timing: Timing,
}

impl Run {
    /// [`Run::ws_images_complete`] as an error to show, with what to do; none where all pictures are there.
    ///
    /// ```no_run
    /// # fn example(run: comfy_client::Run) -> Result<(), comfy_client::Error> {
    /// if let Some(error) = run.missing_pictures() {
    ///     return Err(error);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn missing_pictures(&self) -> Option<Error> {
        let what =
            "pictures that nodes sent over the WebSocket may be missing: the connection broke, or they took too much memory";
        let error =
            Error::new(ErrorKind::NotFound, what).hint("run it again, or save with SaveImage: the server keeps such files");
        (!self.ws_images_complete).then_some(error)
    }
}

/// A picture that a node sent in place of a file.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
/// use comfy_client::Outcome;
///
/// if let Outcome::Succeeded(run) = job.wait(std::time::Duration::from_secs(600)).await? {
///     for (nth, picture) in run.ws_images.iter().enumerate() {
///         println!("picture {nth} of node {}: {:?}, {} bytes", picture.node, picture.format, picture.image.len());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WsImage {
    /// The node.
    pub node: String,
    /// The picture's format.
    pub format: ImageFormat,
    /// The picture.
    pub image: Bytes,
}

/// A file that a node made.
///
/// ```
/// let raw = serde_json::json!({"outputs": {"9": {"images": [{"filename": "a.png", "type": "output"}]}}});
/// let entry = comfy_client::HistoryEntry::read(raw).unwrap();
/// let output = &entry.outputs[0];
/// assert_eq!((output.node.as_str(), output.key.as_str(), output.file.name.as_str()), ("9", "images", "a.png"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// The node.
    pub node: String,
    /// The node's word for it, such as `images`.
    pub key: String,
    /// The file, to view or download.
    pub file: StoredFile,
}

/// A text that a node made, in the history itself.
///
/// ```
/// let raw = serde_json::json!({"outputs": {"7": {"text": ["a fox"]}}});
/// let entry = comfy_client::HistoryEntry::read(raw).unwrap();
/// let text = &entry.texts[0];
/// assert_eq!((text.node.as_str(), text.key.as_str(), text.text.as_str()), ("7", "text", "a fox"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputText {
    /// The node.
    pub node: String,
    /// The node's word for it, such as `text`.
    pub key: String,
    /// The text.
    pub text: String,
}

/// How long a run took.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
/// use comfy_client::Outcome;
///
/// if let Outcome::Succeeded(run) = job.wait(std::time::Duration::from_secs(600)).await? {
///     let queued = run.timing.ran_for.map(|ran| run.timing.waited.saturating_sub(ran));
///     println!("{:?} in all, about {queued:?} of them in the queue", run.timing.waited);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// From the server's first word of the run to its last, by the server's clock.
    pub ran_for: Option<Duration>,
    /// From the submission to the moment at which this client knew the end, by this client's clock.
    pub waited: Duration,
}

/// A run that failed.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
/// use comfy_client::Outcome;
///
/// if let Outcome::Failed(failure) = job.wait(std::time::Duration::from_secs(600)).await? {
///     eprintln!("node {}: {}", failure.error.node, failure.error.exception_message);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// The prompt.
    pub prompt_id: String,
    /// What failed; empty texts where the server did not say.
    pub error: ExecutionError,
    /// The server's own account.
    pub history: HistoryEntry,
    /// How long it took.
    pub timing: Timing,
}

/// A run that somebody stopped.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
/// use comfy_client::Outcome;
///
/// if let Outcome::Interrupted(stop) = job.wait(std::time::Duration::from_secs(600)).await? {
///     println!("somebody stopped it in node {}", stop.node.as_deref().unwrap_or("?"));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Interruption {
    /// The prompt.
    pub prompt_id: String,
    /// The node that ran at that moment.
    pub node: Option<String>,
    /// The server's own account.
    pub history: HistoryEntry,
    /// How long it took.
    pub timing: Timing,
}

/// A prompt that was taken out of the queue.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
/// use comfy_client::Outcome;
///
/// if let Outcome::Cancelled(cancelled) = job.wait(std::time::Duration::from_secs(600)).await? {
///     println!("taken out of the queue{}", if cancelled.by_this_client { "" } else { " by somebody else" });
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cancellation {
    /// The prompt.
    pub prompt_id: String,
    /// Whether this client asked for it.
    pub by_this_client: bool,
}

/// A prompt that the server does not know any more.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
/// use comfy_client::Outcome;
///
/// if let Outcome::Lost(loss) = job.wait(std::time::Duration::from_secs(600)).await? {
///     eprintln!("was {} when last seen; restarted: {}", loss.last, loss.connection_broke);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// The prompt.
    pub prompt_id: String,
    /// Where it stood when it was last seen.
    pub last: Standing,
    /// Whether the connection broke meanwhile, as it does when the server restarts.
    pub connection_broke: bool,
}

/// A prompt that does not move.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
/// use comfy_client::{Outcome, StallCause};
///
/// if let Outcome::Stalled(stall) = job.wait(std::time::Duration::from_secs(600)).await? {
///     match stall.cause {
///         StallCause::NothingRuns => eprintln!("the server's worker is dead: restart it"),
///         _ => eprintln!("no longer waited for; it is still {}", stall.last),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stall {
    /// The prompt.
    pub prompt_id: String,
    /// Where it stands.
    pub last: Standing,
    /// Why the wait ended.
    pub cause: StallCause,
}

/// Why a wait ended before the prompt did.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
/// use comfy_client::{Outcome, StallCause};
///
/// if let Outcome::Stalled(stall) = job.wait(std::time::Duration::from_secs(600)).await? {
///     let restart = stall.cause == StallCause::NothingRuns;
///     # let _ = restart;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StallCause {
    /// The caller's deadline passed.
    Deadline,
    /// The server has had prompts in its queue for half a minute and runs none: its worker is dead.
    NothingRuns,
}

/// Where a prompt stands.
///
/// ```
/// assert_eq!(comfy_client::Standing::Queued { position: 3 }.to_string(), "waiting behind 3");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Accepted; no more is known.
    #[default]
    Submitted,
    /// It waits.
    Queued {
        /// How many wait before it.
        position: usize,
    },
    /// It runs.
    Running {
        /// The node that began last, where it is known.
        node: Option<String>,
    },
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submitted => f.write_str("accepted"),
            Self::Queued { position } => write!(f, "waiting behind {position}"),
            Self::Running { node: None } => f.write_str("running"),
            Self::Running { node: Some(node) } => write!(f, "running node `{node}`"),
        }
    }
}

impl Outcome {
    /// Reads the end off a history entry.
    pub(crate) fn read(prompt_id: &str, history: HistoryEntry, waited: Duration) -> Self {
        let timing = Timing { ran_for: history.ran_for(), waited };
        let prompt_id = prompt_id.to_owned();
        if let Some(data) = history.message("execution_interrupted") {
            let node = data.get("node_id").and_then(Value::as_str).map(str::to_owned);
            return Self::Interrupted(Interruption { prompt_id, node, history, timing });
        }
        let errors = history.messages.iter().filter(|(name, _)| name == "execution_error");
        let error = errors.filter_map(|(_, data)| wire::error(data.as_object()?)).find(|error| !error.is_only_blocked());
        match error {
            Some(error) => Self::Failed(Failure { prompt_id, error, history, timing }),
            // Servers of 2023 kept no status.
            None if matches!(history.status.as_str(), "success" | "") => {
                let (outputs, ws_images) = (history.outputs.clone(), Vec::new());
                Self::Succeeded(Run { prompt_id, outputs, ws_images, ws_images_complete: false, history, timing })
            }
            None => {
                let error = ExecutionError { prompt_id: prompt_id.clone(), ..ExecutionError::default() };
                Self::Failed(Failure { prompt_id, error, history, timing })
            }
        }
    }

    /// The outcome's name.
    ///
    /// ```no_run
    /// # async fn example(job: comfy_client::Job) -> Result<(), comfy_client::Error> {
    /// let ending = job.wait(std::time::Duration::from_secs(600)).await?.ending();
    /// assert_eq!(ending, comfy_client::Ending::Succeeded);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn ending(&self) -> Ending {
        match self {
            Self::Succeeded(_) => Ending::Succeeded,
            Self::Failed(_) => Ending::Failed,
            Self::Interrupted(_) => Ending::Interrupted,
            Self::Cancelled(_) => Ending::Cancelled,
            Self::Lost(_) => Ending::Lost,
            Self::Stalled(_) => Ending::Stalled,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded(run) if run.outputs.is_empty() && !run.ws_images.is_empty() => {
                write!(f, "succeeded with {} pictures over the socket", run.ws_images.len())
            }
            Self::Succeeded(run) if run.outputs.len() == 1 => f.write_str("succeeded with 1 file"),
            Self::Succeeded(run) => write!(f, "succeeded with {} files", run.outputs.len()),
            Self::Failed(Failure { error, .. }) if error.exception_type.is_empty() => f.write_str("failed, without a reason"),
            Self::Failed(Failure { error, .. }) => {
                write!(
                    f,
                    "failed in node `{}` ({}): {}: {}",
                    error.node, error.node_type, error.exception_type, error.exception_message
                )
            }
            Self::Interrupted(Interruption { node: Some(node), .. }) => write!(f, "interrupted in node `{node}`"),
            Self::Interrupted(_) => f.write_str("interrupted"),
            Self::Cancelled(_) => f.write_str("cancelled: taken out of the queue before it began"),
            Self::Lost(Loss { last, connection_broke: true, .. }) => {
                write!(f, "lost, when last seen {last}: the connection broke meanwhile, and the server forgot it")
            }
            Self::Lost(Loss { last, .. }) => write!(f, "lost, when last seen {last}: neither in the queue nor in the history"),
            Self::Stalled(Stall { last, cause: StallCause::Deadline, .. }) => {
                write!(f, "stalled: the deadline passed, and it is {last}")
            }
            Self::Stalled(Stall { cause: StallCause::NothingRuns, .. }) => {
                f.write_str("stalled: it waits, and the server runs nothing")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(status: &str, completed: bool, messages: &Value) -> Outcome {
        let raw = json!({"outputs": {"9": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}},
            "status": {"status_str": status, "completed": completed, "messages": messages}});
        Outcome::read("p", HistoryEntry::read(raw).unwrap(), Duration::ZERO)
    }

    #[test]
    fn the_end_is_read_off_the_history() {
        let said: Vec<String> = [
            read("success", true, &json!([["execution_start", {"prompt_id": "p", "timestamp": 1}]])),
            read("error", false, &json!([["execution_interrupted", {"prompt_id": "p", "node_id": "3", "node_type": "KSampler", "executed": []}]])),
            read("error", false, &json!([["execution_error", {"prompt_id": "p", "node_id": "1", "node_type": "LoadImage",
                "exception_type": "PIL.UnidentifiedImageError", "exception_message": "cannot identify image file\n", "current_outputs": ["2"]}]])),
            read("error", false, &json!([])),
            read("success", true, &json!([["execution_error", {"prompt_id": "p", "exception_type": "ExecutionBlocked"}]])),
            Outcome::read("p", HistoryEntry::read(json!({"outputs": {}})).unwrap(), Duration::ZERO),
            Outcome::Lost(Loss { prompt_id: "p".into(), last: Standing::Running { node: Some("3".into()) }, connection_broke: true }),
            Outcome::Stalled(Stall { prompt_id: "p".into(), last: Standing::Queued { position: 2 }, cause: StallCause::Deadline }),
        ]
        .iter()
        .map(ToString::to_string)
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        succeeded with 1 file
        interrupted in node `3`
        failed in node `1` (LoadImage): PIL.UnidentifiedImageError: cannot identify image file
        failed, without a reason
        succeeded with 1 file
        succeeded with 0 files
        lost, when last seen running node `3`: the connection broke meanwhile, and the server forgot it
        stalled: the deadline passed, and it is waiting behind 2
        ");
    }
}
