//! Why a container died, is sick, or is not what it should be: facts from the engine, judged one condition at a time, each with its evidence
//! and the command that repairs it.

mod cause;
mod patient;
mod probes;

use std::{
    future::ready,
    path::{Path, PathBuf},
};

use docker_ops::{Engine, ServiceSpec, autopsy::Autopsy};
use report::{Failure, Report, Sink};
use settings::{Settings, World};
use token_sync::scan::{Scanner, Secret};

use crate::{
    checks,
    journey::Journey,
    plugin::{self, Python, Wanted},
    stack::failure,
};

pub(crate) use cause::{Cause, Memory, cause};
#[cfg(test)]
pub(crate) use patient::tests as patients;
pub(crate) use patient::{Cards, Patient};
pub use probes::ContainerPython;

/// What is to be examined.
#[derive(Debug, Clone)]
pub struct Stack<'a> {
    /// The settings of the service, for its source of truth.
    pub settings: &'a Settings,
    /// Compose's project name.
    pub project: String,
    /// What the settings say must run.
    pub wanted: Option<ServiceSpec>,
    /// Where it differs from that, as `up` would see it; why that is not known.
    pub drift: Result<Vec<String>, String>,
    /// The plugin that must be in `custom_nodes`.
    pub plugin: Wanted,
}

/// What else may be known.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The kernel's log, as `dmesg` prints it.
    pub kernel_log: Option<String>,
}

/// Examines every container of the project. An engine that doesn't answer ends it.
pub async fn run(engine: Result<Engine, Failure>, stack: &Stack<'_>, options: &Options, world: &World, sink: &Sink) -> Report {
    let mut journey = Journey::new("stack doctor", world, sink);
    journey.about("project", stack.project.clone());
    let stopped = steps(&mut journey, engine, stack, options, world).await.err();
    journey.end(stopped)
}

async fn steps(
    journey: &mut Journey,
    engine: Result<Engine, Failure>,
    stack: &Stack<'_>,
    options: &Options,
    world: &World,
) -> Result<(), Failure> {
    journey.section("Engine");
    let asked = match &engine {
        Ok(engine) => engine.machine().await.map(|machine| (engine, machine)).map_err(|error| failure(&error)),
        Err(failure) => Err(failure.clone()),
    };
    let endpoint = engine.as_ref().map(|engine| engine.endpoint().to_string()).unwrap_or_default();
    let seen = asked.as_ref().map(|(_, machine)| machine);
    journey.found(ready(checks::engine_reachable(&endpoint, seen, world.clock.now()))).await;
    let (engine, machine) = asked?;
    let containers = engine.containers_of(&stack.project).await.map_err(|error| failure(&error))?;
    if containers.is_empty() {
        journey.found(ready(checks::no_container(&stack.project))).await;
    }
    let secrets = Secrets::of(stack.settings);
    let kills = docker_ops::autopsy::out_of_memory(options.kernel_log.as_deref().unwrap_or_default());
    for (id, name) in containers {
        journey.section(&name);
        let autopsy = engine.autopsy(&id, &machine).await.map_err(|error| failure(&error))?;
        let patient = Patient {
            cards: cards(engine, &autopsy).await,
            kills: kills.iter().filter(|kill| kill.container.as_deref() == Some(&*id)).cloned().collect(),
            has_kernel_log: options.kernel_log.is_some(),
            machine: &machine,
            wanted: stack.wanted.as_ref(),
            scanner: &secrets.scanner,
            token: secrets.token.as_ref(),
            settings: stack.settings,
            autopsy,
        };
        for judge in checks::CONTAINER {
            journey.found(ready(judge(&patient))).await;
        }
        let python = patient.is_running().then(|| ContainerPython::of(engine, &patient.autopsy, stack.wanted.as_ref()));
        let python = python.as_ref().map(|python| python as &dyn Python);
        match custom_nodes(&patient) {
            Some(folder) => journey.found(plugin::verify(&folder, &stack.plugin, python)).await,
            None => journey.found(ready(checks::plugin_unseen())).await,
        };
    }
    journey.found(ready(checks::stack_in_sync(&stack.drift))).await;
    Ok(())
}

/// What must not be shown, and is looked for where everybody reads.
struct Secrets {
    scanner: Scanner,
    token: Option<auth_core::LoginToken>,
}

impl Secrets {
    fn of(settings: &Settings) -> Self {
        let source = settings.source.value.load().ok().flatten();
        let mut secrets = Vec::new();
        if let Some(source) = &source {
            secrets.push(Secret::token("the source of truth", source.token()));
            secrets.extend(source.password().map(|password| Secret::password("the password", password)));
        }
        let token = source.map(|source| source.token().clone());
        Self { scanner: Scanner::new(&secrets, &settings.fingerprint_key()), token }
    }
}

/// Asks for the cards on both sides of the wall; only the pair tells who lost them.
async fn cards(engine: &Engine, autopsy: &Autopsy) -> Cards {
    if !autopsy.gpu.is_some() || autopsy.state.status != "running" {
        return Cards::default();
    }
    Cards { inside: Some(probes::cards(engine, &autopsy.id).await) }
}

/// The host's folder that the container has as its `custom_nodes`; ComfyUI's own where none is mounted.
fn custom_nodes(patient: &Patient<'_>) -> Option<PathBuf> {
    let mount = patient.autopsy.mounts.iter().find(|mount| Path::new(&mount.target).ends_with("custom_nodes"));
    match mount {
        Some(mount) => patient.machine.is_here.then(|| PathBuf::from(&mount.source)),
        None => patient.settings.comfy_dir.as_ref().map(|folder| folder.value.join("custom_nodes")),
    }
}
