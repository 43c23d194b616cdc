//! The command line. The doc comments are the help.

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, Parser, Subcommand};
use console::Shared;

/// Keeps the one token of a guarded ComfyUI equal in every place that needs it.
///
/// The source of truth names the places; each is written in its own reader's dialect, read back, and all are written or none. No
/// secret is taken as an argument or shown.
///
/// Exit codes: 0 all well, 1 unexpected, 2 usage, 3 drift or other findings, 4 settings, 5 unreachable, 6 refused, 130 stopped.
#[derive(Debug, Parser)]
#[command(name = "genai-tokens", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find every place of a token, known and unknown: which hold the same, and which is in force (with --url)
    Audit,
    Unify(Unify),
    /// Exit with 3 if a target differs from the source of truth: the gate of a pipeline
    Check,
    Sync(Sync),
    Rotate(Rotate),
    Scan(Scan),
    Watch(Watch),
    Read(Read),
}

/// Make one token of several: choose one, and write it to every place that was found
///
/// Takes the token of a place (--from), makes one of a password (--password-stdin), or makes a fresh one.
#[derive(Debug, Args)]
pub(crate) struct Unify {
    /// The place whose token is taken, as `audit` names it
    #[arg(long, value_name = "PLACE", conflicts_with = "password_stdin")]
    pub(crate) from: Option<String>,
    /// Write the token to this place too, which `audit` says nothing claims; may be given several times
    #[arg(long, value_name = "PLACE")]
    pub(crate) also: Vec<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Overwrite other tokens without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// ComfyUI's own folder, which holds main.py [default: the one that was set up before]
    #[arg(long, value_name = "DIR")]
    pub(crate) comfy_dir: Option<PathBuf>,
}

/// Write every target that differs, all or none
#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// Show what would change, redacted, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Renew the token: write it everywhere, restart ComfyUI, prove that the new one lives and the old one is dead
///
/// Killed at any stage, the same command goes on where it was.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Keep the password and make another token of it
    #[arg(long)]
    pub(crate) salt_only: bool,
    /// How to restart ComfyUI: `none` (you do), `docker:NAME`, or a command for the shell
    ///
    /// With several services, `{service}` in NAME stands for each one's name, and the command finds it in `GENAI_SERVICE`.
    #[arg(long, value_name = "HOW", default_value = "none")]
    pub(crate) restart: RestartHow,
    /// ComfyUI's own folder, which holds main.py [default: the one that was set up before]
    #[arg(long, value_name = "DIR")]
    pub(crate) comfy_dir: Option<PathBuf>,
}

/// How to restart ComfyUI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RestartHow {
    /// Somebody else does.
    None,
    /// The container of that name.
    Docker(String),
    /// A command for the shell.
    Command(String),
}

impl FromStr for RestartHow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("docker:") {
            Some("") => Err("`docker:` names no container".to_owned()),
            Some(name) => Ok(Self::Docker(name.to_owned())),
            None if text == "none" => Ok(Self::None),
            None if text.trim().is_empty() => Err("the command is empty".to_owned()),
            None => Ok(Self::Command(text.to_owned())),
        }
    }
}

/// Find where tokens and passwords of this project lie that must not hold them
#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// Files and folders to look into; `-` for standard input [default: the project's folder]
    pub(crate) paths: Vec<PathBuf>,
    /// Look into what .gitignore leaves out too
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Look into git's index too
    #[arg(long)]
    pub(crate) index: bool,
    /// Look into the whole of git's history too, unreachable objects included
    #[arg(long)]
    pub(crate) history: bool,
}

/// Say at once when a target differs from the source of truth, or write it again (--repair); ends with Ctrl-C
///
/// Watches the folders of the source of truth and of every target, also those that are not there yet. With `--format json` each
/// happening is one line. The source of truth is never changed; settings are read once, at the start.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Write targets that drift, as `sync` does; one that somebody else fights for ever more rarely
    #[arg(long)]
    pub(crate) repair: bool,
    /// Look this often instead of asking the system for news [default: 2 where the system has none to give]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) poll: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "name a number of seconds from 0.1 to 86400".to_owned())
}

/// Show a file as one reader sees it: each key and its value, or the reader's refusal (exit 3)
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// The reader's dialect by name
    #[arg(long, value_name = "NAME")]
    pub(crate) dialect: String,
    /// The file
    pub(crate) file: PathBuf,
    /// Show the values, which may be secrets
    #[arg(long)]
    pub(crate) reveal: bool,
}
