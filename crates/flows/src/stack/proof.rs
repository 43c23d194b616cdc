//! After a start: each container is proven to be closed. What a run started, and what is open to all or can't be shown to be closed, is
//! stopped again: by the same run, or by the next.

mod door;
mod sentry;

use std::{
    future::{self, Future},
    pin::pin,
    time::Duration,
};

use docker_ops::{Container, Engine, Gpu, Readiness, StackSpec, Unproven};
use futures_util::FutureExt;
use report::{Change, ChangeKind, Failure, Sink};
use settings::{Connection, Settings, World};
use tokio::time::Instant;

use self::{door::Door, sentry::Sentry};
use super::{Stack, failure, lock, preflight, redact::Redaction, unproven};
use crate::{checks, journey::Journey};

/// How long a container of a service that nobody wrote down may take to end.
const USUAL_GRACE: Duration = Duration::from_secs(10);

/// How long an engine may take to start what it was told to, beyond the time in which the old life ends.
const START: Duration = Duration::from_secs(5);
/// Between two looks at a container.
const PAUSE: Duration = Duration::from_millis(200);

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

/// Looks at what an earlier run left, does `start` under the project's lock, which says whether all was started, and then proves what runs,
/// whatever came of it, for so long as `timeout`. Once `stop` is over, all of it ends at once but for a last look at what was started. A failure
/// names what is not proven then. Without a `timeout` it is a dry run, and `start` is all.
pub(super) async fn after(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    timeout: Option<Duration>,
    stop: impl Future<Output = ()>,
    start: impl AsyncFnOnce(&mut Journey, &StackSpec, &Unproven) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let spec = &stack.spec()?;
    journey.about("project", &spec.project);
    let unproven = &unproven(spec);
    let Some(timeout) = timeout else { return start(journey, spec, unproven).await.map(drop) };
    let mut stop = pin!(stop.fuse());
    let lock = tokio::select! {
        biased;
        () = &mut stop => return Ok(()),
        lock = lock(spec, world, |held| journey.note(held)) => lock?,
    };
    let work = async |journey: &mut Journey| {
        let _lock = lock;
        start(journey, spec, unproven).await
    };
    let whole = async {
        left(journey, stack, world, spec, unproven).await?;
        let ended = work(journey).await;
        let proven = match ended {
            Ok(true) => run(journey, stack, world, spec, unproven, timeout, Whose::All).await,
            // What an earlier run left is named: nobody looks at it now.
            Ok(false) => run(journey, stack, world, spec, unproven, Duration::ZERO, Whose::Started).await,
            Err(_) => run(journey, stack, world, spec, unproven, timeout, Whose::Started).await,
        };
        ended.map(drop).and(proven)
    };
    let ended = tokio::select! {
        biased;
        () = &mut stop => None,
        ended = whole => Some(ended),
    };
    let ended = match ended {
        Some(ended) => ended,
        None => run(journey, stack, world, spec, unproven, Duration::ZERO, Whose::Started).await,
    };
    match ended {
        Err(failure) => Err(stack.dropped(failure).await),
        Ok(()) => Ok(()),
    }
}

/// What an earlier run left open is stopped before anything else: `work` may bring it back. What is slow, or not clear yet, has its time
/// afterwards: the earlier run may still wait for it.
async fn left(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    spec: &StackSpec,
    unproven: &Unproven,
) -> Result<(), Failure> {
    let mut look = Journey::new("look", world, &Sink::silent());
    let ended = run(&mut look, stack, world, spec, unproven, Duration::ZERO, Whose::Started).await;
    let seen = look.end(None);
    if !seen.changes.is_empty() {
        seen.notes.into_iter().for_each(|note| journey.note(note));
        seen.changes.into_iter().for_each(|change| journey.changed(change));
    }
    ended
}

/// What all looks of one proof go by.
struct Proof<'a> {
    stack: &'a Stack<'a>,
    world: &'a World,
    spec: &'a StackSpec,
    unproven: &'a Unproven,
    /// Without one, whether a server stands open is asked all the same.
    redaction: Option<Redaction>,
    deadline: Instant,
    whose: Whose,
    /// Nobody waits.
    is_glance: bool,
}

