//! `genai-comfy batch`.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::Args;

use super::run::time;

/// Run a workflow once for each line of FILE, on one server or several
///
/// FILE.jsonl holds an object a line: `{"id": "fox", "seed": 7, "set": {"6.text": "a red fox"}, "workflow": "other.json"}`, all of it
/// optional. FILE.csv has a header: `id`, `seed`, `workflow`, and inputs as NODE.INPUT; an empty cell leaves the workflow as it is.
/// Every line is checked before anything is sent.
///
/// Several servers share the work: several `--url`, or `--service all`. A prompt goes to the least loaded that has its models and
/// nodes; what a server lost, or did not take, goes to another. Files come to DIR/ID/.
///
/// Ctrl-C cancels the prompts of this batch and no others, and exits with 130; the same command with `--resume` goes on.
///
///   genai-comfy batch prompts.csv --workflow workflow.json --results done.jsonl
///
///   genai-comfy batch prompts.csv --workflow workflow.json --results done.jsonl --resume
///
///   genai-comfy batch seeds.jsonl --workflow workflow.json --service all
#[derive(Debug, Args)]
pub(crate) struct Batch {
    /// The items: JSON lines (.jsonl, .ndjson) or CSV (.csv)
    pub(crate) file: PathBuf,
    /// The workflow of every line that names none: JSON in API format or UI format, or a picture that ComfyUI made
    #[arg(long, value_name = "FILE")]
    pub(crate) workflow: Option<PathBuf>,
    /// Give an input another value in every item, before the line's own; may be given several times
    #[arg(long, value_name = "NODE.INPUT=VALUE")]
    pub(crate) set: Vec<String>,
    /// Where the files go, in a folder for each item
    #[arg(long, value_name = "DIR", default_value = "comfy-output")]
    pub(crate) out: PathBuf,
    /// Append a line of JSON for each item as it ends
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,
    /// Leave out the items that `--results` says succeeded
    #[arg(long, requires = "results")]
    pub(crate) resume: bool,
    /// How many prompts each server holds at once
    #[arg(long, value_name = "N", default_value = "2")]
    pub(crate) concurrency: NonZeroUsize,
    /// How long each item may take, waiting included, such as 90s, 10m or 2h; it is cancelled then
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1h")]
    pub(crate) deadline: Duration,
    /// Check every line, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
