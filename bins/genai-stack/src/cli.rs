//! The command line. The doc comments are the help.

mod doctor;
mod door;
mod events;
mod lifecycle;
mod plugin;
mod render;
pub(crate) mod streams;
mod swarm;

pub(crate) use doctor::{Doctor, Watch};
pub(crate) use door::Door;
pub(crate) use events::Events;
pub(crate) use lifecycle::{Down, Restart, Up};
pub(crate) use plugin::{Plugin, PluginAction, Which};
pub(crate) use render::{Render, RenderCompose, RenderSwarm, RenderTo};
pub(crate) use swarm::{Swarm, SwarmAction};

use clap::{Parser, Subcommand};
use console::Shared;

/// Brings the containers of a guarded ComfyUI up, keeps them right, and says why when they are not.
///
/// `[stack]` in genai.toml says what is to run. No container, network or volume is touched that does not carry the project's label.
///
///   genai-stack up --dry-run              what would be done; without the flag it is done
///
///   genai-stack status                    how the project stands
///
///   genai-stack doctor                    what is wrong, why, and what repairs it
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
    Up(Up),
    Down(Down),
    Restart(Restart),
    /// Show how the project stands: state, health, ports, folders, cards, PASSWORD and plugin, what differs from genai.toml, the token's age
    ///
    /// Exit code 3 if a service does not run, is not well, differs, would start without its login, or was started and not proven since.
    Status,
    Logs(streams::Logs),
    Stats(streams::Stats),
    Exec(streams::Exec),
    Events(Events),
    Watch(Watch),
    Doctor(Doctor),
    Plugin(Plugin),
    Render(Render),
    Swarm(Swarm),
}