/// Waits for each container that is meant and proves it. The first that is not there is the failure. What a run started stays only if it is
/// seen to be closed, or if nothing answers yet; or, where one only glances, if another run may still wait for it.
async fn run(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    spec: &StackSpec,
    unproven: &Unproven,
    timeout: Duration,
    whose: Whose,
) -> Result<(), Failure> {
    let redaction = Redaction::of(stack.services).ok();
    let (deadline, is_glance) = (Instant::now() + timeout, timeout.is_zero());
    let proof = Proof { stack, world, spec, unproven, redaction, deadline, whose, is_glance };
    let seen = stack.engine.observe(spec).await.map_err(|error| failure(&error))?;
    let mut meant: Vec<(&Settings, Option<&Container>)> = Vec::new();
    if whose == Whose::All {
        meant.extend(stack.chosen().map(|settings| (settings, seen.of(&settings.service.value))));
    }
    for container in seen
        .containers
        .iter()
        .filter(|one| unproven.has(&one.id) && (one.is_up() || unproven.awaits(&one.id, one.started_at.as_deref())))
    {
        if meant.iter().any(|(_, one)| *one == Some(container)) {
            continue;
        }
        match stack.services.iter().find(|settings| settings.service.value == container.service) {
            Some(settings) => meant.push((settings, Some(container))),
            // Nobody knows any more where it would be asked.
            None if proof.may_be_awaited(container) => {}
            None => close(journey, stack.engine, unproven, container, USUAL_GRACE, &Door::Unclear).await?,
        }
    }
    let local = stack.engine.is_local();
    let services: Vec<Settings> = meant
        .iter()
        .map(|(settings, container)| container.map_or_else(|| (*settings).clone(), |one| door::at(settings, one, local)))
        .collect();
    let mut sentry = Sentry::new(&proof);
    for (settings, container) in &meant {
        container.iter().filter(|one| unproven.has(&one.id)).for_each(|one| sentry.watch(journey, settings, one));
    }
    let mut meant = meant.into_iter();
    let failed = journey
        .each(&services, async |journey, settings| {
            let Some((own, Some(container))) = meant.next() else {
                proof.absent(journey, settings).await;
                return Ok(());
            };
            if sentry.relieve(&container.id) {
                return Ok(());
            }
            let ended = sentry.beside(proof.of(journey, settings, container)).await;
            // What answers nobody yet may open while others are waited for.
            if unproven.has(&container.id) {
                sentry.watch(journey, own, container);
            }
            ended
        })
        .await;
    failed.map_or(Ok(()), Err)
}

impl Proof<'_> {
    /// Proves one container, and stops it if it can't stay.
    async fn of(&self, journey: &mut Journey, settings: &Settings, container: &Container) -> Result<(), Failure> {
        let Proof { stack, unproven, whose, .. } = *self;
        let service = &self.spec.services[&settings.service.value];
        let grace = service.stop_grace;
        if unproven.awaits(&container.id, container.started_at.as_deref()) {
            journey.started(&format!("waiting until the engine has started `{}` anew", container.name));
        }
        let Some(mut container) = settled(stack.engine, unproven, container, grace).await? else {
            self.absent(journey, settings).await;
            return unproven.remove(&container.id).map_err(|error| failure(&error));
        };
        if whose == Whose::Started && !container.is_up() {
            if unproven.awaits(&container.id, container.started_at.as_deref()) {
                journey.found(future::ready(checks::container_not_started_yet(&container.name))).await;
            }
            return Ok(());
        }
        let mut door = prove(journey, stack, self.world, settings, self.redaction.as_ref(), &mut container, self.deadline).await;
        // The folder may have been changed while one waited.
        if matches!(door, Ok(Door::Closed))
            && stack.engine.is_local()
            && preflight::lets_guests_in(journey, settings, service, &container).await
        {
            door = Ok(Door::Open);
        }
        let (is_ours, life) = (unproven.has(&container.id), container.started_at.as_deref());
        let name = &container.name;
        match &door {
            Ok(Door::Closed) if !unproven.strike(&container.id, life).map_err(|error| failure(&error))? => {
                journey.found(future::ready(checks::container_not_started_yet(name))).await;
            }
            Ok(Door::Open) if !is_ours => journey.note(format!(
                "`{name}` stands open to everybody who reaches it. It ran so before, and was left running: `genai-stack down` ends it"
            )),
            Ok(Door::Silent) if is_ours => stays(journey, name),
            Ok(Door::Unclear) | Err(_) if is_ours && self.may_be_awaited(&container) => {
                stays(journey, name);
                return Ok(());
            }
            Ok(Door::Open | Door::Unclear) | Err(_) if is_ours => {
                let stands = door.as_ref().unwrap_or(&Door::Unclear);
                let closed = close(journey, stack.engine, unproven, &container, grace, stands).await;
                return door.map(drop).and(closed);
            }
            _ => {}
        }
        let (door, gpu) = (door?, &service.gpu);
        if whose == Whose::All && *gpu != Gpu::None && matches!(door, Door::Closed | Door::Silent) {
            let proof = docker_ops::prove(stack.engine, &container.id, gpu).await.map_err(|error| failure(&error))?;
            journey.found(future::ready(checks::gpu_given(name, gpu, &proof))).await;
        }
        Ok(())
    }

    async fn absent(&self, journey: &mut Journey, settings: &Settings) {
        journey.found(future::ready(checks::no_container(&self.spec.project, Some(&settings.service.value)))).await;
    }

    /// Whether another run started it, and may give it time: whoever only glances does not take that away.
    fn may_be_awaited(&self, container: &Container) -> bool {
        self.is_glance && !self.unproven.is_own(&container.id)
    }
}

