//! `genai-stack swarm`: up, down, status.

use std::time::Duration;

use console::{
    ExitCode, Screen,
    json::swarm_v1::{Document, Service, Task},
};
use docker_ops::{
    Engine, StackSpec,
    swarm::{Event, Status},
};
use flows::stack::{swarm, wanted};
use report::{Failure, FailureKind, Sink};
use settings::World;

use super::meant;
use crate::cli::{Cli, Swarm, SwarmAction};

/// Runs the command to its end.
pub(super) async fn run(world: &World, cli: &Cli, args: &Swarm, screen: &Screen) -> ExitCode {
    let mut begun = None;
    let failure = match console::interruptible(act(world, cli, &args.action, &mut begun, screen)).await {
        Ok(Ok(document)) => return screen.swarm(document),
        Ok(Err(failure)) => return screen.fail(&failure),
        Err(failure) => failure,
    };
    let Some((engine, spec)) = begun else { return screen.fail(&failure) };
    // Whoever stops it twice doesn't want to wait for a last look.
    let mut sink = |event: Event| tell(&event, &mut Vec::new(), screen);
    let look = swarm::break_off(&engine, &spec, failure.clone(), &mut sink);
    match console::interruptible(look).await {
        Ok(failure) => screen.fail(&failure),
        Err(_) => screen.fail(&failure.hint("`genai-stack swarm status` shows what runs, `genai-stack swarm down` ends it")),
    }
}

/// What is begun, by a roll-out, stands in `begun`: it needs a last look if it is broken off.
async fn act(
    world: &World,
    cli: &Cli,
    action: &SwarmAction,
    begun: &mut Option<(Engine, StackSpec)>,
    screen: &Screen,
) -> Result<Document, Failure> {
    let flags = cli.settings();
    let named = flags.service.as_deref().or_else(|| world.var("GENAI_SERVICE")).is_some_and(|name| name != "all");
    if named && !matches!(action, SwarmAction::Status) {
        let message = "a stack on a Swarm goes up and down whole: of one service alone, the others would be removed";
        return Err(Failure::new(FailureKind::Usage, message).hint("leave `--service` and `GENAI_SERVICE` away"));
    }
    let wanted = wanted::stack(&flags, world)?;
    let engine = meant::engine(&wanted.settings, &screen.sink()).await?;
    match action {
        SwarmAction::Up { dry_run, allow_unseen, timeout } => {
            for note in swarm::notes(&wanted, engine.negotiated().used)? {
                screen.warn(&note.to_string(), &note.hint);
            }
            let options = swarm::Options { dry_run: *dry_run, allow_unseen: *allow_unseen };
            let planned = swarm::plan(&engine, &wanted, world, options, |held| screen.say(&held), &Sink::silent()).await?;
            if *dry_run {
                return Ok(Document::Plan { changes: planned.changes().iter().map(ToString::to_string).collect() });
            }
            let mut changes = Vec::new();
            let mut sink = |event: Event| tell(&event, &mut changes, screen);
            *begun = Some((engine.clone(), wanted.spec.clone()));
            let status = swarm::up(&engine, &wanted.spec, planned, Duration::from_secs(*timeout), &mut sink).await?;
            Ok(Document::Applied { changes, services: services(status) })
        }
        SwarmAction::Down { timeout } => {
            Ok(Document::Removed { changes: down(&engine, &wanted.spec, world, *timeout, screen).await? })
        }
        SwarmAction::Status => Ok(Document::Status { services: services(swarm::status(&engine, &wanted.spec).await?) }),
    }
}

async fn down(engine: &Engine, stack: &StackSpec, world: &World, timeout: u64, screen: &Screen) -> Result<Vec<String>, Failure> {
    let mut changes = Vec::new();
    let (patience, waits) = (Duration::from_secs(timeout), |held: String| screen.say(&held));
    swarm::down(engine, stack, world, patience, waits, &mut |event| tell(&event, &mut changes, screen)).await?;
    Ok(changes)
}

/// Says what happens, and remembers what was changed.
fn tell(event: &Event, changes: &mut Vec<String>, screen: &Screen) {
    match event {
        Event::Done(change) => {
            screen.say(&format!("{change}: done"));
            changes.push(change.to_string());
        }
        Event::Running { service, running, wanted } => screen.say(&format!("{service}: {running} of {wanted} run")),
        Event::Trouble { service, slot, error } => screen.say(&format!("{service}.{slot}: {error}")),
        Event::Halted(name) => screen.say(&format!("`{name}` let everybody in, and has no replica any more")),
        Event::Kept(name) => screen.say(&format!("`{name}` is, or is used by, what is not this stack's, so it stays")),
        _ => {}
    }
}

fn services(status: Status) -> Vec<Service> {
    let service = |service: docker_ops::swarm::ServiceState| Service {
        name: service.name,
        image: service.image,
        running: service.running,
        wanted: service.wanted,
        update: service.update,
        tasks: service.tasks.into_iter().map(task).collect(),
    };
    status.services.into_iter().map(service).collect()
}

fn task(task: docker_ops::swarm::TaskState) -> Task {
    Task {
        slot: task.slot,
        state: task.state,
        error: task.error,
        at: task.at.map(|at| at.to_string()),
        meant: task.meant,
        current: task.current,
        cards: task.cards,
        container: task.container,
    }
}
