//! After a start: the wait until the container is well, and the proof from this machine that it is closed without the token and open
//! with it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use docker_ops::{Container, ContainerHealth, LastProbe, Readiness, StackSpec};
use report::{Event, Failure, Outcome, Sink};
use settings::{Connection, Settings, World};
use tokio::time::Instant;

use super::{Stack, failure, redact::Redaction};
use crate::{checks, journey::Journey, subject::Subject};

/// How many of the last lines of a container that is not well are shown.
const LINES: u32 = 12;
/// Between two tries whether the port answers.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits for each service that is meant and proves it. The first that is not there is the failure.
pub(super) async fn run(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    spec: &StackSpec,
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
            service(journey, stack, &redaction, settings, world, container, deadline).await
        })
        .await;
    failed.map_or(Ok(()), Err)
}

async fn service(
    journey: &mut Journey,
    stack: &Stack<'_>,
    redaction: &Redaction,
    settings: &Settings,
    world: &World,
    container: &Container,
    deadline: Instant,
) -> Result<(), Failure> {
    let name = &container.name;
    journey.started(&format!("waiting for `{name}`"));
    let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
    let sink = journey.sink().clone();
    let told = |seen: &Container| tell(&sink, seen, redaction);
    let ready = stack.engine.wait_ready(&container.id, left(deadline), &told).await.map_err(|error| failure(&error))?;
    let is_well = matches!(ready, Readiness::Healthy | Readiness::Running);
    let lines = match is_well {
        true => Vec::new(),
        // Who is gone has no lines.
        false => stack.engine.last_lines(&container.id, LINES).await.unwrap_or_default(),
    };
    let lines: Vec<String> = lines.iter().map(|line| redaction.text(line)).collect();
    journey.found(std::future::ready(checks::container_healthy(name, &redacted(ready, redaction), &lines))).await;
    if !is_well {
        return Ok(());
    }
    let subject = journey.subject(settings, world)?;
    answers(&subject, deadline).await;
    let [closed, _] = checks::DOORS;
    match journey.check(closed, &subject).await {
        Outcome::Pass => drop(journey.check(&checks::TOKEN_ACCEPTED, &subject).await),
        door => drop(journey.found(std::future::ready(checks::not_tried(checks::TOKEN_ACCEPTED.id, &door))).await),
    }
    Ok(())
}

/// A container without a probe runs before its server answers.
async fn answers(subject: &Subject<'_>, deadline: Instant) {
    while subject.client.probe(&comfy_client::Probe::get("/prompt")).await.is_err() && Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
    }
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
