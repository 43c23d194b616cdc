//! What is looked at before anything is made. What fails here would fail later, with less to go by and more to clear away.

use std::{
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use auth_core::SourceOfTruth;
use docker_ops::{
    Container, EngineFacts, FolderFacts, Gpu, Identity, Mount, MountRole, Observed, PortFact, ServiceSpec, StackSpec, Toolkit,
};
use report::{Failure, Finding, Outcome};
use settings::{Settings, World};
use token_sync::FileFacts;

use super::{Stack, failure};
use crate::{
    checks::{self, Held},
    journey::Journey,
    plugin::{self, Wanted},
    subject::disk_failure,
};

/// Runs all of it. Whether the start may go on is what the journey then says.
pub(super) async fn run(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    spec: &StackSpec,
    seen: &Observed,
    allow_unseen: bool,
) -> Result<(), Failure> {
    let facts = stack.engine.facts().await.map_err(|error| failure(&error))?;
    journey.about("engine", format!("{} at {}", facts.version, stack.engine.endpoint()));
    let here = if stack.engine.is_local() { spec.check_here() } else { Vec::new() };
    let told = [spec.check_on(facts.memory), spec.check_bounds(&facts.unbounded), spec.check_images(&seen.images), here];
    found(journey, checks::stack_sound(&told.concat())).await;
    for settings in stack.chosen() {
        let name = &settings.service.value;
        let service = &spec.services[name];
        if stack.services.len() > 1 {
            journey.section(&format!("Before {name} starts"));
        }
        let image = seen.images.get(name);
        found(journey, checks::image_available(&service.image, image.is_some())).await;
        found(journey, checks::port_free(&ports(stack, name, service, seen))).await;
        gpu(journey, stack, world, service).await?;
        if !stack.engine.is_local() {
            found(journey, checks::mounts_elsewhere(allow_unseen)).await;
            unseen(journey, service, allow_unseen).await;
            continue;
        }
        found(journey, checks::disk_sufficient(&disk(&facts, service))).await;
        let who = identity(&facts, name, service, seen);
        usable(journey, service, who.clone()).await;
        let what = format!("the service `{name}`");
        guarded(journey, settings, &what, service, who, true).await?;
    }
    Ok(())
}

/// Before containers are started again as they are: only what decides whether ComfyUI would ask for a credential.
pub(super) async fn again(
    journey: &mut Journey,
    stack: &Stack<'_>,
    spec: &StackSpec,
    seen: &Observed,
    allow_unseen: bool,
) -> Result<(), Failure> {
    let facts = stack.engine.facts().await.map_err(|error| failure(&error))?;
    for settings in stack.chosen() {
        locked(journey, stack, spec, seen, &facts, settings, allow_unseen).await?;
    }
    Ok(())
}

/// Whether ComfyUI would ask for a credential if the container of one service were started now, as it is.
pub(super) async fn locked(
    journey: &mut Journey,
    stack: &Stack<'_>,
    spec: &StackSpec,
    seen: &Observed,
    facts: &EngineFacts,
    settings: &Settings,
    allow_unseen: bool,
) -> Result<(), Failure> {
    let name = &settings.service.value;
    let service = &spec.services[name];
    let (what, service, who) = match seen.of(name) {
        Some(container) => {
            let who = container.identity().filter(|_| same_numbers(facts));
            (format!("the container `{}`", container.name), as_it_is(service, container), who)
        }
        None => (format!("the service `{name}`"), service.clone(), identity(facts, name, service, seen)),
    };
    if !stack.engine.is_local() {
        unseen(journey, &service, allow_unseen).await;
        return Ok(());
    }
    guarded(journey, settings, &what, &service, who, false).await
}

/// The service with the mounts that its container has, be they others than those that it would get now. What is at the path of a `login` is one.
fn as_it_is(service: &ServiceSpec, container: &Container) -> ServiceSpec {
    let is_login = |target: &str| service.mounts.iter().any(|one| one.role == MountRole::Login && one.target == target);
    let mounts = container.mounts.iter().map(|(source, target, writes)| Mount {
        role: if is_login(target) { MountRole::Login } else { MountRole::Other },
        source: source.clone(),
        target: target.clone(),
        read_only: !writes,
    });
    ServiceSpec { mounts: mounts.collect(), ..service.clone() }
}

/// What of the login lies in folders that are not ours to look at.
async fn unseen(journey: &mut Journey, service: &ServiceSpec, is_allowed: bool) {
    found(journey, checks::password_elsewhere(is_allowed)).await;
    found(
        journey,
        if service.custom_nodes().is_some() { checks::plugin_elsewhere(is_allowed) } else { checks::plugin_in_image() },
    )
    .await;
}

/// Whether ComfyUI would start with its login: PASSWORD and the plugin are there and can be loaded, and no guest gets in. `what` is to be
/// started; `writes`, whether a missing PASSWORD is written before the start.
async fn guarded(
    journey: &mut Journey,
    settings: &Settings,
    what: &str,
    service: &ServiceSpec,
    who: Option<Identity>,
    writes: bool,
) -> Result<(), Failure> {
    if let Some((path, Held::Token(_, file))) = password(journey, settings, what, service, writes).await? {
        readable(journey, &path, &file, who).await;
    }
    if let Some(login) = login(service) {
        found(journey, checks::guest_mode_off(settings, login)).await;
    }
    plugin(journey, settings, service).await
}

/// Whether the `login` folder that the container has lets guests in by now.
pub(super) async fn lets_guests_in(
    journey: &mut Journey,
    settings: &Settings,
    service: &ServiceSpec,
    container: &Container,
) -> bool {
    let finding = login(&as_it_is(service, container)).map(|login| checks::guest_mode_off(settings, login));
    let Some(finding) = finding.filter(|finding| finding.outcome == Outcome::Fail) else { return false };
    found(journey, finding).await;
    true
}

/// Whether the `login` folder holds PASSWORD: where, and what.
pub(super) async fn password(
    journey: &mut Journey,
    settings: &Settings,
    what: &str,
    service: &ServiceSpec,
    writes: bool,
) -> Result<Option<(PathBuf, Held)>, Failure> {
    let Some(path) = password_file(service) else {
        found(journey, checks::password_unmounted(what)).await;
        return Ok(None);
    };
    let source = settings.source.value.load().map_err(|error| disk_failure(&error))?;
    let held = checks::held_password(&settings.file_at(path.clone()));
    let token = source.as_ref().map(SourceOfTruth::token);
    found(journey, checks::password_before_start(&settings.shown(&path), &held, token, writes)).await;
    Ok(Some((path, held)))
}

/// Whether the user of the image that has just come can use the folders, and read PASSWORD.
pub(super) async fn suits(
    journey: &mut Journey,
    stack: &Stack<'_>,
    spec: &StackSpec,
    seen: &Observed,
    settings: &Settings,
) -> Result<(), Failure> {
    let (name, facts) = (&settings.service.value, stack.engine.facts().await.map_err(|error| failure(&error))?);
    let service = &spec.services[name];
    usable(journey, service, identity(&facts, name, service, seen)).await;
    readable_by(journey, stack, spec, seen, settings).await
}

/// Whether the container's user can use what is mounted.
async fn usable(journey: &mut Journey, service: &ServiceSpec, who: Option<Identity>) {
    let mounts: Vec<(&Mount, FolderFacts)> =
        service.mounts.iter().map(|mount| (mount, docker_ops::folder(&mount.source))).collect();
    found(journey, checks::mounts_usable(&mounts, who)).await;
}

/// Whether the user of the image that is there now can read the PASSWORD that is there now, or that would be written.
pub(super) async fn readable_by(
    journey: &mut Journey,
    stack: &Stack<'_>,
    spec: &StackSpec,
    seen: &Observed,
    settings: &Settings,
) -> Result<(), Failure> {
    let (name, service) = (&settings.service.value, &spec.services[&settings.service.value]);
    let Some(path) = password_file(service) else { return Ok(()) };
    let facts = stack.engine.facts().await.map_err(|error| failure(&error))?;
    let folder = path.parent().map(docker_ops::folder);
    let file = match (checks::held_password(&settings.file_at(path.clone())), folder) {
        (Held::Token(_, file), _) => file,
        // It is made for the owner of its folder alone; in one like `/tmp`, for who writes it.
        (Held::Nothing, Some(FolderFacts::Folder { uid, gid, mode })) if mode & 0o1000 == 0 => {
            FileFacts { uid, gid, mode: 0o600 }
        }
        _ => return Ok(()),
    };
    readable(journey, &path, &file, identity(&facts, name, service, seen)).await;
    Ok(())
}

/// Whether the container's user can read PASSWORD, the `file` at `path`.
async fn readable(journey: &mut Journey, path: &Path, file: &FileFacts, who: Option<Identity>) {
    if let Some(login) = path.parent() {
        found(journey, checks::password_readable_in_container(path, &docker_ops::folder(login), file, who)).await;
    }
}

/// Whether a user has the same number inside as outside; with rootless engines, and those that remap users, it has not.
fn same_numbers(facts: &EngineFacts) -> bool {
    !facts.rootless && !facts.remaps_users
}

/// Who the process of a container that is to be made is on this machine, where that can be told.
fn identity(facts: &EngineFacts, name: &str, service: &ServiceSpec, seen: &Observed) -> Option<Identity> {
    let image = seen.images.get(name);
    let is_known = image.is_some() || service.user.is_some();
    let user = service.user.as_deref().or_else(|| image.and_then(|image| image.user.as_deref()));
    Identity::of(user, &service.capabilities).filter(|_| is_known && same_numbers(facts))
}

/// Where PASSWORD must be before the start.
pub(super) fn password_file(service: &ServiceSpec) -> Option<PathBuf> {
    login(service).map(|login| login.join("PASSWORD"))
}

/// The folder of this machine that is mounted as `login`.
fn login(service: &ServiceSpec) -> Option<&Path> {
    service.mounts.iter().find(|mount| mount.role == MountRole::Login).map(|mount| mount.source.as_path())
}

async fn found(journey: &mut Journey, finding: Finding) -> Outcome {
    journey.found(std::future::ready(finding)).await
}

/// The ports of the service that no container of it holds already.
fn ports(stack: &Stack<'_>, name: &str, service: &ServiceSpec, seen: &Observed) -> Vec<(SocketAddr, PortFact)> {
    let held = |port: u16| {
        let own = seen.containers.iter().filter(|one| one.service == name);
        own.flat_map(|one| &one.ports).any(|published| published.host_port == port)
    };
    let wanted = service.ports.iter().filter(|port| port.host_port != 0 && !held(port.host_port));
    let addresses = wanted.map(|port| SocketAddr::new(port.address, port.host_port));
    addresses.map(|address| (address, stack.engine.port(address))).collect()
}

/// Where images lie, and where pictures go.
fn disk(facts: &EngineFacts, service: &ServiceSpec) -> Vec<(String, docker_ops::Space)> {
    let written = service.mounts.iter().filter(|mount| !mount.read_only).map(|mount| mount.source.clone());
    let places = [PathBuf::from(&facts.root_dir)].into_iter().chain(written);
    places.filter_map(|place| Some((place.display().to_string(), docker_ops::space(&place).ok()?))).collect()
}

async fn gpu(journey: &mut Journey, stack: &Stack<'_>, world: &World, service: &ServiceSpec) -> Result<(), Failure> {
    let trouble = match &service.gpu {
        Gpu::None => None,
        gpu => {
            let facts = docker_ops::gpu_facts(stack.engine).await.map_err(|error| failure(&error))?;
            let here = stack.engine.is_local().then(|| Toolkit::look(OsStr::new(world.var("PATH").unwrap_or_default())));
            docker_ops::gpu_trouble(gpu, &facts, here.as_ref())
        }
    };
    found(journey, checks::gpu_available(&service.gpu, trouble.as_ref())).await;
    Ok(())
}

/// Whether the pinned plugin is where the container's ComfyUI loads it from: without it ComfyUI starts and asks nobody for anything. One
/// that the image brings is seen by what it does, after the start.
pub(super) async fn plugin(journey: &mut Journey, settings: &Settings, service: &ServiceSpec) -> Result<(), Failure> {
    match service.custom_nodes() {
        Some(folder) => {
            let wanted = Wanted::of(settings)?;
            journey.found(plugin::verify(&folder, &wanted, None)).await;
        }
        None => drop(found(journey, checks::plugin_in_image()).await),
    }
    Ok(())
}
