//! The command line. The doc comments are the help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use console::Shared;

/// Guards a self-hosted ComfyUI and proves it.
///
/// ComfyUI-Login takes the stored bcrypt line itself as Bearer token. genai-auth keeps that token in one private place, writes it
/// byte-exact to every place that needs it, and proves against the running server that the door is locked and the key turns.
///
/// Exit codes: 0 all well, 1 unexpected, 2 usage, 3 findings, 4 settings, 5 unreachable, 6 refused, 130 stopped by the user.
#[derive(Debug, Parser)]
#[command(name = "genai-auth", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(Demo),
    Setup(Setup),
    Validate(Validate),
    /// Show every setting and where it came from, secrets as fingerprints
    Settings,
}

/// Show the whole story on this machine: needs no Docker, GPU, Python or network
///
/// Makes a credential, writes it to three targets, starts an embedded ComfyUI that is locked as ComfyUI-Login locks, proves the
/// lock over HTTP and WebSocket, makes an image, rotates the token and proves that the old one is dead. Run again in the same
/// folder, it keeps what is there and says so.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The folder for all that it writes
    #[arg(long, value_name = "DIR", default_value = "genai-demo")]
    pub(crate) dir: PathBuf,
    /// The port of the embedded ComfyUI on this machine; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Leave the server running until Ctrl-C, and say how to log in
    #[arg(long)]
    pub(crate) keep: bool,
    /// Rotate the token even if an earlier run did
    #[arg(long)]
    pub(crate) rotate: bool,
}

/// Write the login of your own ComfyUI before its first start
///
/// Makes a password and its token (or keeps those on file), writes them to the source of truth and to every target, the plugin's
/// login/PASSWORD among them, all or none, and says whether a running server must be restarted to use them.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Who runs ComfyUI
    #[arg(long, value_enum, default_value = "existing")]
    pub(crate) backend: Backend,
    /// ComfyUI's own folder, which holds main.py [default: the one that was set up before]
    #[arg(long, value_name = "DIR")]
    pub(crate) comfy_dir: Option<PathBuf>,
    /// The login's user name [default: comfy]
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Read the password from the first line of standard input instead of making a random one
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Make a new password and token even if there are some
    #[arg(long)]
    pub(crate) rotate: bool,
    /// Say what would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Save the report as JSON too
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// Who runs ComfyUI.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Backend {
    /// You do, from a folder on this machine.
    Existing,
}

/// Prove that the token is everywhere the same, that the door is locked, and that the key turns
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Make an image too; leaves a picture in ComfyUI's input and output folders
    #[arg(long)]
    pub(crate) generate: bool,
    /// ComfyUI's own folder, which holds main.py
    #[arg(long, value_name = "DIR")]
    pub(crate) comfy_dir: Option<PathBuf>,
    /// Save the report as JSON too
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}
