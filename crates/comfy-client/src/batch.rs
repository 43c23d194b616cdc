//! Any number of workflows through a fleet, a few at a time.

use std::collections::HashSet;
use std::fmt;
use std::future::ready;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::error::{Error, ErrorKind};
use crate::files::{Downloaded, is_plain};
use crate::fleet::{Delivery, End, Fleet};
use crate::outcome::{Outcome, Output};
use crate::workflow::Workflow;

/// What has run is not thrown away because of a file that comes a moment after the batch was stopped.
const GRACE: Duration = Duration::from_secs(2);

/// Brings workflows through a [`Fleet`]: as many at once as its servers take, each to a named end, its files to disk.
///
/// Items are taken from their stream only when there is room, and rows are given as they come: of ten thousand items
/// only those under way are in memory.
///
/// ```no_run
/// use std::path::Path;
/// use comfy_client::{Batch, BatchItem, Fleet, Seed, Workflow};
/// use futures_util::{StreamExt, stream};
///
/// # async fn example(fleet: Fleet, template: Workflow) -> Result<(), comfy_client::Error> {
/// let items = (0..10_000).map(move |seed| {
///     let mut workflow = template.clone();
///     workflow.set_seeds(Seed::Fixed(seed))?;
///     BatchItem::new(format!("seed-{seed}"), workflow)
/// });
/// let items = stream::iter(items.filter_map(Result::ok));
/// let mut rows = Batch::new(fleet).download_to(Path::new("pictures")).run(items).boxed();
/// while let Some(row) = rows.next().await {
///     println!("{}: {}", row.id, row.word());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Batch {
    fleet: Fleet,
    concurrency: usize,
    deadline: Duration,
    done: HashSet<String>,
    folder: Option<PathBuf>,
    phase: watch::Sender<Phase>,
}

/// One workflow of a batch.
///
/// ```
/// let workflow = comfy_client::Workflow::from_json(r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64}}}"#)?;
/// let item = comfy_client::BatchItem::new("cat-1", workflow)?;
/// assert_eq!(item.id(), "cat-1");
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BatchItem {
    id: String,
    workflow: Workflow,
}

/// What became of one item.
///
/// ```no_run
/// # fn example(row: comfy_client::BatchRow) {
/// println!("{}: {} after {:?}", row.id, row.word(), row.delivery.waited);
/// for file in &row.files {
///     println!("  {} is {:?}", file.output.file, file.saved.as_ref().map(|saved| &saved.path));
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchRow {
    /// The item.
    pub id: String,
    /// What became of its prompt, and where.
    pub delivery: Delivery,
    /// The files that it made.
    pub files: Vec<BatchFile>,
    /// Why some of them could not be brought to disk.
    pub unsaved: Option<Error>,
}

/// A file that an item made.
///
/// ```no_run
/// # fn example(row: comfy_client::BatchRow) {
/// let unsaved = row.files.iter().filter(|file| file.saved.is_none()).map(|file| file.output.file.to_string());
/// println!("{}", unsaved.collect::<Vec<_>>().join(", "));
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchFile {
    /// What the server calls it.
    pub output: Output,
    /// Where it lies; none if it was not, or could not be, brought to disk.
    pub saved: Option<Downloaded>,
}

/// Stops a batch.
///
/// ```no_run
/// # fn example(batch: comfy_client::Batch) {
/// let stop = batch.stop();
/// // … in a signal handler:
/// stop.stop();
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BatchStop(watch::Sender<Phase>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// No further item begins.
    Ending,
    /// What is under way is cancelled.
    Stopping,
}

impl BatchItem {
    /// A workflow under a name of its own, which is the name of its folder too.
    ///
    /// ```
    /// use comfy_client::{BatchItem, ErrorKind, Workflow};
    ///
    /// let workflow = Workflow::from_json(r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64}}}"#)?;
    /// assert!(BatchItem::new("cat-1", workflow.clone()).is_ok());
    /// assert_eq!(BatchItem::new("../cat", workflow).unwrap_err().kind(), ErrorKind::InvalidConfig);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] for a name that no folder can have on every system.
    pub fn new(id: impl Into<String>, workflow: Workflow) -> Result<Self, Error> {
        let id = id.into();
        if !is_plain(&id) {
            return Err(Error::new(ErrorKind::InvalidConfig, format!("the id `{}` cannot name a folder", id.escape_debug()))
                .hint(
                    "an id has no `/`, `\\`, `:`, `*`, `?`, `\"`, `<`, `>` or `|`, does not end with a space or a dot, and has 255 bytes \
                     at most",
                ));
        }
        Ok(Self { id, workflow })
    }

