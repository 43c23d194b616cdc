//! The same without `async`, for programs that have no runtime (feature `blocking`).
//!
//! Each [`Client`] has one thread of its own, on which its connections live; it ends with the client's last clone and the
//! last [`Job`]. Every call waits on the caller's thread. Within a Tokio runtime these calls panic: use
//! [`crate::Client`] there.
//!
//! ```no_run
//! use std::{path::Path, time::Duration};
//! use comfy_client::{Config, Outcome, Workflow, blocking::Client};
//!
//! # fn example(json: &str) -> Result<(), comfy_client::Error> {
//! let client = Client::new(Config::new("http://127.0.0.1:8188")?)?;
//! let job = client.submit(&Workflow::from_json(json)?)?;
//! for event in job.events() {
//!     println!("{event:?}");
//! }
//! if let Outcome::Succeeded(run) = job.wait(Duration::from_secs(600))? {
//!     for output in &run.outputs {
//!         client.download_tree(&output.file, Path::new("pictures"))?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod fleet;
mod thread;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Map, Value};

use crate::{
    Answer, ClassInfo, Config, Content, Credential, Downloaded, Error, Event, Health, HistoryEntry, JobSummary, NodeError,
    ObjectInfo, Outcome, Probe, Problem, Queue, StoredFile, Submission, SystemStats, UploadOptions, Uploaded, Workflow,
};
pub use fleet::{Fleet, FleetJob};
use thread::Thread;

/// [`crate::Client`], whose calls wait. Clones are cheap and share everything.
///
/// ```no_run
/// # fn example(client: comfy_client::blocking::Client) -> Result<(), comfy_client::Error> {
/// println!("{} prompts wait or run", client.health()?.queue_remaining);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    // Before the thread, which ends what this leaves behind.
    inner: crate::Client,
    thread: Arc<Thread>,
}

/// [`crate::Job`], whose calls wait.
///
/// ```no_run
/// # fn example(client: comfy_client::blocking::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
/// let job = client.submit(&workflow)?;
/// println!("{}: {}", job.prompt_id(), job.wait(std::time::Duration::from_secs(600))?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Job {
    inner: crate::Job,
    thread: Arc<Thread>,
}

impl Client {
    /// As [`crate::Client::new`]; it starts the client's thread.
    ///
    /// ```
    /// use comfy_client::{Config, blocking::Client};
    ///
    /// let client = Client::new(Config::new("http://127.0.0.1:8188")?)?;
    /// # drop(client);
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As there; and [`ErrorKind::Io`](crate::ErrorKind::Io) where no thread can be started.
    pub fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { inner: crate::Client::new(config)?, thread: Arc::new(Thread::start()?) })
    }

    /// The client that this one drives, for the calls that are not here; give them to [`Client::block_on`].
    ///
    /// ```no_run
    /// # fn example(client: comfy_client::blocking::Client) -> Result<(), comfy_client::Error> {
    /// let classes = client.block_on(client.inner().object_info())?;
    /// # let _ = classes;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn inner(&self) -> &crate::Client {
        &self.inner
    }

    /// Waits for any call of the inner client, or for several at once.
    ///
    /// ```no_run
    /// # fn example(client: comfy_client::blocking::Client) -> Result<(), comfy_client::Error> {
    /// let (queue, stats) = client.block_on(async {
    ///     futures_util::future::try_join(client.inner().queue(), client.inner().system_stats()).await
    /// })?;
    /// # let _ = (queue, stats);
    /// # Ok(())
    /// # }
    /// ```
    pub fn block_on<T>(&self, call: impl Future<Output = T>) -> T {
        self.thread.block_on(call)
    }

    fn job_of(&self, inner: crate::Job) -> Job {
        Job { inner, thread: self.thread.clone() }
    }

    /// As [`crate::Client::connect`].
    ///
    /// ```no_run
    /// # fn example(client: comfy_client::blocking::Client) {
    /// println!("there will be {}", if client.connect() { "previews" } else { "none" });
    /// # }
    /// ```
    pub fn connect(&self) -> bool {
        self.block_on(self.inner.connect())
    }

    /// As [`crate::Client::submit`].
    ///
    /// ```no_run
    /// # fn example(client: comfy_client::blocking::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// let job = client.submit(&workflow)?;
    /// # let _ = job;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn submit(&self, workflow: &Workflow) -> Result<Job, Error> {
        self.submit_with(&Submission::new(workflow))
    }

    /// As [`crate::Client::submit_with`].
    ///
    /// ```no_run
    /// # fn example(client: comfy_client::blocking::Client, workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
    /// let job = client.submit_with(&comfy_client::Submission::new(&workflow).only(["9"]))?;
    /// # let _ = job;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn submit_with(&self, submission: &Submission<'_>) -> Result<Job, Error> {
        self.block_on(self.inner.submit_with(submission)).map(|job| self.job_of(job))
    }

    /// As [`crate::Client::job`].
    ///
    /// ```no_run
    /// # fn example(client: comfy_client::blocking::Client, prompt_id: &str) -> Result<(), comfy_client::Error> {
    /// println!("{}", client.job(prompt_id)?.wait(std::time::Duration::from_secs(600))?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn job(&self, prompt_id: &str) -> Result<Job, Error> {
        self.block_on(async { self.inner.job(prompt_id) }).map(|job| self.job_of(job))
    }
}

