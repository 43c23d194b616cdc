//! After a start: the wait until the container is well, and the proof from this machine that it is closed without the token and open
//! with it. One that turns out to be open to all is stopped again.

use std::{
    future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use docker_ops::{Container, ContainerHealth, ContainerState, Engine, Gpu, LastProbe, Observed, Readiness, StackSpec};
use report::{Change, ChangeKind, Event, Failure, Outcome, Sink};
use settings::{Connection, Origin, Settings, World};
use tokio::time::Instant;

use super::{
    Stack, failure,
    redact::{Redaction, WITHHELD},
};
use crate::{answers as answered, checks, journey::Journey, subject::Subject};

/// How many of the last lines of a container that is not well are shown.
const LINES: u32 = 12;
/// How long a container that is well may take to be reached from this machine.
const REACH: Duration = Duration::from_secs(10);
/// Between two tries whether the port answers.
const PAUSE: Duration = Duration::from_millis(100);

/// Which containers are proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Those of all services that are meant.
    All,
    /// Those that this run started, after a failure: no server stays open because another one did not start.
    Started,
}

/// Waits for each service that is meant and proves it. The first that is not there is the failure. What stands open is stopped again,
/// unless it ran so `before`.
pub(super) async fn run(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    spec: &StackSpec,
    before: &Observed,
    timeout: Duration,
    whose: Whose,
) -> Result<(), Failure> {
    // Whether a server stands open is asked all the same.
    let redaction = Redaction::of(stack.services).ok();
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
            let service = &settings.service.value;
            let container = match (seen.of(service), whose) {
                (Some(container), Whose::All) => container,
                (Some(container), Whose::Started) if container.is_up() && !ran(container, before) => container,
                (_, Whose::Started) => return Ok(()),
                (None, Whose::All) => {
                    journey.found(future::ready(checks::no_container(&spec.project, Some(service)))).await;
                    return Ok(());
                }
            };
            let subject = journey.subject(settings, world)?;
            // Without a port of its own, somebody else's server may answer at the URL of the settings.
            // At the default URL answers whatever runs on this machine, not what an engine on another one runs.
            let asked = if local { url(container).is_some() } else { settings.url.origin != Origin::Default };
            let redaction = redaction.as_ref();
            if prove(journey, stack.engine, redaction, &subject, asked, container, deadline).await? == Door::Open {
                return close(journey, stack.engine, container, before, spec.services[service].stop_grace).await;
            }
            let gpu = &spec.services[service].gpu;
            if *gpu != Gpu::None {
                let proof = docker_ops::prove(stack.engine, &container.id, gpu).await.map_err(|error| failure(&error))?;
                journey.found(future::ready(checks::gpu_given(&container.name, gpu, &proof))).await;
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

async fn prove(
    journey: &mut Journey,
    engine: &Engine,
    redaction: Option<&Redaction>,
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
    if let Some(ready) = ready {
        let port = match ready {
            // It has no probe: only its port tells.
            Readiness::Running if asked => port(subject, engine, container, deadline).await?,
            ready => Port::Ready(ready),
        };
        let is_well = matches!(port, Port::Ready(Readiness::Healthy | Readiness::Running));
        let lines = match is_well {
            true => Vec::new(),
            // Who is gone has no lines.
            false => engine.last_lines(&container.id, LINES).await.unwrap_or_default(),
        };
        let lines: Vec<String> = lines.iter().map(|line| clean(redaction, line)).collect();
        match port {
            Port::Ready(Readiness::Running) if !asked => {}
            Port::Ready(ready) => {
                drop(journey.found_since(began, checks::container_healthy(name, &redacted(ready, redaction), &lines)));
            }
            Port::Silent(last) => drop(journey.found_since(began, checks::container_silent(name, last, &lines))),
            Port::Open => {}
        }
        if !asked {
            journey.found(future::ready(checks::no_door(checks::DOORS[0].id, name))).await;
            return Ok(Door::NotSeenOpen);
        }
        if is_well {
            answers(subject, deadline.min(Instant::now() + REACH)).await;
        } else if !is_open(subject).await {
            return Ok(Door::NotSeenOpen);
        }
    }
    let [closed, _] = checks::DOORS;
    match journey.check(closed, subject).await {
        Outcome::Pass => drop(journey.check(&checks::TOKEN_ACCEPTED, subject).await),
        door => {
            let is_open = door == Outcome::Fail;
            drop(journey.found(future::ready(checks::not_tried(checks::TOKEN_ACCEPTED.id, &door))).await);
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
    if ran(container, before) {
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

/// Whether it ran before this run, and has run ever since.
fn ran(container: &Container, before: &Observed) -> bool {
    before.of(&container.service).is_some_and(|was| {
        was.state == ContainerState::Running && (&was.id, &was.started_at) == (&container.id, &container.started_at)
    })
}

/// What the port of a container without a probe came to.
enum Port {
    /// It asks for a credential, or the container ended meanwhile.
    Ready(Readiness),
    /// It asks for none.
    Open,
    /// It did neither in time; what it said last.
    Silent(String),
}

/// Waits until the port of a container that has no probe asks for a credential: that its process runs says nothing yet.
async fn port(subject: &Subject<'_>, engine: &Engine, container: &Container, deadline: Instant) -> Result<Port, Failure> {
    loop {
        let last = match subject.client.probe(&comfy_client::Probe::get("/queue")).await {
            Ok(answer) if answered::is_refusal(&answer) => return Ok(Port::Ready(Readiness::Running)),
            Ok(answer) if answered::is_accepted(&answer) => return Ok(Port::Open),
            Ok(answer) => answered::words(&answer),
            Err(error) => answered::chain(&error),
        };
        let ready = engine.wait_ready(&container.id, Duration::ZERO, &|_| ()).await.map_err(|error| failure(&error))?;
        match ready {
            Readiness::Running if Instant::now() >= deadline => return Ok(Port::Silent(last)),
            Readiness::Running => tokio::time::sleep(PAUSE).await,
            ended => return Ok(Port::Ready(ended)),
        }
    }
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

/// What is well inside is reached from here a moment later; or never, where its URL leads elsewhere.
async fn answers(subject: &Subject<'_>, deadline: Instant) {
    while subject.client.probe(&comfy_client::Probe::get("/prompt")).await.is_err() && Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
    }
}

/// What the probe said last is shown while one waits.
fn tell(sink: &Sink, seen: &Container, redaction: Option<&Redaction>) {
    let said = match &seen.health {
        Some(ContainerHealth::Starting(Some(probe))) if !probe.output.is_empty() => {
            format!(": its probe says {}", clean(redaction, &probe.output))
        }
        _ => String::new(),
    };
    sink.send(Event::Started(format!("waiting for `{}`{said}", seen.name)));
}

fn clean(redaction: Option<&Redaction>, text: &str) -> String {
    redaction.map_or_else(|| WITHHELD.to_owned(), |redaction| redaction.text(text))
}

fn redacted(ready: Readiness, redaction: Option<&Redaction>) -> Readiness {
    let clean = |probe: Option<LastProbe>| probe.map(|probe| LastProbe { output: clean(redaction, &probe.output), ..probe });
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
