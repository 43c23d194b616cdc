//! One file a command.

mod sim;

use console::{ExitCode, Screen};

use crate::cli::{Cli, Command};

/// Runs the command to its end.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> ExitCode {
    let ended = match console::world() {
        Ok(world) => match &cli.command {
            Command::Sim(args) => sim::run(&world, &cli.shared, args, screen).await,
        },
        Err(failure) => Err(failure),
    };
    ended.unwrap_or_else(|failure| screen.fail(&failure))
}
