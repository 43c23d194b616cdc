//! One file a command: settings in, a journey run, its report shown.

mod demo;
mod setup;
mod validate;

use std::path::Path;

use console::{ExitCode, Screen, Shared};
use report::{Failure, Report};
use settings::{Settings, World};

use crate::cli::{Cli, Command};

/// Runs the command to its end.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> ExitCode {
    let world = match console::world() {
        Ok(world) => world,
        Err(failure) => return screen.fail(&failure),
    };
    let (journey, ended) = match &cli.command {
        Command::Demo(args) => ("demo", demo::run(&world, &cli.shared, args, screen).await),
        Command::Setup(args) => ("setup", setup::run(&world, &cli.shared, args, screen).await),
        Command::Settings => ("settings", settings(&world, &cli.shared, screen)),
        Command::Validate(args) => ("validate", validate::run(&world, &cli.shared, args, screen).await),
    };
    ended.unwrap_or_else(|failure| {
        // What stops a journey before its end is a report too, so that a program can read it.
        screen.finish(&Report { stopped: Some(failure), findings: screen.found(), ..Report::new(journey, world.clock.now()) })
    })
}

/// `genai-auth settings`.
fn settings(world: &World, shared: &Shared, screen: &Screen) -> Result<ExitCode, Failure> {
    Ok(screen.settings(&Settings::load_each(&shared.settings(), world)?))
}

/// Saves the report where the user wants it, then shows it. What can't be saved is shown all the same, with the reason.
fn finish(screen: &Screen, mut report: Report, save_to: Option<&Path>) -> ExitCode {
    let saved = save_to.map_or(Ok(()), |path| console::save(path, &console::json::render(&report)));
    if let Err(failure) = saved {
        report.stopped.get_or_insert(failure);
    }
    screen.finish(&report)
}
