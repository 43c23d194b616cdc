//! `genai-stack doctor` and `genai-stack watch`.

use std::path::PathBuf;

use clap::Args;

use super::streams::Project;

/// Say why a container died, is sick, or is not what it should be
///
/// Each finding has its evidence and the command that repairs it. No token is shown: what a container wrote is redacted. Findings
/// give exit code 3, an engine that doesn't answer 5.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) project: Project,
    /// The kernel's log, as `journalctl -k -o short-iso` prints it, or `dmesg`: it tells who was killed for memory
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel_log: Option<PathBuf>,
}

/// Say what becomes other, a line each, and why; have an idle server unload its models
#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) project: Project,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) every: u32,
    /// Have the server unload its models after so many minutes without work; 0 for never [default: as `[stack]` says]
    #[arg(long, value_name = "MINUTES")]
    pub(crate) idle_unload_minutes: Option<u32>,
}
