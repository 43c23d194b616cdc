//! Several servers, without `async`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};

use super::thread::Thread;
use crate::{Batch, BatchItem, BatchRow, Delivery, Error, Workflow};

/// [`crate::Fleet`], whose calls wait, on a thread of its own. Clones are cheap and share everything.
///
/// ```no_run
/// use std::time::Duration;
/// use comfy_client::{Client, Config, Workflow, blocking};
///
/// # fn example(workflow: Workflow) -> Result<(), comfy_client::Error> {
/// let fleet = blocking::Fleet::new(
///     comfy_client::Fleet::builder()
///         .server("left", Client::new(Config::new("http://127.0.0.1:8188")?)?, 2)
///         .server("right", Client::new(Config::new("http://127.0.0.1:8189")?)?, 2)
///         .build()?,
/// )?;
/// let job = fleet.submit("cat", &workflow, Duration::from_secs(600));
/// println!("{}", job.wait().end.word());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Fleet {
    // Before the thread, which ends what this leaves behind.
    inner: crate::Fleet,
    thread: Arc<Thread>,
}

/// [`crate::FleetJob`], whose calls wait.
///
/// ```no_run
/// # fn example(fleet: comfy_client::blocking::Fleet, workflow: comfy_client::Workflow) {
/// let jobs: Vec<_> = (0..4).map(|nth| fleet.submit(&nth.to_string(), &workflow, std::time::Duration::from_secs(600))).collect();
/// for job in jobs {
///     println!("{}", job.wait().end.word());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct FleetJob {
    inner: crate::FleetJob,
    thread: Arc<Thread>,
}

struct Rows<'a> {
    rows: BoxStream<'a, BatchRow>,
    thread: Arc<Thread>,
}

impl Fleet {
    /// Drives this fleet; it starts the fleet's thread.
    ///
    /// ```no_run
    /// use comfy_client::{Client, Config, Fleet, blocking};
    ///
    /// let server = Client::new(Config::new("http://127.0.0.1:8188")?)?;
    /// let fleet = blocking::Fleet::new(Fleet::builder().server("left", server, 2).build()?)?;
    /// # drop(fleet);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) where no thread can be started.
    pub fn new(inner: crate::Fleet) -> Result<Self, Error> {
        Ok(Self { inner, thread: Arc::new(Thread::start()?) })
    }

    /// The fleet that this one drives: to make a [`Batch`] for it.
    ///
    /// ```no_run
    /// # fn example(fleet: comfy_client::blocking::Fleet) {
    /// let batch = comfy_client::Batch::new(fleet.inner().clone());
    /// # let _ = batch;
    /// # }
    /// ```
    #[must_use]
    pub fn inner(&self) -> &crate::Fleet {
        &self.inner
    }

    /// As [`crate::Fleet::submit`].
    ///
    /// ```no_run
    /// # fn example(fleet: comfy_client::blocking::Fleet, workflow: comfy_client::Workflow) {
    /// let job = fleet.submit("cat", &workflow, std::time::Duration::from_secs(600));
    /// # let _ = job;
    /// # }
    /// ```
    #[must_use = "a job that is dropped is not followed"]
    pub fn submit(&self, item: &str, workflow: &Workflow, deadline: Duration) -> FleetJob {
        let inner = self.thread.block_on(async { self.inner.submit(item, workflow, deadline) });
        FleetJob { inner, thread: self.thread.clone() }
    }

    /// As [`Batch::run`], on this fleet's thread. Each step waits for the next row; the servers go on meanwhile, but files
    /// come home, and further items begin, only while a row is waited for.
    ///
    /// ```no_run
    /// # fn example(fleet: comfy_client::blocking::Fleet, items: Vec<comfy_client::BatchItem>) {
    /// let batch = comfy_client::Batch::new(fleet.inner().clone()).download_to("pictures");
    /// for row in fleet.run(batch, items) {
    ///     println!("{}: {}", row.id, row.word());
    /// }
    /// # }
    /// ```
    pub fn run<'a, I>(&self, batch: Batch, items: I) -> impl Iterator<Item = BatchRow> + use<'a, I>
    where
        I: IntoIterator<Item = BatchItem>,
        I::IntoIter: Send + 'a,
    {
        Rows { rows: batch.run(stream::iter(items)).boxed(), thread: self.thread.clone() }
    }
}

impl FleetJob {
    /// As [`crate::FleetJob::cancel`].
    ///
    /// ```no_run
    /// # fn example(job: comfy_client::blocking::FleetJob) {
    /// job.cancel();
    /// println!("{}", job.wait().end.word());
    /// # }
    /// ```
    pub fn cancel(&self) {
        self.inner.cancel();
    }

    /// As [`crate::FleetJob::wait`].
    ///
    /// ```no_run
    /// # fn example(job: comfy_client::blocking::FleetJob) {
    /// println!("{}", job.wait().end.word());
    /// # }
    /// ```
    #[must_use]
    pub fn wait(&self) -> Delivery {
        self.thread.block_on(self.inner.wait())
    }
}

impl Iterator for Rows<'_> {
    type Item = BatchRow;

    fn next(&mut self) -> Option<BatchRow> {
        self.thread.block_on(self.rows.next())
    }
}
