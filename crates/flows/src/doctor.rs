//! Why a container died, is sick, or is not what it should be: facts from the engine, judged one condition at a time, each with its evidence
//! and the command that repairs it.

mod cause;
mod life;
mod patient;
mod probes;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::ready,
    path::{Path, PathBuf},
};

use docker_ops::{
    Engine, ErrorKind, Member, ProjectScope, StackSpec,
    autopsy::{Autopsy, KernelLog, Machine},
};
use report::{Failure, FailureKind, Finding, Report, Sink};
use settings::{Settings, World};

use crate::{
    answers, checks,
    journey::Journey,
    plugin::{self, Inside, Kept, Python, Wanted},
    stack::{elsewhere, failure, redact::Redaction},
};

pub(crate) use cause::{Memory, cause};
pub(crate) use life::last_lines;
#[cfg(test)]
pub(crate) use patient::tests as patients;
pub(crate) use patient::{Cards, Patient};
pub use probes::ContainerPython;

/// What is to be examined.
#[derive(Debug)]
pub struct Stack<'a> {
    /// Whose containers.
    pub project: ProjectScope,
    /// Every service of the project, whether it is meant or not.
    pub services: &'a [Settings],
    /// The services that are meant; all if empty.
    pub only: BTreeSet<String>,
    /// What must run, if somebody wrote it down.
    pub spec: Option<StackSpec>,
    /// The plugin that must be in `custom_nodes`, by service.
    pub plugins: BTreeMap<String, Wanted>,
}

impl<'a> Stack<'a> {
    /// What the settings say of `project`.
    ///
    /// # Errors
    /// A `[stack]` that can't be used.
    pub fn of(project: ProjectScope, services: &'a [Settings], only: BTreeSet<String>) -> Result<Self, Failure> {
        let mut spec = None;
        // As soon as one of them says what runs, each must.
        for settings in services {
            if settings.stack()?.is_some() {
                spec = Some(StackSpec { project: project.name.clone(), ..Settings::stack_spec(services)? });
                break;
            }
        }
        let plugins = services.iter().map(|settings| Ok((settings.service.value.clone(), Wanted::of(settings)?)));
        Ok(Self { plugins: plugins.collect::<Result<_, Failure>>()?, project, services, only, spec })
    }

    fn means(&self, service: &str) -> bool {
        self.only.is_empty() || self.only.contains(service)
    }

    /// The settings that a container goes by: of its service; the first ones for one of a service that nobody wrote down.
    fn settings(&self, service: Option<&str>) -> Result<&'a Settings, Failure> {
        let named = self.services.iter().find(|settings| service == Some(&settings.service.value));
        named.or(self.services.first()).ok_or_else(|| Failure::new(FailureKind::Settings, "there is no service"))
    }
}

/// What else may be known.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The kernel's log, as `journalctl -k -o short-iso` or `dmesg` prints it.
    pub kernel_log: Option<String>,
}

/// Examines every container of the project. An engine that doesn't answer ends it.
pub async fn run(engine: Result<Engine, Failure>, stack: &Stack<'_>, options: &Options, world: &World, sink: &Sink) -> Report {
    let mut journey = Journey::new("stack doctor", world, sink);
    journey.about("project", stack.project.name.clone());
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
    let redaction = Redaction::of(stack.services);
    let containers = engine.members(&stack.project).await.map_err(|error| failure(&error))?;
    if containers.is_empty() {
        let absent = checks::no_container(&stack.project.name, None);
        let other = elsewhere(engine, &stack.project).await?;
        journey.found(ready(other.into_iter().fold(absent, Finding::hint))).await;
    }
    let kernel = options.kernel_log.as_deref().map(|log| KernelLog::read(log, machine.booted));
    let mut seen = BTreeSet::new();
    for member in &containers {
        seen.insert(member.service.clone());
        if member.service.is_empty() || stack.means(&member.service) {
            journey.section(&member.name);
            container(journey, engine, stack, member, &machine, kernel.as_ref(), redaction.as_ref().ok()).await?;
        }
    }
    let wanted = stack.spec.iter().flat_map(|spec| spec.services.keys()).filter(|service| stack.means(service));
    for service in wanted.filter(|service| !containers.is_empty() && !seen.contains(*service)) {
        journey.found(ready(checks::no_container(&stack.project.name, Some(service)))).await;
    }
    journey.found(async { checks::stack_in_sync(&drift(engine, stack, redaction.as_ref()).await) }).await;
    Ok(())
}

/// Examines one container. One that vanishes meanwhile is told, and holds up no other.
async fn container(
    journey: &mut Journey,
    engine: &Engine,
    stack: &Stack<'_>,
    member: &Member,
    machine: &Machine,
    kernel: Option<&KernelLog>,
    redaction: Option<&Redaction>,
) -> Result<(), Failure> {
    let autopsy = match engine.autopsy(&member.id, machine).await {
        Ok(autopsy) => autopsy,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            journey.found(ready(checks::container_vanished(&member.name))).await;
            return Ok(());
        }
        Err(error) => return Err(failure(&error)),
    };
    let settings = stack.settings(autopsy.service.as_deref())?;
    let source = settings.source.value.load().ok().flatten();
    let service = autopsy.service.as_ref().zip(stack.spec.as_ref());
    let patient = Patient {
        cards: cards(engine, &autopsy).await,
        kernel: kernel.map(|log| log.of(&member.id)),
        machine,
        wanted: service.and_then(|(service, spec)| spec.services.get(service)),
        scanner: redaction.map(Redaction::scanner),
        token: source.as_ref().map(auth_core::SourceOfTruth::token),
        settings,
        autopsy,
    };
    for judge in checks::CONTAINER {
        journey.found(ready(judge(&patient))).await;
    }
    let python = patient.is_running().then(|| ContainerPython::of(engine, &patient.autopsy, patient.wanted));
    let python = python.as_ref().map(|python| python as &dyn Python);
    match (custom_nodes(&patient), stack.plugins.get(&settings.service.value)) {
        (CustomNodes::Here(folder), Some(plugin)) => journey.found(plugin::verify(&folder, plugin, python)).await,
        (CustomNodes::Inside(inside), Some(plugin)) => {
            journey.found(plugin::verify_inside(engine, &member.id, &inside, plugin, python)).await
        }
        _ => journey.found(ready(checks::plugin_unseen())).await,
    };
    Ok(())
}

