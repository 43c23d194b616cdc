//! One file a command: settings in, the engine asked, its answer shown.

mod lifecycle;
mod status;

use console::{ExitCode, Screen};

use crate::cli::{Cli, Command};

/// Runs the command to its end.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> ExitCode {
    match &cli.command {
        Command::Up(_) | Command::Down(_) | Command::Restart(_) => lifecycle::run(cli, screen).await,
        Command::Status => status::run(cli, screen).await,
    }
}
