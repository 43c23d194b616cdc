//! The command line. The doc comments are the help.

mod render;
mod swarm;

pub(crate) use render::{Render, RenderCompose, RenderTo};
mod door;
mod events;

pub(crate) use door::Door;
pub(crate) use events::Events;
pub(crate) use render::{Render, RenderCompose, RenderSwarm, RenderTo};
pub(crate) use swarm::{Swarm, SwarmAction};

use clap::{Parser, Subcommand};
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
    #[command(flatten)]
    pub(crate) door: Door,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Render(Render),
    Events(Events),
    /// Show what runs
    Status,
    Swarm(Swarm),
}
