//! One file a command: settings in, the engine asked, its answer shown.

mod render;
mod events;
mod status;
mod swarm;

use console::{ExitCode, Screen};

use crate::cli::{Cli, Command};

/// Runs the command to its end.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> ExitCode {
    match &cli.command {
        Command::Render(args) => render::run(cli, args, screen).await,
        Command::Events(args) => events::run(cli, args, screen).await,
        Command::Status => status::run(screen).await,
        Command::Swarm(args) => swarm::run(cli, args, screen).await,
    }
}
