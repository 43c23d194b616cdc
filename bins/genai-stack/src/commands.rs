//! One file a command: settings in, the engine asked, its answer shown.

mod doctor;
mod events;
mod exec;
mod lifecycle;
mod logs;
mod meant;
mod plugin;
mod render;
mod stats;
mod status;
mod streams;
mod swarm;
mod watch;

use std::process;

use console::{Format, Screen};
use report::{Failure, FailureKind, Report};

use crate::cli::{Cli, Command};

/// Runs the command to its end. `exec` exits as its command does, so that the code may be any.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> process::ExitCode {
    let world = match console::world() {
        Ok(world) => world,
        Err(failure) => return screen.fail(&failure).into(),
    };
    // What finds nothing has nothing that SARIF could tell.
    let finds_nothing = matches!(cli.command, Command::Status | Command::Logs(_) | Command::Stats(_) | Command::Events(_));
    if finds_nothing && cli.shared.format == Format::Sarif {
        let failure =
            Failure::new(FailureKind::Usage, "there is nothing in it for `--format sarif`").hint("choose `--format json`");
        return screen.fail(&failure).into();
    }
    let (journey, ended) = match &cli.command {
        Command::Up(args) => ("up", lifecycle::up(&world, cli, args, screen).await),
        Command::Down(args) => ("down", lifecycle::down(&world, cli, args, screen).await),
        Command::Restart(args) => ("restart", lifecycle::restart(&world, cli, args, screen).await),
        Command::Doctor(args) => ("stack doctor", doctor::run(cli, &world, args, screen).await),
        Command::Plugin(args) => ("plugin", plugin::run(cli, &world, args, screen).await),
        Command::Status => return status::run(&world, cli, screen).await.into(),
        Command::Logs(args) => return logs::run(&world, cli, args, screen).await.into(),
        Command::Stats(args) => return stats::run(&world, cli, args, screen).await.into(),
        Command::Exec(args) => return exec::run(&world, cli, args, screen).await,
        Command::Events(args) => return events::run(&world, cli, args, screen).await.into(),
        Command::Watch(args) => return watch::run(cli, &world, args, screen).await.into(),
        Command::Render(args) => return render::run(&world, cli, args, screen).await.into(),
        Command::Swarm(args) => return swarm::run(&world, cli, args, screen).await.into(),
    };
    // What stops a journey before its end is a report too, so that a program can read it.
    let report = ended.unwrap_or_else(|failure| Report {
        stopped: Some(failure),
        findings: screen.found(),
        ..Report::new(journey, world.clock.now())
    });
    screen.finish(&report).into()
}
