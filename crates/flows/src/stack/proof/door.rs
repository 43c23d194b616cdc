//! What a request without a credential meets at a container: waited for, then asked from this machine.

use std::{
    future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use docker_ops::{Container, ContainerHealth, ContainerState, Engine, LastProbe, Readiness};
use report::{Event, Failure, Outcome, Sink};
use settings::{Connection, Origin, Settings, World};
use tokio::time::Instant;

use super::super::{
    Stack, failure,
    redact::{Redaction, WITHHELD},
};
use crate::{answers as answered, checks, journey::Journey, plugin, subject::Subject};

/// How many of the last lines of a container that is not well are shown.
const LINES: u32 = 12;
/// So many of its last lines reach back to its start, where ComfyUI says what it could not load.
const START: u32 = 500;
/// How long a container that is well may take to be reached from this machine.
const REACH: Duration = Duration::from_secs(10);
/// How long an engine may take to choose a port for a container that runs, where nobody has time to wait.
const START_OF_PORT: Duration = Duration::from_secs(1);
/// So many connections that break mean that nobody speaks.
const TRIES: u32 = 5;
/// How long an answer may take where one looks once.
const LOOK: Duration = Duration::from_secs(3);
/// Between two tries whether the port answers.
const PAUSE: Duration = Duration::from_millis(100);

/// What a request without a credential meets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// It is refused; or there is no container any more.
    Closed,
    /// It is answered.
    Open,
    /// Neither, by a server that speaks; or by one that ended, which the engine may start again with nobody looking.
    Unclear,
    /// Nothing speaks there yet, or nobody knows where to ask.
    Silent,
}

/// Waits until it is well, and proves from this machine that it is closed without the token and open with it.
pub(super) async fn prove(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    settings: &Settings,
    redaction: Option<&Redaction>,
    container: &Container,
    deadline: Instant,
) -> Result<Door, Failure> {
    let (engine, name, began) = (stack.engine, &container.name, Instant::now());
    let subject = journey.subject(settings, world)?;
    let subject = &if deadline <= began { subject.within(LOOK)? } else { subject };
    let asked = is_known(engine, settings, container);
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
        let is_over = matches!(port, Port::Ready(Readiness::Ended(_) | Readiness::Gone));
        let lines = match is_well {
            true => Vec::new(),
            // Who is gone has no lines.
            false => last_lines(engine, container, redaction).await,
        };
        // What is known if nobody answers here.
        let inside = match &port {
            Port::Ready(Readiness::Gone) => Door::Closed,
            Port::Ready(Readiness::Ended(_)) => Door::Unclear,
            Port::Ready(Readiness::Unhealthy(Some(probe))) if probe.saw_open() => Door::Open,
            _ => Door::Silent,
        };
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
            return Ok(inside);
        }
        // Whoever has its port by now is somebody else.
        if is_over {
            return Ok(inside);
        }
        if is_well {
            answers(subject, deadline.min(Instant::now() + REACH)).await;
        } else if speaks(subject).await == Said::Nothing {
            return Ok(inside);
        }
    }
    match enforced(journey, engine, container, subject, deadline).await {
        Outcome::Pass => {
            // What a URL leads to may be another's server. One that answers as ComfyUI does is shown the token, and who takes it is ours.
            let [_, comfyui] = checks::SERVER;
            if !engine.is_local() && journey.check(comfyui, subject).await != Outcome::Pass {
                journey.found(future::ready(checks::not_shown(checks::TOKEN_ACCEPTED.id))).await;
                return Ok(Door::Silent);
            }
            let token = journey.check(&checks::TOKEN_ACCEPTED, subject).await;
            Ok(if engine.is_local() || token == Outcome::Pass { Door::Closed } else { Door::Silent })
        }
        door => {
            drop(journey.found(future::ready(checks::not_tried(checks::TOKEN_ACCEPTED.id, &door))).await);
            if door == Outcome::Fail {
                say_why(journey, engine, container, redaction).await;
                return Ok(Door::Open);
            }
            if let Some(door) = over(engine, container).await {
                return Ok(door);
            }
            Ok(match speaks(subject).await {
                Said::Answer(answer) if answered::is_accepted(&answer) => Door::Open,
                // It refuses, and one answer was late.
                Said::Answer(answer) if answered::is_refusal(&answer) => Door::Silent,
                Said::Answer(_) | Said::Noise => Door::Unclear,
                Said::Nothing => Door::Silent,
            })
        }
    }
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

/// Says why it is open, if its log tells.
pub(super) async fn say_why(journey: &mut Journey, engine: &Engine, container: &Container, redaction: Option<&Redaction>) {
    let log = engine.last_lines(&container.id, START).await.unwrap_or_default();
    if let Some(why) = plugin::not_loaded(&log) {
        let cure = if why.contains("No module named") { ": what it imports belongs into the image" } else { "" };
        let (name, why) = (&container.name, clean(redaction, why));
        journey.note(format!("ComfyUI in `{name}` could not load ComfyUI-Login: {why}{cure}"));
    }
}

