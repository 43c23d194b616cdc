//! What there is of the project, beside what there must be. Nothing is changed and no server is asked.

use docker_ops::{Container, ContainerHealth, ContainerState, Negotiated, Stranger};
use report::{Failure, Finding, Sink, Verdict};
use settings::World;

use super::{Stack, failure, preflight, redact::Redaction, unproven};
use crate::{journey::Journey, subject::disk_failure};

/// The project, as it stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// The project's name.
    pub project: String,
    /// Where the engine listens.
    pub endpoint: String,
    /// The engine's version.
    pub engine: String,
    /// The API versions of both sides.
    pub api: Negotiated,
    /// Each service that is meant.
    pub services: Vec<ServiceStatus>,
    /// Containers of the project that are of no service, by name.
    pub orphans: Vec<String>,
    /// What is in the way.
    pub strangers: Vec<Stranger>,
}

/// A service, as it stands.
#[derive(Debug, Clone)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// Its container, or the successor on trial that runs in its place; none if there is none. What its probe said holds no secret.
    pub container: Option<Container>,
    /// Whether a run started a container of it and nobody has seen that ask for a credential since.
    pub unproven: bool,
    /// Whether ComfyUI would ask for a credential if it were started now: its PASSWORD and its plugin, where this machine has them.
    pub checks: Vec<Finding>,
    /// Whether nothing of that failed or is not known.
    locked: bool,
    /// When its token was made or last renewed, RFC 3339; none where nobody knows.
    pub token_since: Option<String>,
    /// How many days ago that was.
    pub token_days: Option<i64>,
}

impl ServiceStatus {
    /// Whether it runs, is not known to be unwell, is as it must be, and would still be guarded after a restart.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let runs = self.container.as_ref().is_some_and(|container| {
            container.state == ContainerState::Running
                && matches!(container.health, None | Some(ContainerHealth::Healthy))
                && container.drift.is_empty()
        });
        runs && self.locked && !self.unproven
    }
}

impl Status {
    /// Whether every service that is meant is well.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.services.iter().all(ServiceStatus::is_well)
    }
}

/// Looks at it.
///
/// # Errors
/// An engine that does not answer; a specification or a source of truth that can't be used.
pub async fn run(stack: &Stack<'_>, world: &World) -> Result<Status, Failure> {
    let spec = stack.spec()?;
    let redaction = Redaction::of(stack.services)?;
    let (seen, facts) = tokio::join!(stack.engine.observe(&spec), stack.engine.facts());
    let (seen, facts) = (seen.map_err(|error| failure(&error))?, facts.map_err(|error| failure(&error))?);
    let mut services = Vec::new();
    for settings in stack.chosen() {
        let name = settings.service.value.clone();
        let source = settings.source.value.load().map_err(|error| disk_failure(&error))?;
        let since = source.as_ref().and_then(|source| source.rotated_at().or(source.created_at())).map(str::to_owned);
        let made = since.as_ref().and_then(|since| since.parse::<jiff::Timestamp>().ok());
        let days = made.map(|made| world.clock.now().duration_since(made).as_hours() / 24);
        let own = || seen.containers.iter().filter(|one| one.service == name);
        // A run that was stopped may have left a successor on trial, which then is the server.
        let next = own().find(|one| one.is_next() && one.is_up());
        let container = seen.of(&name).filter(|one| one.is_up() || next.is_none()).or(next);
        let container = container.cloned().map(|container| without_secrets(container, &redaction));
        let unproven = own().any(|one| unproven(&spec).has(&one.id));
        let mut journey = Journey::new("status", world, &Sink::silent());
        // Folders of another machine can't be looked at, which is no fault of theirs.
        preflight::locked(&mut journey, stack, &spec, &seen, &facts, settings, true).await?;
        let looked = journey.end(None);
        let locked = looked.verdict() == Verdict::Well;
        let checks = looked.findings;
        services.push(ServiceStatus { name, container, unproven, checks, locked, token_since: since, token_days: days });
    }
    Ok(Status {
        project: spec.project.clone(),
        endpoint: stack.engine.endpoint().to_string(),
        engine: facts.version,
        api: stack.engine.negotiated().clone(),
        services,
        orphans: seen.orphans(&spec).map(|orphan| orphan.name.clone()).collect(),
        strangers: seen.strangers,
    })
}

fn without_secrets(mut container: Container, redaction: &Redaction) -> Container {
    if let Some(ContainerHealth::Starting(Some(probe)) | ContainerHealth::Unhealthy(Some(probe))) = &mut container.health {
        probe.output = redaction.text(&probe.output);
    }
    for difference in &mut container.drift {
        for value in [&mut difference.wanted, &mut difference.found].into_iter().flatten() {
            *value = redaction.text(value);
        }
    }
    container
}