/// Methods of the inner client, each as it stands there, with a line that shows its use.
macro_rules! waiting {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty = $example:literal;)*) => {
        impl Client {
            $(
                #[doc = concat!("As [`crate::Client::", stringify!($name), "`].")]
                ///
                /// ```no_run
                /// # use comfy_client::*;
                /// # fn example(client: blocking::Client, id: &str, workflow: Workflow, file: StoredFile) -> Result<(), Error> {
                #[doc = $example]
                /// # Ok(())
                /// # }
                /// ```
                ///
                /// # Errors
                /// As there.
                pub fn $name(&self, $($argument: $kind),*) -> Result<$answer, Error> {
                    self.block_on(self.inner.$name($($argument),*))
                }
            )*
        }
    };
}

waiting! {
    cancel(prompt_id: &str) -> bool = "let was_there = client.cancel(id)?;";
    interrupt(prompt_id: &str) -> bool = "client.interrupt(id)?; // Only if it runs.";
    delete_queued(ids: impl IntoIterator<Item = impl AsRef<str>>) -> () = "client.delete_queued([id])?;";
    clear_queue() -> () = "client.clear_queue()?;";
    health() -> Health = "let wait_or_run = client.health()?.queue_remaining;";
    system_stats() -> SystemStats = "let version = client.system_stats()?.comfyui_version;";
    free(unload_models: bool, free_memory: bool) -> () = "client.free(true, true)?; // Models and cached results.";
    probe(probe: &Probe) -> Answer = r#"let answer = client.probe(&Probe::get("/queue").credential(Credential::None))?;"#;
    probe_socket(credential: &Credential) -> Answer = "let answer = client.probe_socket(&Credential::None)?;";
    queue() -> Queue = "let waiting = client.queue()?.pending.len();";
    history(prompt_id: &str) -> Option<HistoryEntry> = "let ended = client.history(id)?.is_some();";
    histories(max_items: usize, offset: Option<usize>) -> Vec<(String, HistoryEntry)>
        = "let newest = client.histories(10, None)?;";
    delete_history(ids: impl IntoIterator<Item = impl AsRef<str>>) -> () = "client.delete_history([id])?;";
    clear_history() -> () = "client.clear_history()?;";
    jobs() -> Option<Vec<JobSummary>> = "let jobs = client.jobs()?; // None where the server has no such list.";
    object_info() -> Arc<ObjectInfo> = "let classes = client.object_info()?;";
    object_info_class(name: &str) -> Option<ClassInfo> = r#"let sampler = client.object_info_class("KSampler")?;"#;
    refresh_object_info() -> Arc<ObjectInfo> = "let classes = client.refresh_object_info()?;";
    dry_run(workflow: &Workflow) -> Vec<Problem>
        = "let problems = client.dry_run(&workflow)?;";
    model_folders() -> Vec<String> = "let folders = client.model_folders()?;";
    models(folder: &str) -> Option<Vec<String>> = r#"let checkpoints = client.models("checkpoints")?;"#;
    embeddings() -> Vec<String> = "let embeddings = client.embeddings()?;";
    extensions() -> Vec<String> = "let scripts = client.extensions()?;";
    features() -> Map<String, Value> = r#"let has_previews = client.features()?.contains_key("supports_preview_metadata");"#;
    upload_image(name: &str, bytes: impl Into<Bytes>, options: &UploadOptions) -> StoredFile
        = r#"let cat = client.upload_image("cat.png", &b"\x89PNG"[..], &UploadOptions::default())?;"#;
    upload(content: &Content, options: &UploadOptions) -> Uploaded
        = r#"let sent = client.upload(&Content::file("footage/scene-1.mp4"), &UploadOptions::default())?;"#;
    upload_mask(mask: &Content, original: &StoredFile, options: &UploadOptions) -> Uploaded
        = r#"let mask = client.upload_mask(&Content::file("mask.png"), &file, &UploadOptions::default())?;"#;
    view(file: &StoredFile) -> Bytes = "let bytes = client.view(&file)?;";
    download(file: &StoredFile, dir: &Path) -> Downloaded
        = r#"let there = client.download(&file, std::path::Path::new("pictures"))?;"#;
    download_tree(file: &StoredFile, dir: &Path) -> Downloaded
        = r#"let there = client.download_tree(&file, std::path::Path::new("pictures"))?;"#;
}

