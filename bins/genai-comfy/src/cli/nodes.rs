//! `genai-comfy nodes`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Show the node classes that the server has
///
///   genai-comfy nodes                     all of them
///
///   genai-comfy nodes load image          those with both words in name, title or category
///
///   genai-comfy nodes show KSampler       one of them: its inputs with their limits and choices, its outputs
///
///   genai-comfy nodes codegen             all of them as types of Rust
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
        #[arg(value_parser = super::name)]
        class: String,
    },
    Codegen(Codegen),
}

/// Write Rust types for the node classes: a wrong link does not compile
///
/// The file uses the crate `comfy-client` alone. Each class is a type: what it needs is asked for by `new`, the rest has setters, outputs
/// are methods, and choices that are the same on every server have names.
///
///   genai-comfy nodes codegen --output src/nodes.rs
///
///   genai-comfy nodes codegen --classes KSampler,VAEDecode --object-info nodes.json
#[derive(Debug, Args)]
pub(crate) struct Codegen {
    /// Node classes in a file, as `GET /object_info` answers, in place of the server's
    #[arg(long, value_name = "FILE")]
    pub(crate) object_info: Option<PathBuf>,
    /// These classes alone, with commas between them
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    pub(crate) classes: Vec<String>,
    /// Write it there [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
