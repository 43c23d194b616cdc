//! `genai-stack status`

use console::{
    ExitCode, Screen,
    json::stack_v1::{Check, Container, Drift, Engine, Exit, Mount, Port, Service, Status},
};
use docker_ops::{ContainerHealth, ContainerState};
use flows::stack::status;
use report::{Failure, Finding, Outcome};
use settings::World;

use super::meant::Meant;
use crate::cli::Cli;

/// Shows how the project stands.
pub(super) async fn run(world: &World, cli: &Cli, screen: &Screen) -> ExitCode {
    match console::interruptible(look(world, cli, screen)).await.and_then(|ended| ended) {
        Ok(status) => screen.stack_status(status),
        Err(failure) => screen.answer_failed(&failure),
    }
}

async fn look(world: &World, cli: &Cli, screen: &Screen) -> Result<Status, Failure> {
    let meant = Meant::of(world, cli, screen).await?;
    Ok(shown(status::run(&meant.stack(), world).await?))
}

fn shown(status: status::Status) -> Status {
    let well = status.is_well();
    Status {
        well,
        project: status.project,
        engine: Engine { endpoint: status.endpoint, version: status.engine, api: status.api.used.to_string() },
        services: status.services.into_iter().map(service).collect(),
        orphans: status.orphans,
        in_the_way: status.strangers.into_iter().map(|one| format!("{}: {}", one.what, one.because)).collect(),
    }
}

fn service(service: status::ServiceStatus) -> Service {
    let well = service.is_well();
    let status::ServiceStatus { name, container, unproven, checks, token_since, token_days, .. } = service;
    let checks = checks.into_iter().map(check).collect();
    Service { name, well, container: container.map(self::container), unproven, checks, token_since, token_days }
}

fn check(finding: Finding) -> Check {
    let outcome = finding.outcome.name();
    let reason = match finding.outcome {
        Outcome::Skipped(reason) | Outcome::Unknown(reason) => Some(reason),
        _ => None,
    };
    Check { check: finding.check.0.to_owned(), outcome, reason, summary: finding.summary }
}

fn container(container: docker_ops::Container) -> Container {
    let (health, probe) = match container.health {
        None => (None, None),
        Some(ContainerHealth::Healthy) => (Some("healthy"), None),
        Some(ContainerHealth::Starting(probe)) => (Some("starting"), probe),
        Some(ContainerHealth::Unhealthy(probe)) => (Some("unhealthy"), probe),
        Some(_) => (Some("unknown"), None),
    };
    Container {
        id: container.id,
        name: container.name,
        image: container.image_id,
        state: state(container.state),
        health,
        probe: probe.map(|probe| probe.output),
        exit: container.exit.map(|exit| Exit { code: exit.code, out_of_memory: exit.out_of_memory, error: exit.error }),
        started_at: container.started_at,
        restarts: container.restarts,
        ports: container
            .ports
            .into_iter()
            .map(|port| Port {
                address: port.address.to_string(),
                host_port: port.host_port,
                container_port: port.container_port,
            })
            .collect(),
        mounts: container
            .mounts
            .into_iter()
            .map(|(source, target, writable)| Mount { source: source.display().to_string(), target, writable })
            .collect(),
        gpus: container.gpus,
        drift: container.drift.into_iter().map(|one| Drift { field: one.field, wanted: one.wanted, found: one.found }).collect(),
    }
}

fn state(state: ContainerState) -> &'static str {
    match state {
        ContainerState::Created => "created",
        ContainerState::Running => "running",
        ContainerState::Paused => "paused",
        ContainerState::Restarting => "restarting",
        ContainerState::Exited => "exited",
        ContainerState::Dead => "dead",
        _ => "unknown",
    }
}
