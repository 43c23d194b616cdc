//! `genai-stack plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Install ComfyUI-Login, or see whether it is there unchanged
///
/// ComfyUI goes on without a plugin that it can't load, and asks nobody for anything then. So the plugin is pinned by the SHA-256 of
/// all its files.
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
    /// The folder that ComfyUI loads plugins from [default: that of `[stack]`, else custom_nodes in ComfyUI's folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) custom_nodes: Option<PathBuf>,
    /// ComfyUI's Python on this machine, which must import what the plugin imports
    #[arg(long, value_name = "PATH", conflicts_with = "container")]
    pub(crate) python: Option<PathBuf>,
    /// The running container whose Python must
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
}