    /// The item's name.
    ///
    /// ```
    /// let workflow = comfy_client::Workflow::from_json(r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64}}}"#)?;
    /// assert_eq!(comfy_client::BatchItem::new("cat-1", workflow)?.id(), "cat-1");
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Batch {
    /// A batch for this fleet; of one server, for a fleet of one.
    ///
    /// ```no_run
    /// # fn example(client: comfy_client::Client) -> Result<(), comfy_client::Error> {
    /// use comfy_client::{Batch, Fleet};
    ///
    /// let batch = Batch::new(Fleet::builder().server("one", client, 2).build()?);
    /// # let _ = batch;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(fleet: Fleet) -> Self {
        let (concurrency, deadline) = (fleet.limit(), Duration::from_secs(3600));
        let phase = watch::Sender::new(Phase::Running);
        Self { fleet, concurrency, deadline, done: HashSet::new(), folder: None, phase }
    }

    /// How many items are under way at once (default: as many as the servers hold together).
    ///
    /// ```no_run
    /// # fn example(batch: comfy_client::Batch) {
    /// let batch = batch.concurrency(16);
    /// # let _ = batch;
    /// # }
    /// ```
    pub fn concurrency(mut self, most: usize) -> Self {
        self.concurrency = most.max(1);
        self
    }

    /// How long each item may take, from the moment that it begins to wait for a server (default: an hour); and then, as long
    /// again, its files.
    ///
    /// ```no_run
    /// # fn example(batch: comfy_client::Batch) {
    /// let batch = batch.deadline(std::time::Duration::from_secs(600));
    /// # let _ = batch;
    /// # }
    /// ```
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Leaves out the items of these names: they were done before.
    ///
    /// ```no_run
    /// # fn example(batch: comfy_client::Batch) {
    /// let done = ["cat-1", "cat-2"].map(str::to_owned); // as the rows of yesterday have it
    /// let batch = batch.skip(done);
    /// # let _ = batch;
    /// # }
    /// ```
    pub fn skip(mut self, done: impl IntoIterator<Item = String>) -> Self {
        self.done.extend(done);
        self
    }

