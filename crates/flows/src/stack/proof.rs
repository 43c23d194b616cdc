//! After a start: the wait until the container is well, and the proof from this machine that it is closed without the token and open
//! with it. One that turns out to be open to all is stopped again.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use docker_ops::{Container, ContainerHealth, ContainerState, Engine, Exit, Gpu, LastProbe, Observed, Readiness, StackSpec};
use report::{Change, ChangeKind, Event, Failure, Outcome, Sink};
use settings::{Connection, Settings, World};
use tokio::time::Instant;

use super::{Stack, failure, redact::Redaction};
use crate::{answers as answered, checks, journey::Journey, subject::Subject};

/// How many of the last lines of a container that is not well are shown.
const LINES: u32 = 12;
/// Between two tries whether the port answers.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits for each service that is meant and proves it. The first that is not there is the failure. What stands open is stopped again,
/// unless it ran so `before`.
pub(super) async fn run(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    spec: &StackSpec,
    before: &Observed,
    timeout: Duration,
) -> Result<(), Failure> {
    let redaction = Redaction::of(stack.services)?;
    let deadline = Instant::now() + timeout;
    let seen = stack.engine.observe(spec).await.map_err(|error| failure(&error))?;
    let local = stack.engine.is_local();
    let services: Vec<Settings> = stack
        .chosen()
        .map(|settings| {
            let mut settings = settings.clone();
            if let Some(value) = seen.of(&settings.service.value).and_then(url).filter(|_| local) {
                settings.url.value = value;
                // What leads to the server elsewhere does not lead to this port.
                settings.connection = Connection::default();
            }
            settings
        })
        .collect();
    let failed = journey
        .each(&services, async |journey, settings| {
            let Some(container) = seen.of(&settings.service.value) else { return Ok(()) };
            let gpu = &spec.services[&settings.service.value].gpu;
            if *gpu != Gpu::None {
                let proof = docker_ops::prove(stack.engine, &container.id, gpu).await.map_err(|error| failure(&error))?;
                journey.found(std::future::ready(checks::gpu_given(&container.name, gpu, &proof))).await;
            }
            let subject = journey.subject(settings, world)?;
            // Without a port of its own, somebody else's server may answer at the URL of the settings.
            let asked = !local || url(container).is_some();
            if service(journey, stack.engine, &redaction, &subject, asked, container, deadline).await? == Door::Open {
                let grace = spec.services[&settings.service.value].stop_grace;
                close(journey, stack.engine, container, before, grace).await?;
            }
            Ok(())
        })
        .await;
    failed.map_or(Ok(()), Err)
}

/// Whether a server was seen to ask nobody for a credential.
#[derive(Debug, PartialEq, Eq)]
enum Door {
    Open,
    NotSeenOpen,
}

async fn service(
    journey: &mut Journey,
    engine: &Engine,
    redaction: &Redaction,
    subject: &Subject<'_>,
    asked: bool,
    container: &Container,
    deadline: Instant,
) -> Result<Door, Failure> {
    let (name, began) = (&container.name, Instant::now());
    journey.started(&format!("waiting for `{name}`"));
    let sink = journey.sink().clone();
    let told = |seen: &Container| tell(&sink, seen, redaction);
    let ready = tokio::select! {
        ready = engine.wait_ready(&container.id, deadline.saturating_duration_since(began), &told) => {
            Some(ready.map_err(|error| failure(&error))?)
        }
        // A probe's failures do not count for minutes after the start: nobody waits for them while a server stands open.
        () = stands_open(subject), if asked => None,
    };
    if let Some(mut ready) = ready {
        let is_well = |ready: &Readiness| matches!(ready, Readiness::Healthy | Readiness::Running);
        if is_well(&ready)
            && let Some(exit) = ended_without_an_answer(subject, engine, container, deadline).await
        {
            ready = Readiness::Ended(exit);
        }
        let is_well = is_well(&ready);
        let lines = match is_well {
            true => Vec::new(),
            // Who is gone has no lines.
            false => engine.last_lines(&container.id, LINES).await.unwrap_or_default(),
        };
        let lines: Vec<String> = lines.iter().map(|line| redaction.text(line)).collect();
        journey.found_since(began, checks::container_healthy(name, &redacted(ready, redaction), &lines));
        if !is_well && (!asked || !is_open(subject).await) {
            return Ok(Door::NotSeenOpen);
        }
    }
    let [closed, _] = checks::DOORS;
    match journey.check(closed, subject).await {
        Outcome::Pass => drop(journey.check(&checks::TOKEN_ACCEPTED, subject).await),
        door => {
            let is_open = door == Outcome::Fail;
            drop(journey.found(std::future::ready(checks::not_tried(checks::TOKEN_ACCEPTED.id, &door))).await);
            return Ok(if is_open { Door::Open } else { Door::NotSeenOpen });
        }
    }
    Ok(Door::NotSeenOpen)
}

