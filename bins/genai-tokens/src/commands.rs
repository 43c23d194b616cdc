//! One file a command: settings in, a journey run, its report shown.

mod read;
mod rotate;

use console::{ExitCode, Screen};
use report::{Failure, Report};
use settings::{Settings, World};

use crate::cli::{Cli, Command};

/// Runs the command to its end.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> ExitCode {
    let world = match console::world() {
        Ok(world) => world,
        Err(failure) => return screen.fail(&failure),
    };
    let (name, ended) = match &cli.command {
        Command::Read(args) => return read::run(&world, args, screen),
        Command::Check => ("check", each(cli, &world).map(|services| (services, None))),
        Command::Sync(args) => ("sync", each(cli, &world).map(|services| (services, Some(args.dry_run)))),
        Command::Rotate(args) => return finish(screen, &world, "rotate", rotate::run(&world, &cli.shared, args, screen).await),
    };
    let sink = screen.sink();
    let report = match ended {
        Ok((services, None)) => console::interruptible(flows::tokens::check::run(&services, &world, &sink)).await,
        Ok((services, Some(dry_run))) => {
            let options = flows::tokens::sync::Options { dry_run };
            console::interruptible(flows::tokens::sync::run(&services, &world, options, &sink)).await
        }
        Err(failure) => Err(failure),
    };
    finish(screen, &world, name, report)
}

fn each(cli: &Cli, world: &World) -> Result<Vec<Settings>, Failure> {
    Ok(Settings::load_each(&cli.shared.settings(), world)?)
}

/// Shows the report; what stopped a journey before its end is a report too, so that a program can read it.
fn finish(screen: &Screen, world: &World, name: &str, report: Result<Report, Failure>) -> ExitCode {
    let report = report.unwrap_or_else(|failure| Report {
        stopped: Some(failure),
        findings: screen.found(),
        ..Report::new(name, world.clock.now())
    });
    screen.finish(&report)
}
