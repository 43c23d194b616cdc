//! `genai-stack events`

use std::ops::ControlFlow;

use console::{
    ExitCode, Screen,
    json::stack_events_v1::{Event, Happened},
};
use docker_ops::{Action, Origin, Told};
use flows::stack::{self, events};
use report::Failure;
use settings::World;

use super::meant;
use crate::cli::{Cli, Events};

/// Tells until the user or the reader wants no more.
pub(super) async fn run(world: &World, cli: &Cli, args: &Events, screen: &Screen) -> ExitCode {
    match console::interruptible(tell(world, cli, args, screen)).await.and_then(|ended| ended) {
        Ok(()) => screen.unread(),
        Err(failure) => screen.events_failed(&failure),
    }
}

async fn tell(world: &World, cli: &Cli, args: &Events, screen: &Screen) -> Result<(), Failure> {
    let services = meant::services(world, cli)?;
    let moment = |text: &Option<String>| text.as_ref().map(|text| stack::moment(text, world.clock.now())).transpose();
    let project = meant::project(args.project_name.as_deref(), &services)?;
    let options = events::Options { project, since: moment(&args.since)?, until: moment(&args.until)? };
    let engine = meant::engine(&services, &screen.aside()).await?;
    events::run(&engine, &options, &mut |told| {
        shown(told).map_or(ControlFlow::Continue(()), |event| screen.container_event(event))
    })
    .await
}

fn shown(told: Told) -> Option<Event> {
    Some(match told {
        Told::Event(event) => Event::Happened(happened(&event)),
        Told::Lost(error) => Event::Lost { error: (&stack::failure(&error)).into() },
        Told::Resumed => Event::Resumed,
        _ => return None,
    })
}

fn happened(event: &docker_ops::Event) -> Happened {
    let (exit_code, signal, healthy) = match &event.action {
        Action::Died { exit_code } => (*exit_code, None, None),
        Action::Killed { signal } => (None, signal.clone(), None),
        Action::Health { healthy } => (None, None, Some(*healthy)),
        _ => (None, None, None),
    };
    Happened {
        at: event.at.to_string(),
        container: event.id.clone(),
        name: event.name().map(str::to_owned),
        service: event.service().map(str::to_owned),
        action: event.action.name().to_owned(),
        exit_code,
        signal,
        healthy,
        inferred: event.origin == Origin::Inferred,
    }
}