/// Stops a container that stands open, unless it is as it was before this run: what was not ours to start is not ours to stop.
async fn close(
    journey: &mut Journey,
    engine: &Engine,
    container: &Container,
    before: &Observed,
    grace: Duration,
) -> Result<(), Failure> {
    let name = &container.name;
    let ran = before.of(&container.service).is_some_and(|was| {
        was.state == ContainerState::Running && (&was.id, &was.started_at) == (&container.id, &container.started_at)
    });
    if ran {
        journey.note(format!(
            "`{name}` stands open to everybody who reaches it. It ran so before, and was left running: `genai-stack down` ends it"
        ));
        return Ok(());
    }
    engine.stop(&container.into(), grace).await.map_err(|error| failure(&error))?;
    journey.note(format!("`{name}` stood open to everybody who reaches it, and was stopped again"));
    journey.changed(Change { path: format!("container {name}"), kind: ChangeKind::Changed, done: true, service: None });
    Ok(())
}

/// Ends when the server answers somebody who shows no credential.
async fn stands_open(subject: &Subject<'_>) {
    while !is_open(subject).await {
        tokio::time::sleep(PAUSE).await;
    }
}

async fn is_open(subject: &Subject<'_>) -> bool {
    subject.client.probe(&comfy_client::Probe::get("/queue")).await.is_ok_and(|answer| answered::is_accepted(&answer))
}

/// A container without a probe runs before its server answers. How it ended, if it did so first: the engine may start such a one again
/// and again.
async fn ended_without_an_answer(
    subject: &Subject<'_>,
    engine: &Engine,
    container: &Container,
    deadline: Instant,
) -> Option<Exit> {
    while subject.client.probe(&comfy_client::Probe::get("/prompt")).await.is_err() && Instant::now() < deadline {
        let state = engine.glance(&container.id).await.unwrap_or_default().state;
        if matches!(state.status.as_str(), "exited" | "restarting" | "dead") {
            return Some(Exit { code: state.exit_code.unwrap_or_default(), out_of_memory: state.oom_killed, error: None });
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}

/// What the probe said last is shown while one waits.
fn tell(sink: &Sink, seen: &Container, redaction: &Redaction) {
    let said = match &seen.health {
        Some(ContainerHealth::Starting(Some(probe))) if !probe.output.is_empty() => {
            format!(": its probe says {}", redaction.text(&probe.output))
        }
        _ => String::new(),
    };
    sink.send(Event::Started(format!("waiting for `{}`{said}", seen.name)));
}

fn redacted(ready: Readiness, redaction: &Redaction) -> Readiness {
    let clean = |probe: Option<LastProbe>| probe.map(|probe| LastProbe { output: redaction.text(&probe.output), ..probe });
    match ready {
        Readiness::Unhealthy(probe) => Readiness::Unhealthy(clean(probe)),
        Readiness::TooLate(probe) => Readiness::TooLate(clean(probe)),
        ready => ready,
    }
}

/// Where this machine reaches it.
fn url(container: &Container) -> Option<String> {
    let port = container.ports.first()?;
    let host = match port.address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V6(address) if address.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    Some(format!("http://{host}:{}", port.host_port))
}
