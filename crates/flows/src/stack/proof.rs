//! After a start: each container is proven to be closed. What a run started, and what is open to all or can't be shown to be closed, is
//! stopped again: by the same run, or by the next.

mod door;

use std::{
    future::{self, Future},
    pin::pin,
    time::Duration,
};

use docker_ops::{Container, Engine, Gpu, StackSpec, Unproven};
use futures_util::FutureExt;
use report::{Change, ChangeKind, Failure, Sink};
use settings::{Connection, Settings, World};
use tokio::time::Instant;

use self::door::Door;
use super::{Stack, failure, redact::Redaction, unproven};
use crate::{checks, journey::Journey};

/// How long a container of a service that nobody wrote down may take to end.
const USUAL_GRACE: Duration = Duration::from_secs(10);

/// Which containers are proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Those of all services that are meant, and those that a run started and nobody has proven since.
    All,
    /// The latter alone, after a failure: no server stays open because another one did not start.
    Started,
}

/// Whether the servers could be asked after a start: what nobody could prove is not started.
pub(super) fn askable(journey: &mut Journey, stack: &Stack<'_>, world: &World) -> Result<(), Failure> {
    for settings in stack.chosen() {
        let mut settings = settings.clone();
        if stack.engine.is_local() {
            settings.connection = Connection::default();
        }
        journey.subject(&settings, world)?;
    }
    Ok(())
}

/// Looks at what an earlier run left, does `work`, which says whether it came to its end, and then proves what runs, whatever came of it. Once
/// `stop` is over, all of it ends at once but for a last look at what was started.
pub(super) async fn after(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    spec: &StackSpec,
    timeout: Duration,
    stop: impl Future<Output = ()>,
    work: impl AsyncFnOnce(&mut Journey) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let mut stop = pin!(stop.fuse());
    let whole = async {
        left(journey, stack, world, spec).await?;
        let ended = work(journey).await;
        let proven = match ended {
            Ok(true) => run(journey, stack, world, spec, timeout, Whose::All).await,
            Ok(false) => Ok(()),
            Err(_) => run(journey, stack, world, spec, timeout, Whose::Started).await,
        };
        ended.map(drop).and(proven)
    };
    tokio::select! {
        biased;
        () = &mut stop => {}
        ended = whole => return ended,
    }
    run(journey, stack, world, spec, Duration::ZERO, Whose::Started).await
}

/// What an earlier run left open is stopped before anything else: `work` may bring it back. What is slow has its time afterwards.
async fn left(journey: &mut Journey, stack: &Stack<'_>, world: &World, spec: &StackSpec) -> Result<(), Failure> {
    let mut look = Journey::new("look", world, &Sink::silent());
    let ended = run(&mut look, stack, world, spec, Duration::ZERO, Whose::Started).await;
    let seen = look.end(None);
    if !seen.changes.is_empty() {
        seen.notes.into_iter().for_each(|note| journey.note(note));
        seen.changes.into_iter().for_each(|change| journey.changed(change));
    }
    ended
}

/// Waits for each container that is meant and proves it. The first that is not there is the failure. What a run started stays only if it is
/// seen to be closed, or if nothing answers yet.
async fn run(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    spec: &StackSpec,
    timeout: Duration,
    whose: Whose,
) -> Result<(), Failure> {
    // Whether a server stands open is asked all the same.
    let redaction = Redaction::of(stack.services).ok();
    let deadline = Instant::now() + timeout;
    let unproven = unproven(spec);
    let seen = stack.engine.observe(spec).await.map_err(|error| failure(&error))?;
    let local = stack.engine.is_local();
    let mut meant: Vec<(&Settings, Option<&Container>)> = Vec::new();
    if whose == Whose::All {
        meant.extend(stack.chosen().map(|settings| (settings, seen.of(&settings.service.value))));
    }
    for container in seen.containers.iter().filter(|one| one.is_up() && unproven.has(&one.id)) {
        if meant.iter().any(|(_, one)| *one == Some(container)) {
            continue;
        }
        match stack.services.iter().find(|settings| settings.service.value == container.service) {
            Some(settings) => meant.push((settings, Some(container))),
            // Nobody knows any more where it would be asked.
            None => close(journey, stack.engine, &unproven, container, USUAL_GRACE, &Door::Unclear).await?,
        }
    }
    let services: Vec<Settings> = meant
        .iter()
        .map(|(settings, container)| {
            let mut settings = (*settings).clone();
            if let Some(value) = container.and_then(door::url).filter(|_| local) {
                settings.url.value = value;
                // What leads to the server elsewhere does not lead to this port.
                settings.connection = Connection::default();
            }
            settings
        })
        .collect();
    let mut containers = meant.into_iter().map(|(_, container)| container);
    let failed = journey
        .each(&services, async |journey, settings| {
            let service = &settings.service.value;
            let Some(container) = containers.next().flatten() else {
                journey.found(future::ready(checks::no_container(&spec.project, Some(service)))).await;
                return Ok(());
            };
            let is_ours = unproven.has(&container.id);
            let name = &container.name;
            let door = door::prove(journey, stack, world, settings, redaction.as_ref(), container, deadline).await;
            match &door {
                Ok(Door::Closed) => unproven.remove(&container.id).map_err(|error| failure(&error))?,
                Ok(Door::Open) if !is_ours => journey.note(format!(
                    "`{name}` stands open to everybody who reaches it. It ran so before, and was left running: `genai-stack down` ends it"
                )),
                Ok(Door::Silent) if is_ours => journey.note(format!(
                    "`{name}` runs, and is not proven to ask for a credential: `genai-stack up` looks again, `genai-stack logs` shows \
                     what it does, `genai-stack down` ends it"
                )),
                Ok(Door::Open | Door::Unclear) | Err(_) if is_ours => {
                    let stands = door.as_ref().unwrap_or(&Door::Unclear);
                    let grace = spec.services[service].stop_grace;
                    let closed = close(journey, stack.engine, &unproven, container, grace, stands).await;
                    return door.map(drop).and(closed);
                }
                _ => {}
            }
            let (door, gpu) = (door?, &spec.services[service].gpu);
            if *gpu != Gpu::None && matches!(door, Door::Closed | Door::Silent) {
                let proof = docker_ops::prove(stack.engine, &container.id, gpu).await.map_err(|error| failure(&error))?;
                journey.found(future::ready(checks::gpu_given(name, gpu, &proof))).await;
            }
            Ok(())
        })
        .await;
    failed.map_or(Ok(()), Err)
}

/// Stops a container that a run started and that can't stay as it stands: for good, since no restart policy asks who gets in.
async fn close(
    journey: &mut Journey,
    engine: &Engine,
    unproven: &Unproven,
    container: &Container,
    grace: Duration,
    stands: &Door,
) -> Result<(), Failure> {
    let name = &container.name;
    engine.stop_for_good(&container.into(), grace).await.map_err(|error| failure(&error))?;
    unproven.remove(&container.id).map_err(|error| failure(&error))?;
    journey.note(match stands {
        Door::Open => format!("`{name}` stood open to everybody who reaches it, and was stopped again"),
        _ => format!(
            "`{name}` was not seen to ask for a credential, and was stopped again: `genai-stack logs` and `genai-stack doctor` tell why"
        ),
    });
    journey.changed(Change { path: format!("container {name}"), kind: ChangeKind::Changed, done: true, service: None });
    Ok(())
}