/// Says what stays as it is, unproven.
fn stays(journey: &mut Journey, name: &str) {
    journey.note(format!(
        "`{name}` runs, and is not proven to ask for a credential: `genai-stack up` looks again, `genai-stack logs` shows what it does, \
         `genai-stack down` ends it"
    ));
}

/// The container once it lives the life that somebody asked for, or the time in which an engine does that is over. None if it is gone.
async fn settled(
    engine: &Engine,
    unproven: &Unproven,
    container: &Container,
    grace: Duration,
) -> Result<Option<Container>, Failure> {
    let (began, mut down) = (Instant::now(), None);
    loop {
        let Some(seen) = engine.container(&container.id).await.map_err(|error| failure(&error))? else { return Ok(None) };
        // Between its end and its start it is down for a moment, however long the end took.
        down = if seen.is_up() { None } else { down.or_else(|| Some(Instant::now())) };
        let is_over = down.map_or_else(|| began.elapsed() >= grace + START, |since| since.elapsed() >= START);
        if is_over || !unproven.awaits(&seen.id, seen.started_at.as_deref()) {
            return Ok(Some(seen));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What is met at one life of the container, which is left in it. One that the engine has to start again while one looks is not waited for.
async fn prove(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    settings: &Settings,
    redaction: Option<&Redaction>,
    container: &mut Container,
    deadline: Instant,
) -> Result<Door, Failure> {
    loop {
        door::find(stack.engine, container, deadline).await?;
        let settings = door::at(settings, container, stack.engine.is_local());
        let door = tokio::select! {
            door = door::prove(journey, stack, world, &settings, redaction, container, deadline) => Some(door?),
            ended = another_life(stack.engine, container) => ended.map(|()| None)?,
        };
        let seen = stack.engine.container(&container.id).await.map_err(|error| failure(&error))?;
        let is_same = seen.as_ref().is_none_or(|seen| seen.started_at == container.started_at);
        let restarts = seen.as_ref().map_or(0, |seen| seen.restarts);
        if let Some(seen) = seen {
            *container = seen;
        }
        match door {
            Some(door) if is_same || door == Door::Open => return Ok(door),
            _ if !is_same && restarts > 0 => {
                let lines = door::last_lines(stack.engine, container, redaction).await;
                let found = checks::container_healthy(&container.name, &Readiness::Again(restarts), &lines);
                journey.found(future::ready(found)).await;
                return Ok(Door::Unclear);
            }
            // Somebody started it again: that life is another matter.
            _ => {}
        }
    }
}

/// Ends when the container lives another life.
async fn another_life(engine: &Engine, container: &Container) -> Result<(), Failure> {
    loop {
        tokio::time::sleep(PAUSE).await;
        let seen = engine.container(&container.id).await.map_err(|error| failure(&error))?;
        if seen.is_some_and(|seen| seen.started_at != container.started_at) {
            return Ok(());
        }
    }
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
    journey.note(match stands {
        Door::Open => format!("`{name}` stood open to everybody who reaches it, and was stopped again"),
        _ => format!(
            "`{name}` was not seen to ask for a credential, and was stopped again: `genai-stack logs` and `genai-stack doctor` tell why"
        ),
    });
    journey.changed(Change { path: format!("container {name}"), kind: ChangeKind::Changed, done: true, service: None });
    // What an engine is still to start again stays written down.
    unproven.strike(&container.id, container.started_at.as_deref()).map(drop).map_err(|error| failure(&error))
}
