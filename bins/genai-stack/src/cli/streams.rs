//! `genai-stack logs`, `genai-stack stats` and `genai-stack exec`.

use std::time::Duration;

use clap::Args;

/// Show what the containers write, without a token in it
///
///   genai-stack logs --tail 20            the last 20 lines of each container
///
///   genai-stack logs -f --service comfyui
///
///   genai-stack logs --since 10m -t       of the last ten minutes, with their times
///
/// `SERVICE-N |` stands before standard output, `SERVICE-N !` before standard error. Of a progress bar the last state is shown. Tokens
/// and passwords of the project, in every spelling, and all bcrypt lines are replaced by a name.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) project: Project,
    /// Go on until Ctrl-C: over restarts, and with containers that are made anew
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// So many of the lines that are there [default: all]
    #[arg(short = 'n', long, value_name = "LINES")]
    pub(crate) tail: Option<u32>,
    /// From then on: a time (2026-01-02T03:04:05.678Z) or how long ago (90s, 10m, 2h)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Until then, in the same forms
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Show when the engine got each line
    #[arg(short, long)]
    pub(crate) timestamps: bool,
}

/// Show what the containers use up: the figures of `docker stats`
///
///   genai-stack stats                     once, of all of them, in about a second
///
///   genai-stack stats --watch             every second, as they come and go
///
/// CPU % is 100 for each whole processor. MEM USAGE is what can't simply be dropped; the page cache, which model files fill, stands
/// apart. KiB, MiB and GiB are steps of 1,024; kB, MB and GB are steps of 1,000.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) project: Project,
    /// Go on, a reading about every second, until Ctrl-C
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// Run a command in a service's container, and exit as it does
///
///   genai-stack exec comfyui -- python3 -V
///
///   genai-stack exec comfyui -it -- sh
///
///   genai-stack exec comfyui -i -- tee /tmp/notes < notes
///
/// Exits as the command does, with 128 and the signal's number if a signal ended it; with 127 if there is no such program, 126 if it
/// can't be run or the container does not run. What it prints is shown without the project's secrets.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) project: Project,
    /// The service
    #[arg(value_name = "SERVICE")]
    pub(crate) of: String,
    /// Program and arguments. Everyone who may ask the engine reads them: secrets are refused
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// A variable. Everyone who may ask the engine reads it: secrets are refused
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) env: Vec<String>,
    /// Who runs it: UID, UID:GID or a name [default: as the container]
    #[arg(short, long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// The folder to run in [default: the container's]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// Pass standard input on to it
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Give up after so many seconds, with exit code 124; the command itself runs on
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

/// Whose containers.
#[derive(Debug, Args)]
pub(crate) struct Project {
    /// The name of the project in Compose's labels [default: made from the project's folder as Compose does]
    #[arg(long, value_name = "NAME")]
    pub(crate) project_name: Option<String>,
}

fn pair(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(text.to_owned()),
        // The value may be a secret that was given without its name: it is not repeated.
        _ => Err("it must be NAME=VALUE".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or_else(|| "it must be a number above 0".to_owned())
}
