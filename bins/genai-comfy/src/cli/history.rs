//! `genai-comfy history`.

use clap::{Args, Subcommand};

/// Show what ran and how it ended, or make the server forget it
///
/// ComfyUI keeps its history until it restarts.
///
///   genai-comfy history                   the newest runs
///
///   genai-comfy history ID                one run: how it ended, its files and texts
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct History {
    /// One prompt's id
    #[arg(value_parser = super::name)]
    pub(crate) id: Option<String>,
    /// How many of the newest
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "id")]
    pub(crate) newest: u32,
    #[command(subcommand)]
    pub(crate) action: Option<HistoryAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HistoryAction {
    /// Make the server forget these runs; their files stay
    Delete {
        /// Their ids
        #[arg(required = true, value_name = "ID", value_parser = super::name)]
        ids: Vec<String>,
    },
    /// Make the server forget every run, of everybody; their files stay
    Clear {
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}
