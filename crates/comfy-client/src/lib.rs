//! Speaks ComfyUI's HTTP and WebSocket language in types, to be embedded in any service.
//!
//! One [`Client`] stands for one server. It submits a [`Workflow`] exactly once ([`Client::submit`]), follows it
//! ([`Job::events`]) and always comes to a named end ([`Job::wait`], [`Outcome`]): what counts is the server's queue and
//! history, and the WebSocket only says when to look. It signs in to a server behind ComfyUI-Login ([`Credential`]) and
//! tells every shape of refusal from other trouble ([`ErrorKind::Refused`]). It sends files up and brings results down,
//! whole or not at all ([`Client::upload`], [`Client::view`], [`Client::download`]), and it lets a judge look at
//! the doors ([`Client::probe`]).
//!
//! A [`Submission`] says more of how a workflow is to run. One prompt is cancelled and no other ([`Client::cancel`]), and one
//! that was submitted before, by whomever, is followed by its id ([`Client::job`]).
//!
//! A workflow is read from JSON and from the pictures that ComfyUI made ([`WorkflowFile`]), or made in code ([`Graph`]);
//! its inputs are set by the names that people use ([`Workflow::set_text`], [`Workflow::set_seeds`]), it is checked against
//! the server's node classes before it is sent ([`Workflow::validate`]), and what the editor saves becomes what the server
//! runs ([`UiWorkflow::to_api`]).
//!
//! Several servers share the work as a [`Fleet`], and a [`Batch`] brings any number of workflows through one.
//!
//! It never follows a redirect, reads a proxy from the environment, shows a secret in a message, sends one over plain
//! http to another machine unless told to, or interrupts a prompt that it was not told of.
//!
//! The work is told to `tracing`: spans `submit`, `follow`, `wait`, `upload`, `download` and `dial`, with ids as fields and never a
//! secret. It needs Rust 1.89. Features only add:
//!
//! - `blocking` (off): the `blocking` module, the same without `async`.
//!
//! ```no_run
//! use std::{path::Path, time::Duration};
//! use comfy_client::{Client, Config, Credential, Outcome, Workflow};
//!
//! # async fn example(token: String, json: &str) -> Result<(), comfy_client::Error> {
//! let config = Config::new("http://127.0.0.1:8188")?.credential(Credential::Bearer(token.into()));
//! let client = Client::new(config)?;
//! let mut workflow = Workflow::from_json(json)?;
//! workflow.set("3", "seed", 7)?;
//! let job = client.submit(&workflow).await?;
//! if let Outcome::Succeeded(run) = job.wait(Duration::from_secs(600)).await? {
//!     for output in &run.outputs {
//!         client.download_tree(&output.file, Path::new("pictures")).await?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod address;
mod batch;
#[cfg(feature = "blocking")]
pub mod blocking;
mod cancel;
mod catalogue;
mod client;
mod config;
mod error;
mod event;
mod files;
mod fleet;
mod history;
mod ids;
mod job;
mod jobs;
mod json;
mod judge;
mod looks;
mod mailbox;
mod models;
mod nearest;
mod orders;
mod outcome;
mod probe;
mod queue;
mod rejection;
mod request;
mod secret;
mod server;
mod socket;
mod submission;
mod submit;
mod transport;
pub mod wire;
mod workflow;

pub use batch::{Batch, BatchFile, BatchItem, BatchRow, BatchStop};
pub use client::Client;
pub use config::Config;
pub use error::{Error, ErrorKind, Setting};
pub use event::Event;
pub use files::{Content, Downloaded, FileKind, StoredFile, UploadOptions, Uploaded};
pub use fleet::{Delivery, End, Fleet, FleetBuilder, FleetEvent, FleetJob};
pub use history::HistoryEntry;
pub use job::Job;
pub use jobs::{JobState, JobSummary};
pub use outcome::{
    Cancellation, Ending, Failure, Interruption, Loss, Outcome, Output, OutputText, Run, Stall, StallCause, Standing, Timing,
    WsImage,
};
pub use probe::{Answer, Probe};
pub use queue::{Place, Queue, QueueItem};
pub use rejection::{InputError, NodeError};
pub use secret::{Credential, Secret};
pub use server::{Device, Health, SystemStats};
pub use submission::Submission;
pub use wire::{ExecutionError, ImageFormat};
pub use workflow::{
    ClassInfo, Container, DataType, Graph, InputInfo, Link, NodeBuilder, NodeId, ObjectInfo, OutputInfo, Problem, ProblemKind,
    Saved, Seed, SeedSet, Severity, UiWorkflow, Workflow, WorkflowFile,
};