/// Where what runs differs from what must run, as `up` would mend it; why that is not known.
async fn drift(engine: &Engine, stack: &Stack<'_>, redaction: Result<&Redaction, &Failure>) -> Result<Vec<String>, String> {
    let spec = stack.spec.as_ref().ok_or("genai.toml has no `[stack]`")?;
    let redaction = redaction.map_err(Failure::to_string)?;
    let observed = engine.observe(spec).await.map_err(|error| answers::chain(&error))?;
    let mut differences = Vec::new();
    for service in spec.services.keys().filter(|service| stack.means(service)) {
        match observed.of(service) {
            None => differences.push(format!("the service `{service}` has no container")),
            Some(one) => {
                let told = one.drift.iter().map(|difference| redaction.text(&format!("`{}`: {difference}", one.name)));
                differences.extend(told);
            }
        }
    }
    Ok(differences)
}

/// Asks for the cards on both sides of the wall; only the pair tells who lost them.
async fn cards(engine: &Engine, autopsy: &Autopsy) -> Cards {
    if !autopsy.gpu.is_some() || autopsy.state.status != "running" {
        return Cards::default();
    }
    let inside = match probes::cards(engine, &autopsy.id).await {
        Ok(inside) => inside,
        Err(failure) => return Cards { inside: None, unanswered: Some(failure.to_string()) },
    };
    // Who ended meanwhile has lost no card.
    let has_ended = inside.is_err() && engine.glance(&autopsy.id).await.map_or(true, |now| now.state != autopsy.state);
    Cards { inside: Some(inside).filter(|_| !has_ended), unanswered: None }
}

/// Where a container has its `custom_nodes`.
#[derive(Debug, PartialEq, Eq)]
enum CustomNodes {
    /// In this folder of this machine.
    Here(PathBuf),
    /// In a folder of its own.
    Inside(Inside),
    Unknown,
}

/// What the container does not have mounted is not what its ComfyUI loads, whatever lies on this machine.
fn custom_nodes(patient: &Patient<'_>) -> CustomNodes {
    let Some(inside) = patient.autopsy.custom_nodes() else { return CustomNodes::Unknown };
    let folder = Path::new(&inside);
    // The innermost mount shows.
    let mounts = patient.autopsy.mounts.iter().filter(|mount| folder.starts_with(&mount.target));
    let kept = match mounts.max_by_key(|mount| mount.target.len()) {
        Some(mount) if mount.kind == "bind" => {
            let below = folder.strip_prefix(&mount.target).unwrap_or(Path::new(""));
            let source = Path::new(&mount.source).join(below);
            if patient.machine.is_here {
                return CustomNodes::Here(source);
            }
            Kept::Elsewhere(source)
        }
        Some(mount) => Kept::Mount(mount.kind.clone()),
        None => Kept::Image,
    };
    CustomNodes::Inside(Inside { folder: inside, kept })
}

#[cfg(test)]
mod tests {
    use docker_ops::autopsy::{Machine, MountFacts};

    use super::*;

    #[test]
    fn the_plugin_is_looked_at_where_the_container_has_it() {
        let of = |is_here, mounts: &[(&str, &str, &str)]| {
            let machine: &'static Machine = Box::leak(Box::new(Machine { is_here, ..Machine::default() }));
            let mount = |(kind, source, target): &(&str, &str, &str)| {
                let [kind, source, target] = [kind, source, target].map(|&text| text.to_owned());
                MountFacts { kind, source, target, ..MountFacts::default() }
            };
            let mut found = CustomNodes::Unknown;
            let any = |_: &Patient<'_>| checks::plugin_unseen();
            patients::judged(any, |patient| {
                patient.machine = machine;
                patient.autopsy.mounts = mounts.iter().map(mount).collect();
                found = custom_nodes(patient);
            });
            found
        };
        let login = ("bind", "/p/login", "/opt/ComfyUI/login");
        let nodes = ("bind", "/p/custom_nodes", "/opt/ComfyUI/custom_nodes");
        let inside = |kept| CustomNodes::Inside(Inside { folder: "/opt/ComfyUI/custom_nodes".to_owned(), kept });
        assert_eq!(of(true, &[login, nodes]), CustomNodes::Here("/p/custom_nodes".into()));
        assert_eq!(of(true, &[login]), inside(Kept::Image), "the image brings it");
        let all = ("bind", "/p", "/opt/ComfyUI");
        assert_eq!(of(true, &[all, login]), CustomNodes::Here("/p/custom_nodes".into()));
        let volume = ("volume", "/v", "/opt/ComfyUI/custom_nodes");
        assert_eq!(of(true, &[volume, all, login]), inside(Kept::Mount("volume".to_owned())));
        let elsewhere = inside(Kept::Elsewhere("/p/custom_nodes".into()));
        assert_eq!(of(false, &[login, nodes]), elsewhere, "this machine's folder is not the engine's");
        assert_eq!(of(false, &[all, login]), elsewhere);
        assert_eq!(of(true, &[]), CustomNodes::Unknown);
    }
}