    /// Brings the files of each item to `DIR/ID/`, with the subfolders that the server has them in.
    ///
    /// ```no_run
    /// # fn example(batch: comfy_client::Batch) {
    /// let batch = batch.download_to("pictures");
    /// # let _ = batch;
    /// # }
    /// ```
    pub fn download_to(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// What stops the batch while it runs.
    ///
    /// ```no_run
    /// # async fn example(batch: comfy_client::Batch, items: Vec<comfy_client::BatchItem>) {
    /// use futures_util::{StreamExt, stream};
    ///
    /// let stop = batch.stop();
    /// let mut rows = batch.run(stream::iter(items)).boxed();
    /// while let Some(row) = rows.next().await {
    ///     if !row.is_success() {
    ///         stop.stop();
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn stop(&self) -> BatchStop {
        BatchStop(self.phase.clone())
    }

    /// Runs the items. A row comes as soon as its item has ended, in any order; the stream ends when all have, or, once
    /// no server answers any more ([`End::Unserved`]), when those under way have.
    ///
    /// ```no_run
    /// # async fn example(batch: comfy_client::Batch, items: Vec<comfy_client::BatchItem>) {
    /// use futures_util::{StreamExt, stream};
    ///
    /// let rows: Vec<comfy_client::BatchRow> = batch.run(stream::iter(items)).collect().await;
    /// # let _ = rows;
    /// # }
    /// ```
    pub fn run(self, items: impl Stream<Item = BatchItem> + Send) -> impl Stream<Item = BatchRow> + Send {
        let batch = Arc::new(self);
        let (going, concurrency) = (batch.clone(), batch.concurrency);
        items
            .take_while(move |_| ready(*going.phase.borrow() == Phase::Running))
            .map(move |item| (batch.clone(), item))
            .filter(|(batch, item)| ready(!batch.done.contains(&item.id)))
            .map(|(batch, item)| async move { batch.one(item).await })
            .buffer_unordered(concurrency)
    }

    async fn one(&self, item: BatchItem) -> BatchRow {
        let mut phase = self.phase.subscribe();
        let job = self.fleet.submit(&item.id, &item.workflow, self.deadline);
        let stopped = tokio::select! {
            delivery = job.wait() => Some(delivery),
            // The sender is this batch's own.
            _ = phase.wait_for(|phase| *phase == Phase::Stopping) => None,
        };
        let delivery = match stopped {
            Some(delivery) => delivery,
            None => {
                job.cancel();
                job.wait().await
            }
        };
        if matches!(delivery.end, End::Unserved(_)) {
            self.phase.send_if_modified(|phase| {
                let was_running = *phase == Phase::Running;
                if was_running {
                    *phase = Phase::Ending;
                }
                was_running
            });
        }
        let mut row = BatchRow { id: item.id, delivery, files: Vec::new(), unsaved: None };
        self.bring_home(&mut row).await;
        row
    }

    /// Brings the files to disk, as long as that is wanted, and the server answers in time.
    async fn bring_home(&self, row: &mut BatchRow) {
        let End::Outcome(Outcome::Succeeded(run)) = &row.delivery.end else { return };
        row.unsaved = run.missing_pictures();
        let mut enough = pin!(self.enough());
        for output in &run.outputs {
            let answers = row.unsaved.as_ref().is_none_or(|error| error.kind() != ErrorKind::Timeout);
            let saved = match (&self.folder, &row.delivery.client) {
                (Some(folder), Some(client)) if answers => {
                    let folder = folder.join(&row.id);
                    let saved = tokio::select! {
                        biased;
                        saved = client.download_tree(&output.file, &folder) => saved,
                        error = &mut enough => Err(error),
                    };
                    saved.map_err(|error| row.unsaved = Some(error)).ok()
                }
                _ => None,
            };
            row.files.push(BatchFile { output: output.clone(), saved });
        }
    }

    /// Waits until the files of an item are to be left where they are, and says why.
    async fn enough(&self) -> Error {
        let mut phase = self.phase.subscribe();
        let why = tokio::select! {
            () = sleep(self.deadline) => format!("the files did not come within {:?}", self.deadline),
            () = async {
                // The sender is this batch's own.
                let _ = phase.wait_for(|phase| *phase == Phase::Stopping).await;
                sleep(GRACE).await;
            } => "the batch was stopped before the files had come".to_owned(),
        };
        Error::new(ErrorKind::Timeout, why)
    }
}

impl BatchRow {
    /// Whether the item succeeded, and its files are where they belong.
    ///
    /// ```no_run
    /// # fn example(rows: Vec<comfy_client::BatchRow>) {
    /// let failed = rows.iter().filter(|row| !row.is_success()).count();
    /// # let _ = failed;
    /// # }
    /// ```
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self.delivery.end, End::Outcome(Outcome::Succeeded(_))) && self.unsaved.is_none()
    }

    /// How it ended, in one word.
    ///
    /// ```no_run
    /// # fn example(row: comfy_client::BatchRow) {
    /// println!("{}\t{}", row.id, row.word()); // cat-1  succeeded
    /// # }
    /// ```
    #[must_use]
    pub fn word(&self) -> &'static str {
        if self.unsaved.is_some() { "unsaved" } else { self.delivery.end.word() }
    }
}

impl BatchStop {
    /// No further item begins, and the prompts of those under way are cancelled, wherever they are, and no others. Their
    /// rows still come. Files that are on their way have two seconds more.
    ///
    /// ```no_run
    /// # fn example(batch: comfy_client::Batch) {
    /// let stop = batch.stop();
    /// std::thread::spawn(move || stop.stop());
    /// # }
    /// ```
    pub fn stop(&self) {
        self.0.send_replace(Phase::Stopping);
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("fleet", &self.fleet).field("concurrency", &self.concurrency).finish_non_exhaustive()
    }
}
