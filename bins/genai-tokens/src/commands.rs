//! One file a command: settings in, a journey run, its report shown.

mod read;
mod rotate;
mod unify;
mod watch;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use console::{ExitCode, Screen};
use report::{Failure, FailureKind, Report, Sink};
use settings::{Settings, World};

use crate::cli::{Cli, Command, Scan};

/// Runs the command to its end.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> ExitCode {
    let world = match console::world() {
        Ok(world) => world,
        Err(failure) => return screen.fail(&failure),
    };
    let sink = screen.sink();
    let (name, ended) = match &cli.command {
        Command::Read(_) if cli.shared.format == console::Format::Sarif => {
            let failure = Failure::new(FailureKind::Usage, "`read` shows a file, which SARIF has no words for");
            return screen.fail(&failure.hint("leave `--format sarif` away"));
        }
        Command::Read(args) => return read::run(&world, args, screen),
        Command::Watch(args) => return watch::run(cli, &world, args, screen).await,
        Command::Rotate(args) => ("rotate", rotate::run(&world, &cli.shared, args, screen).await),
        Command::Audit => ("audit", audit(cli, &world, &sink).await),
        Command::Unify(args) => ("unify", unify::run(&world, &cli.shared, args, screen).await),
        Command::Check => ("check", check(cli, &world, &sink).await),
        Command::Sync(args) => ("sync", sync(cli, &world, args.dry_run, &sink).await),
        Command::Scan(args) => ("scan", scan(cli, &world, args, &sink).await),
    };
    // What stops a journey before its end is a report too, so that a program can read it.
    let report = ended.unwrap_or_else(|failure| Report {
        stopped: Some(failure),
        findings: screen.found(),
        ..Report::new(name, world.clock.now())
    });
    screen.finish(&report)
}

async fn audit(cli: &Cli, world: &World, sink: &Sink) -> Result<Report, Failure> {
    let services = each(cli, world)?;
    console::interruptible(flows::tokens::audit::run(&services, world, sink)).await
}

async fn check(cli: &Cli, world: &World, sink: &Sink) -> Result<Report, Failure> {
    let services = each(cli, world)?;
    console::interruptible(flows::tokens::check::run(&services, world, sink)).await
}

async fn sync(cli: &Cli, world: &World, dry_run: bool, sink: &Sink) -> Result<Report, Failure> {
    let (services, options) = (each(cli, world)?, flows::tokens::sync::Options { dry_run });
    console::interruptible(flows::tokens::sync::run(&services, world, options, sink)).await
}

async fn scan(cli: &Cli, world: &World, args: &Scan, sink: &Sink) -> Result<Report, Failure> {
    let services = each(cli, world)?;
    let wants_input = args.paths.iter().any(|path| path.as_os_str() == "-");
    if wants_input && args.paths.len() > 1 {
        return Err(Failure::new(FailureKind::Usage, "`-` stands for standard input alone")
            .hint("run the command once for it and once for the paths"));
    }
    if wants_input && (args.index || args.history) {
        return Err(Failure::new(FailureKind::Usage, "`-` stands for standard input alone, not for git's index or history")
            .hint("run the command once for it, and once with `--index` or `--history`"));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let options = flows::tokens::scan::Options {
        paths: args.paths.iter().map(|path| world.current_dir.join(path)).collect(),
        no_ignore: args.no_ignore,
        index: args.index,
        history: args.history,
        stream: wants_input.then(|| Box::new(std::io::stdin()) as _),
        stop: Arc::clone(&stop),
    };
    let scan = flows::tokens::scan::run(&services, world, options, sink);
    console::stoppable(scan, console::GRACE, || stop.store(true, Ordering::Relaxed)).await
}

fn each(cli: &Cli, world: &World) -> Result<Vec<Settings>, Failure> {
    Ok(Settings::load_each(&cli.shared.settings(), world)?)
}