impl Job {
    /// As [`crate::Job::prompt_id`].
    ///
    /// ```no_run
    /// # fn example(job: comfy_client::blocking::Job) -> Result<(), comfy_client::Error> {
    /// println!("sent as {}", job.prompt_id());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn prompt_id(&self) -> &str {
        self.inner.prompt_id()
    }

    /// As [`crate::Job::dropped`].
    ///
    /// ```no_run
    /// # fn example(job: comfy_client::blocking::Job) -> Result<(), comfy_client::Error> {
    /// job.dropped().iter().for_each(|node| eprintln!("left out: {node}"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn dropped(&self) -> &[NodeError] {
        self.inner.dropped()
    }

    /// As [`crate::Job::events`]: each step waits for the next event, and the last one is [`Event::Finished`].
    ///
    /// ```no_run
    /// # fn example(job: comfy_client::blocking::Job) {
    /// for event in job.events() {
    ///     println!("{event:?}");
    /// }
    /// # }
    /// ```
    pub fn events(&self) -> impl Iterator<Item = Event> + Send + use<> {
        let (mut events, thread) = (self.inner.events(), self.thread.clone());
        std::iter::from_fn(move || thread.block_on(events.next()))
    }

    /// As [`crate::Job::wait`].
    ///
    /// ```no_run
    /// # fn example(job: comfy_client::blocking::Job) -> Result<(), comfy_client::Error> {
    /// println!("{}", job.wait(std::time::Duration::from_secs(600))?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn wait(&self, deadline: Duration) -> Result<Outcome, Error> {
        self.thread.block_on(self.inner.wait(deadline))
    }

    /// As [`crate::Job::cancel`].
    ///
    /// ```no_run
    /// # fn example(job: comfy_client::blocking::Job) -> Result<(), comfy_client::Error> {
    /// println!("{}", if job.cancel()? { "stopped" } else { "had ended" });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn cancel(&self) -> Result<bool, Error> {
        self.thread.block_on(self.inner.cancel())
    }
}
