//! The command line. The doc comments are the help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use console::Shared;

/// Brings the containers of a guarded ComfyUI up, keeps them right, and says why when they are not.
///
/// `[stack]` in genai.toml says what is to run. No container, network or volume is touched that does not carry the project's label.
///
/// Exit codes: 0 all well, 1 unexpected, 2 usage, 3 findings, 4 settings, 5 unreachable, 6 refused, 130 stopped.
#[derive(Debug, Parser)]
#[command(name = "genai-stack", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what runs
    Status,
    /// Say why a container died, is sick, or is not what it should be
    ///
    /// Each finding has its evidence and the command that repairs it. No token is shown: what a container wrote is redacted. Findings
    /// give exit code 3, an engine that doesn't answer 5.
    Doctor(Doctor),
    /// Install ComfyUI-Login, or see whether it is there unchanged
    ///
    /// ComfyUI goes on without a plugin that it can't load, and asks nobody for anything then. So the plugin is pinned by the SHA-256 of
    /// all its files.
    Plugin(Plugin),
    /// Say what becomes other, a line each, and why; have an idle server unload its models
    Watch(Watch),
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The project's name, which its containers carry [default: that of the project's folder]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The kernel's log, as `dmesg` prints it: it tells who was killed for memory
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel_log: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    pub(crate) action: PluginAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginAction {
    /// Put the pinned plugin into custom_nodes; done twice it changes nothing
    ///
    /// It comes from one commit of its repository, from a folder or from an archive, is compared with its digest, and only then takes
    /// its place. With `--python` or `--container` what it imports is installed too. In a container that is lost when the container is
    /// made anew: better have it in the image.
    Install(Which),
    /// See whether the pinned plugin is there unchanged and can be loaded
    Verify(Which),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// A repository, a folder, or a .zip or .tar.gz file [default: the repository of ComfyUI-Login]
    #[arg(long, value_name = "URL|PATH")]
    pub(crate) from: Option<String>,
    /// The commit of the repository, all its digits [default: the one that this program knows]
    #[arg(long, value_name = "COMMIT")]
    pub(crate) commit: Option<String>,
    /// The SHA-256 that its files must have [default: that of the default commit]
    #[arg(long, value_name = "DIGEST")]
    pub(crate) digest: Option<String>,
    /// Take all from here and ask no network: a folder with ComfyUI-Login and the packages that it imports
    #[arg(long, value_name = "PATH", conflicts_with_all = ["from", "commit"])]
    pub(crate) offline: Option<PathBuf>,
    /// ComfyUI's folder
    #[arg(long, value_name = "DIR")]
    pub(crate) comfy_dir: Option<PathBuf>,
    /// The folder that ComfyUI loads plugins from [default: custom_nodes in ComfyUI's folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) custom_nodes: Option<PathBuf>,
    /// ComfyUI's Python on this machine, which must import what the plugin imports
    #[arg(long, value_name = "PATH", conflicts_with = "container")]
    pub(crate) python: Option<PathBuf>,
    /// The running container whose Python must
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The project's name, which its containers carry [default: that of the project's folder]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) every: u32,
    /// Have the server unload its models after so many minutes without work; 0 for never [default: as `[stack]` says]
    #[arg(long, value_name = "MINUTES")]
    pub(crate) idle_unload_minutes: Option<u32>,
}
