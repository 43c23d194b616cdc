//! `genai-comfy queue` and `genai-comfy cancel`.

use clap::{Args, Subcommand};

/// Show what runs and what waits, or take it out of the queue
///
///   genai-comfy queue                     what runs, and what waits in the order in which it will run
///
///   genai-comfy queue delete ID           take out what waits
///
///   genai-comfy queue clear               take out all that waits, of everybody
#[derive(Debug, Args)]
pub(crate) struct Queue {
    #[command(subcommand)]
    pub(crate) action: Option<QueueAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueueAction {
    /// Take prompts out of the queue that still wait; what runs is left alone
    Delete {
        /// Their ids
        #[arg(required = true, value_name = "ID", value_parser = super::name)]
        ids: Vec<String>,
    },
    /// Take out everything that waits, of everybody
    Clear {
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

/// Stop prompts by their ids, whether they wait or run; no other prompt is touched
///
/// ComfyUI itself knows only one interrupt, for whatever runs. Here a prompt that waits is taken out of the queue, and one that runs
/// is interrupted by its id.
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// Their ids, as `run --detach` and `queue` print them
    #[arg(required = true, value_name = "ID", value_parser = super::name)]
    pub(crate) ids: Vec<String>,
}