/// Ends when the server answers somebody who shows no credential.
pub(super) async fn stands_open(subject: &Subject<'_>) {
    while !is_open(subject).await {
        tokio::time::sleep(PAUSE).await;
    }
}

async fn is_open(subject: &Subject<'_>) -> bool {
    subject.client.probe(&comfy_client::Probe::get("/queue")).await.is_ok_and(|answer| answered::is_accepted(&answer))
}

/// Whether it asks everybody for a credential, asked again until that is known: ComfyUI answers nobody while it loads a model.
/// But not of one that ended, nor for long of a port where nobody listens.
async fn enforced(
    journey: &mut Journey,
    engine: &Engine,
    container: &Container,
    subject: &Subject<'_>,
    deadline: Instant,
) -> Outcome {
    let ([closed, _], began) = (checks::DOORS, Instant::now());
    loop {
        let finding = closed.run(subject).await;
        if matches!(finding.outcome, Outcome::Pass | Outcome::Fail)
            || Instant::now() >= deadline
            || over(engine, container).await.is_some()
            || (began.elapsed() >= REACH && !listens(subject).await)
        {
            return journey.found_since(began, finding);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What is to be said of a container that does not run any more, as far as the engine knows.
async fn over(engine: &Engine, container: &Container) -> Option<Door> {
    match engine.container(&container.id).await {
        Ok(None) => Some(Door::Closed),
        Ok(Some(seen)) if !seen.is_up() => Some(Door::Unclear),
        _ => None,
    }
}

/// Whether somebody takes connections, answered or not.
async fn listens(subject: &Subject<'_>) -> bool {
    let answer = subject.client.probe(&comfy_client::Probe::get("/queue")).await;
    !answer.is_err_and(|error| error.kind() == comfy_client::ErrorKind::Unreachable)
}

/// What is heard at a port.
#[derive(Debug, PartialEq)]
enum Said {
    /// Nobody is there, or says nothing in time.
    Nothing,
    /// This.
    Answer(comfy_client::Answer),
    /// Something that is no answer.
    Noise,
}

/// What speaks there. Nothing does while ComfyUI still starts, however long that takes; but what speaks may break off too.
async fn speaks(subject: &Subject<'_>) -> Said {
    for _ in 0..TRIES {
        match subject.client.probe(&comfy_client::Probe::get("/queue")).await {
            Err(error) if error.kind() == comfy_client::ErrorKind::Unreachable => tokio::time::sleep(PAUSE).await,
            Err(error) if error.kind() == comfy_client::ErrorKind::Timeout => return Said::Nothing,
            Err(_) => return Said::Noise,
            Ok(answer) => return Said::Answer(answer),
        }
    }
    Said::Nothing
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

/// The last lines of a container, without secrets; none of one that is gone.
pub(super) async fn last_lines(engine: &Engine, container: &Container, redaction: Option<&Redaction>) -> Vec<String> {
    let lines = engine.last_lines(&container.id, LINES).await.unwrap_or_default();
    lines.iter().map(|line| clean(redaction, line)).collect()
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

/// Whether it is known where it would be asked. Without a port of its own, somebody else's server may answer at the URL of the settings; at
/// the default URL answers whatever runs on this machine, not what an engine on another one runs.
pub(super) fn is_known(engine: &Engine, settings: &Settings, container: &Container) -> bool {
    if engine.is_local() { url(container).is_some() } else { settings.url.origin != Origin::Default }
}

/// The settings of its service, asked where this machine reaches the container now.
pub(super) fn at(settings: &Settings, container: &Container, local: bool) -> Settings {
    let mut settings = settings.clone();
    if let Some(value) = url(container).filter(|_| local) {
        settings.url.value = value;
        // What leads to the server elsewhere does not lead to this port.
        settings.connection = Connection::default();
    }
    settings
}

/// Waits until the engine has chosen the port of a container that runs, if it is to choose one.
pub(super) async fn find(engine: &Engine, container: &mut Container, deadline: Instant) -> Result<(), Failure> {
    let deadline = deadline.max(Instant::now() + START_OF_PORT);
    while container.state == ContainerState::Running && !container.bound.is_empty() && url(container).is_none() {
        let Some(seen) = engine.container(&container.id).await.map_err(|error| failure(&error))? else { break };
        *container = seen;
        if Instant::now() >= deadline {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Where this machine reaches it. An engine takes a port away while it starts the container again; one that it did not choose comes back.
fn url(container: &Container) -> Option<String> {
    // While it is down its port may be another's.
    let runs = container.state == ContainerState::Running;
    let fixed = container.bound.iter().find(|port| runs && port.host_port != 0);
    let port = container.ports.first().or(fixed)?;
    let host = match port.address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V6(address) if address.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    Some(format!("http://{host}:{}", port.host_port))
}
