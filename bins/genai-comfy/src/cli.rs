//! The command line. The doc comments are the help.

mod batch;
mod files;
mod free;
mod history;
mod models;
mod nodes;
mod queue;
mod run;
mod sim;
mod workflow;

use clap::{Args, Parser, Subcommand};
use console::Shared;

pub(crate) use batch::Batch;
pub(crate) use files::{Download, Upload};
pub(crate) use free::Free;
pub(crate) use history::{History, HistoryAction};
pub(crate) use models::Models;
pub(crate) use nodes::{Codegen, Nodes, NodesAction};
pub(crate) use queue::{Cancel, Queue, QueueAction};
pub(crate) use run::{Previews, Run, Seed};
pub(crate) use sim::Sim;
pub(crate) use workflow::{Check, Convert, Form, Set, Show, Workflow, WorkflowAction};

/// Works with a ComfyUI server, open or guarded by ComfyUI-Login.
///
/// The address and the token come from flags, the environment (`COMFYUI_URL`, `COMFYUI_API_TOKEN`), `genai.toml`, `.env` and the
/// project's source of truth, from strong to weak. A token is shown only to a server that answers as ComfyUI-Login does.
///
/// Exit codes: 0 all well, 1 unexpected, 2 usage, 3 a run that did not succeed, 4 settings, 5 unreachable, 6 refused, 130 stopped.
#[derive(Debug, Parser)]
#[command(name = "genai-comfy", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(flatten)]
    pub(crate) entry: Entry,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// An id, or the name of a class or of a folder: text that stands for itself where it becomes a part of a path.
fn name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        "." | ".." => Err("it can't be a name".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// How to come in where the token alone won't do.
#[derive(Debug, Args)]
#[command(next_help_heading = "Login options")]
pub(crate) struct Entry {
    /// Log in as this user with a password, the first line of standard input, instead of with the token
    #[arg(long, value_name = "USER", global = true)]
    pub(crate) login: Option<String>,
    /// The `Origin` to send: a server started with `--enable-cors-header ORIGIN` takes the token only with exactly that one
    #[arg(long, value_name = "ORIGIN", global = true)]
    pub(crate) origin: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Batch(Batch),
    /// Show the server's versions, memory, devices and queue
    Status,
    Queue(Queue),
    History(History),
    Cancel(Cancel),
    Nodes(Nodes),
    Models(Models),
    Upload(Upload),
    Download(Download),
    Free(Free),
    Workflow(Workflow),
    Sim(Sim),
}
