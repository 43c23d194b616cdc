//! `genai-comfy nodes`.

use clap::{Args, Subcommand};

/// Show the node classes that the server has
///
///   genai-comfy nodes                     all of them
///
///   genai-comfy nodes load image          those with both words in name, title or category
///
///   genai-comfy nodes show KSampler       one of them: its inputs with their limits and choices, its outputs
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Nodes {
    /// Words to look for
    pub(crate) words: Vec<String>,
    #[command(subcommand)]
    pub(crate) action: Option<NodesAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodesAction {
    /// Show one class: its inputs with their limits and choices, its outputs
    Show {
        /// The class's name, as workflows write it
        class: String,
    },
}
