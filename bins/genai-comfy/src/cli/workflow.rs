//! `genai-comfy workflow`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Seed;

/// Look into a workflow's file, check it, change it, convert it
///
/// FILE is JSON in API format or in UI format, or a PNG or WebP picture that ComfyUI made. What UI format means only a server's node
/// classes tell: they come from the server, or from a file with what it answers to `GET /object_info`.
#[derive(Debug, Args)]
pub(crate) struct Workflow {
    #[command(subcommand)]
    pub(crate) action: WorkflowAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowAction {
    Show(Show),
    Check(Check),
    Set(Set),
    Convert(Convert),
}

/// Draw the graph as text: each output, below it what it reads
///
/// A node is drawn once; where it is read again, the line says whether it stands above or below. Nodes that no output needs come last.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The workflow: JSON, PNG or WebP; `-` for standard input
    pub(crate) file: PathBuf,
    /// How wide a line may be [default: the terminal's width, else 100]
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) width: Option<usize>,
    /// Node classes in a file, as `GET /object_info` answers, in place of the server's
    #[arg(long, value_name = "FILE")]
    pub(crate) object_info: Option<PathBuf>,
}

/// Find what is wrong with a workflow, before it is sent
///
/// Without a server it is the graph that is checked: links to nowhere, circles, nodes that no output needs. With node classes it is all
/// that the server would check: absent classes, models and inputs, numbers out of range, links of a wrong type. Exits with 3 if the server
/// would refuse it, or drop a part of it.
///
///   genai-comfy workflow check workflow.json                    the graph alone
///
///   genai-comfy workflow check workflow.json --server           as the server would
///
///   genai-comfy workflow check picture.png --object-info nodes.json
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The workflow: JSON, PNG or WebP; `-` for standard input
    pub(crate) file: PathBuf,
    /// Check against the server that the settings name; `--url` says so too
    #[arg(long, conflicts_with = "object_info")]
    pub(crate) server: bool,
    /// Check against node classes in a file, as `GET /object_info` answers
    #[arg(long, value_name = "FILE")]
    pub(crate) object_info: Option<PathBuf>,
}

/// Give inputs other values, and save the file
///
/// The file keeps its format, and all that is not named; what it was before stays beside it, with `.bak` after its name. What is set in a
/// picture goes into a JSON file of its name.
///
///   genai-comfy workflow set workflow.json KSampler.steps=30 6.text="a red fox"
///
///   genai-comfy workflow set picture.png --seed random --output again.json
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The workflow: JSON, PNG or WebP
    pub(crate) file: PathBuf,
    /// The input and its value: NODE is an id, a title or a class
    #[arg(value_name = "NODE.INPUT=VALUE", required_unless_present = "seed")]
    pub(crate) values: Vec<String>,
    /// The seeds: a number, `random`, `increment`, or `keep` them as they are
    #[arg(long)]
    pub(crate) seed: Option<Seed>,
    /// Write it there instead
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Node classes in a file, as `GET /object_info` answers, in place of the server's
    #[arg(long, value_name = "FILE")]
    pub(crate) object_info: Option<PathBuf>,
}

/// Turn what the editor saves (UI format) into what the server runs (API format)
///
/// A picture that holds both forms gives the one that is asked for as it stands. The other way round there is none: API format holds
/// neither the places of nodes, nor their groups and notes.
#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The workflow: JSON, PNG or WebP; `-` for standard input
    pub(crate) file: PathBuf,
    /// The format that is wanted
    #[arg(long, value_enum, default_value_t)]
    pub(crate) to: Form,
    /// Write it there [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Node classes in a file, as `GET /object_info` answers, in place of the server's
    #[arg(long, value_name = "FILE")]
    pub(crate) object_info: Option<PathBuf>,
}

/// The two forms of a workflow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// What the server runs.
    #[default]
    Api,
    /// What the editor saves.
    Ui,
}
