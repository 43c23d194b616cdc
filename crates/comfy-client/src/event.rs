//! What a caller sees of a run while it goes on.

use bytes::Bytes;
use serde_json::Value;

use crate::history;
use crate::outcome::{Ending, Output};
use crate::wire::ImageFormat;

/// One step of a run. All but [`Event::Finished`] are hints from the WebSocket: some may be missing, and pictures are
/// the first to go when the consumer is slow.
///
/// ```no_run
/// # async fn example(job: comfy_client::Job) {
/// use comfy_client::Event;
/// use futures_util::StreamExt;
///
/// let mut events = job.events();
/// while let Some(event) = events.next().await {
///     match event {
///         Event::Queued { position: Some(position) } => println!("waits behind {position}"),
///         Event::Progress { node, value, max } => println!("node {node}: {value} of {max}"),
///         Event::Finished { how } => println!("{how:?}"),
///         _ => {}
///     }
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// It waits.
    Queued {
        /// How many wait before it; none until the queue was looked at.
        position: Option<usize>,
    },
    /// It runs.
    Started,
    /// These nodes are served from the cache.
    Cached {
        /// The nodes.
        nodes: Vec<String>,
    },
    /// A node begins.
    NodeStarted {
        /// The node.
        node: String,
    },
    /// How far a node is.
    Progress {
        /// The node.
        node: String,
        /// How far.
        value: f64,
        /// Of how much.
        max: f64,
    },
    /// A node is done.
    NodeFinished {
        /// The node.
        node: String,
        /// What it shows, such as its files; only output nodes show anything.
        output: Option<Value>,
    },
    /// A picture: of the work as it goes on, or a result that a node sends instead of a file.
    Preview {
        /// The node, from servers that say it.
        node: Option<String>,
        /// The picture's format.
        format: ImageFormat,
        /// The picture.
        image: Bytes,
    },
    /// A node's words.
    Text {
        /// The node.
        node: String,
        /// The text.
        text: String,
    },
    /// The last event: the end is known, and [`Job::wait`](crate::Job::wait) tells it at once.
    Finished {
        /// How it ended.
        how: Ending,
    },
    /// A message about this prompt that this crate does not know, as it came.
    Unknown {
        /// The whole message.
        raw: Value,
    },
}

impl Event {
    /// The files of an [`Event::NodeFinished`]: they can be fetched at once, before the run has ended.
    ///
    /// ```no_run
    /// # async fn example(client: comfy_client::Client, job: comfy_client::Job) -> Result<(), comfy_client::Error> {
    /// use futures_util::StreamExt;
    ///
    /// let mut events = job.events();
    /// while let Some(event) = events.next().await {
    ///     for output in event.outputs() {
    ///         client.download(&output.file, std::path::Path::new("pictures")).await?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn outputs(&self) -> Vec<Output> {
        match self {
            Self::NodeFinished { node, output: Some(output) } => history::outputs_of(node, output),
            _ => Vec::new(),
        }
    }
}
