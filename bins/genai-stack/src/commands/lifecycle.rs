//! `genai-stack up`, `down`, `restart`: journeys, whose end is a report.

use std::collections::BTreeSet;

use console::{ExitCode, Screen};
use docker_ops::Engine;
use flows::stack::{Stack, connect, down, restart, up};
use report::{Failure, FailureKind, Report};
use settings::{Flags, Settings, World};

use crate::cli::{Cli, Command};

/// Runs the journey to its end.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> ExitCode {
    let world = match console::world() {
        Ok(world) => world,
        Err(failure) => return screen.fail(&failure),
    };
    let ended = console::interruptible(journey(cli, &world, screen)).await.and_then(|ended| ended);
    let report = ended.unwrap_or_else(|failure| Report {
        stopped: Some(failure),
        findings: screen.found(),
        ..Report::new(name(&cli.command), world.clock.now())
    });
    screen.finish(&report)
}

async fn journey(cli: &Cli, world: &World, screen: &Screen) -> Result<Report, Failure> {
    let meant = Meant::of(cli, world, screen).await?;
    let (stack, sink) = (meant.stack(), screen.sink());
    match &cli.command {
        Command::Up(args) => {
            let options = up::Options {
                dry_run: args.dry_run,
                timeout: args.timeout,
                build: args.build,
                recreate: args.recreate,
                remove_orphans: args.remove_orphans,
            };
            Ok(up::run(&stack, world, &options, &sink).await)
        }
        Command::Down(args) => {
            let options = down::Options { dry_run: args.dry_run, volumes: args.volumes };
            Ok(down::run(&stack, world, options, &sink).await)
        }
        Command::Restart(args) => {
            let options = restart::Options { dry_run: args.dry_run, timeout: args.timeout };
            Ok(restart::run(&stack, world, options, &sink).await)
        }
        _ => Err(Failure::new(FailureKind::Unexpected, "this command is no journey")),
    }
}

fn name(command: &Command) -> &'static str {
    match command {
        Command::Down(_) => "down",
        Command::Restart(_) => "restart",
        _ => "up",
    }
}

/// The project, the services of it that are meant, and its engine.
pub(super) struct Meant {
    engine: Engine,
    services: Vec<Settings>,
    only: BTreeSet<String>,
}

impl Meant {
    pub(super) async fn of(cli: &Cli, world: &World, screen: &Screen) -> Result<Self, Failure> {
        let flags = cli.settings();
        let named = flags.service.clone().or_else(|| world.var("GENAI_SERVICE").map(str::to_owned));
        let only = named.into_iter().filter(|name| name != "all").collect();
        // What is of no service can only be told by who knows all of them.
        let services = Settings::load_each(&Flags { service: Some("all".to_owned()), ..flags }, world)?;
        // Whether there is a stack at all is told before any engine is asked.
        Settings::stack_spec(&services)?;
        let first = services.first().ok_or_else(|| Failure::new(FailureKind::Settings, "there is no service"))?;
        let engine = connect(first, &screen.sink()).await?;
        Ok(Self { engine, services, only })
    }

    pub(super) fn stack(&self) -> Stack<'_> {
        Stack { engine: &self.engine, services: &self.services, only: self.only.clone() }
    }
}
