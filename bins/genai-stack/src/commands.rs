//! One file a command: settings in, the engine asked, its answer shown.

mod exec;
mod logs;
mod stats;
mod status;
mod streams;

use std::process;

use console::Screen;

use crate::cli::{Cli, Command};

/// Runs the command to its end. `exec` exits as its command does, so that the code may be any.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> process::ExitCode {
    let world = match console::world() {
        Ok(world) => world,
        Err(failure) => return screen.fail(&failure).into(),
    };
    let ended = match &cli.command {
        Command::Status => return status::run(screen).await.into(),
        Command::Logs(args) => logs::run(&world, cli, args, screen).await.map(Into::into),
        Command::Stats(args) => stats::run(&world, cli, args, screen).await.map(Into::into),
        Command::Exec(args) => exec::run(&world, cli, args, screen).await,
    };
    ended.unwrap_or_else(|failure| screen.fail(&failure).into())
}
