//! One file a command: settings in, the engine asked, its answer shown.

mod doctor;
mod meant;
mod plugin;
mod status;
mod watch;

use console::{ExitCode, Screen};
use report::Report;

use crate::cli::{Cli, Command};

/// Runs the command to its end.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> ExitCode {
    let world = match console::world() {
        Ok(world) => world,
        Err(failure) => return screen.fail(&failure),
    };
    let (journey, ended) = match &cli.command {
        Command::Status => return status::run(screen).await,
        Command::Watch(args) => return watch::run(cli, &world, args, screen).await,
        Command::Doctor(args) => ("stack doctor", doctor::run(cli, &world, args, screen).await),
        Command::Plugin(args) => ("plugin", plugin::run(cli, &world, args, screen).await),
    };
    // What stops a journey before its end is a report too, so that a program can read it.
    let report = ended.unwrap_or_else(|failure| Report {
        stopped: Some(failure),
        findings: screen.found(),
        ..Report::new(journey, world.clock.now())
    });
    screen.finish(&report)
}
