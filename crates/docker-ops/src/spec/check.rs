//! What forbids to run a stack, and what speaks against it: judged from the specification alone, before any engine is asked.

use std::{collections::BTreeMap, fmt, net::IpAddr, path::Path, time::Duration};

use super::{Gpu, Image, Probe, Publish, ServiceSpec, StackSpec, secret};
use crate::ImageFacts;

mod flags;
mod image;
mod mounts;

pub use flags::has_flag;

/// The engine's own least memory limit.
const LEAST_MEMORY: u64 = 6 << 20;
/// What Python, torch and ComfyUI need beside what lies in `/dev/shm`.
const HEAD_ROOM: u64 = 1 << 30;
/// The engine refuses less.
const LEAST_INTERVAL: Duration = Duration::from_millis(1);
/// Labels by which Compose and this crate know their objects.
const OUR_LABELS: &[&str] = &["com.docker.", "io.docker.", "org.dockerproject."];
/// Capabilities that make the container's root the machine's.
const MIGHTY: &[&str] = &[
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "NET_ADMIN",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];

/// How bad a [`Violation`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It runs, and should not run so.
    Warn,
    /// It is not run so.
    Refuse,
}

/// A part of a specification that is wrong, or unwise. It never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// How bad it is.
    pub severity: Severity,
    /// The part, such as `services.comfyui.ports[0]`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

impl StackSpec {
    /// What is wrong with it, in the order of its parts. An empty list, or one of warnings alone, can be run.
    #[must_use]
    pub fn check(&self) -> Vec<Violation> {
        let mut found = Found::default();
        if !is_project_name(&self.project) {
            let message = format!("`{}` can't be a project's name", self.project.escape_debug());
            found.refuse("project", message, "use small letters, digits, `-` and `_`, and begin with a letter or digit");
        }
        if !self.working_dir.is_absolute() {
            found.refuse("working_dir", "it is not absolute", "name it from the root of the file system");
        }
        if self.services.is_empty() {
            found.refuse("services", "there are none", "say in `[stack]` what is to run");
        }
        for (name, service) in &self.services {
            let at = format!("services.{name}");
            if !is_service_name(name) {
                let message = format!("`{}` can't be a service's name", name.escape_debug());
                found.refuse(&at, message, "use letters, digits, `-`, `_` and `.`, and begin with a letter or digit");
            }
            self::service(&mut found, &at, service, &self.working_dir);
        }
        shared_ports(&mut found, self);
        found.0
    }

    /// The same, and whether its memory limits leave room on a machine that has `memory` bytes.
    #[must_use]
    pub fn check_on(&self, memory: u64) -> Vec<Violation> {
        let mut found = Found(self.check());
        let limits = self.services.values().filter_map(|service| service.limits.memory);
        let asked = limits.fold(0_u64, u64::saturating_add);
        let for_others = (memory / 10).min(2 * HEAD_ROOM);
        if asked > memory - for_others {
            let message = format!("memory limits of {} MiB on a machine of {} MiB", asked >> 20, memory >> 20);
            let hint = format!("leave {} MiB to the system, or it chooses itself what is killed", for_others >> 20);
            found.warn("services", message, hint);
        }
        found.0
    }

    /// Limits that an engine leaves away since its kernel can't keep them: [`crate::EngineFacts::unbounded`].
    #[must_use]
    pub fn check_bounds(&self, unbounded: &[&str]) -> Vec<Violation> {
        let mut found = Found::default();
        for (name, service) in &self.services {
            let (memory, pids) = (service.limits.memory.is_some(), service.limits.pids.is_some());
            let at = |part: &str| format!("services.{name}.limits.{part}");
            let hint = "start its machine's kernel with `cgroup_enable=memory swapaccount=1`";
            if memory && unbounded.contains(&"memory") {
                found.warn(&at("memory"), "this engine can't bound memory, and leaves the limit away", hint);
            } else if memory && unbounded.contains(&"memory and swap") {
                found.warn(&at("memory"), "this engine can't keep the container from swapping", hint);
            }
            if pids && unbounded.contains(&"processes") {
                let message = "this engine can't bound the number of processes, and leaves the limit away";
                found.warn(&at("pids"), message, "give its machine a kernel with the controller `pids`");
            }
        }
        found.0
    }

    /// What only the images tell, of those that are there: what runs where the specification names no program.
    #[must_use]
    pub fn check_images(&self, images: &BTreeMap<String, ImageFacts>) -> Vec<Violation> {
        let mut found = Found::default();
        for (name, service) in &self.services {
            if let Some(image) = images.get(name) {
                image::check(&mut found, &format!("services.{name}"), service, image);
            }
        }
        found.0
    }

    /// What only the file system of this machine tells: where symbolic links among the mounts lead, and which folder holds a socket or
    /// passwords. It means something only where the engine sees the same folders.
    #[must_use]
    pub fn check_here(&self) -> Vec<Violation> {
        let mut found = Found::default();
        for (name, service) in &self.services {
            mounts::here(&mut found, &format!("services.{name}"), service, &self.working_dir);
        }
        found.0
    }

    /// Secrets in the folders that images are built of, as they are on this machine, if another program builds: it keeps out what
    /// `.dockerignore` names, and no more.
    #[must_use]
    pub fn check_contexts(&self) -> Vec<Violation> {
        let mut found = Found::default();
        for (name, service) in &self.services {
            let Image::Build { context, dockerfile, secrets, .. } = &service.image else { continue };
            // What can't be read, nobody can build of.
            let exposed = crate::apply::exposed(context, dockerfile, secrets).unwrap_or_default();
            let exposed: Vec<String> = exposed.iter().map(|path| format!("`{}`", path.display())).collect();
            if !exposed.is_empty() {
                let message = format!("`.dockerignore` does not keep out of the image {}", exposed.join(", "));
                found.warn(
                    &format!("services.{name}.image"),
                    message,
                    "name it there: Compose sends it, unlike `genai-stack up`",
                );
            }
        }
        found.0
    }
}

/// Violations as they are found.
#[derive(Default)]
struct Found(Vec<Violation>);

impl Found {
    fn refuse(&mut self, field: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Refuse, field, message.into(), hint.into());
    }

    fn warn(&mut self, field: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Warn, field, message.into(), hint.into());
    }

    fn add(&mut self, severity: Severity, field: &str, message: String, hint: String) {
        self.0.push(Violation { severity, field: field.to_owned(), message, hint });
    }
}

fn service(found: &mut Found, at: &str, service: &ServiceSpec, project: &Path) {
    image(found, at, &service.image);
    if service.replicas != 1 {
        let hint = "leave it at 1, and render for a Swarm to have more";
        match service.replicas {
            0 => found.refuse(&format!("{at}.replicas"), "none is to run", hint),
            _ => found.warn(&format!("{at}.replicas"), "only a Swarm runs more than one", hint),
        }
    }
    flags::check(found, at, service);
    secrets(found, at, service);
    ports(found, at, service);
    mounts::check(found, at, service, project);
    health(found, at, service);
    gpu(found, at, service);
    limits(found, at, service);
    if service.logs.max_files == 0 || service.logs.max_bytes == 0 {
        found.refuse(&format!("{at}.logs"), "nothing of its output would be kept", "`10MiB` and 3 files are the usual ones");
    }
    for capability in &service.capabilities {
        let name = capability.to_ascii_uppercase();
        let name = name.strip_prefix("CAP_").unwrap_or(&name);
        if MIGHTY.contains(&name) {
            let message = format!("`{}` lets the container take over the machine", capability.escape_debug());
            found.refuse(&format!("{at}.capabilities"), message, "ComfyUI needs none; at most `CHOWN`, `SETUID` and `SETGID`");
        }
    }
    for name in service.environment.keys().filter(|name| name.is_empty() || name.contains(['=', '\0'])) {
        // What stands behind a `=` may be a secret.
        let shown = name.split('=').next().unwrap_or_default().escape_debug();
        let message = format!("no variable can be called as what begins with `{shown}`");
        found.refuse(&format!("{at}.environment"), message, "write the name alone, and its value behind the `=` of genai.toml");
    }
    if service.environment.get(image::COMPILED).is_some_and(|folder| !folder.is_empty()) {
        let message = "Python may run what lies there, not the plugin's files that were compared";
        found.refuse(&format!("{at}.environment.{}", image::COMPILED), message, "leave it away, or set it to nothing");
    }
    for label in service.labels.keys().filter(|label| OUR_LABELS.iter().any(|ours| label.starts_with(ours))) {
        let message = "such labels say who owns a container";
        found.refuse(&format!("{at}.labels.{label}"), message, "begin it with a name of your own");
    }
}

fn image(found: &mut Found, at: &str, image: &Image) {
    let is_reference = |text: &str| !text.is_empty() && !text.contains(|sign: char| sign.is_whitespace() || sign.is_control());
    let at = format!("{at}.image");
    match image {
        Image::Named { reference, .. } if !is_reference(reference) => {
            found.refuse(&at, "it names no image", "write it as `name:tag` or `name@sha256:…`");
        }
        Image::Build { tag, .. } if !is_reference(tag) => {
            found.refuse(&at, "the built image gets no name", "write it as `name:tag`");
        }
        Image::Build { context, .. } if !context.is_absolute() => {
            found.refuse(&at, "the build's context is not absolute", "name it from the root of the file system");
        }
        Image::Build { dockerfile, .. } if dockerfile.starts_with('/') || dockerfile.split('/').any(|part| part == "..") => {
            found.refuse(&at, "the Dockerfile lies outside of the build's context", "move it into the context");
        }
        _ => {}
    }
}

fn secrets(found: &mut Found, at: &str, service: &ServiceSpec) {
    let mut say = |field: String, what: String, readers: &str| {
        found.refuse(&field, format!("{what}: {readers} can read it"), "put it into a file, and mount the file's folder");
    };
    let inspectors = "whoever may inspect the container";
    let args = match &service.image {
        Image::Build { args, .. } => Some(("image.args", args, "whoever has the image")),
        Image::Named { .. } => None,
    };
    let maps = [("environment", &service.environment, inspectors), ("labels", &service.labels, inspectors)];
    for (part, map, readers) in maps.into_iter().chain(args) {
        for (name, value) in map.iter().filter(|(_, value)| !value.is_empty()) {
            let field = format!("{at}.{part}.{name}");
            match secret::found(value) {
                Some(what) => say(field, format!("it holds {what}"), readers),
                None if secret::is_secret_name(name) => say(field, "it holds a secret, by its name".to_owned(), readers),
                None => {}
            }
        }
    }
    let probe = match &service.health.probe {
        Probe::Command(argv) => argv.as_slice(),
        Probe::Python { .. } | Probe::Host => &[],
    };
    for (part, line) in [("command", &*service.command), ("flags", &*service.flags), ("health.probe", probe)] {
        for (nth, argument) in line.iter().enumerate() {
            let field = format!("{at}.{part}[{nth}]");
            match (secret::found(argument), secret::named_in(argument, line.get(nth + 1).map(String::as_str))) {
                (Some(what), _) => say(field, format!("it holds {what}"), inspectors),
                (None, Some(name)) => say(field, format!("it gives a value to `{name}`"), inspectors),
                (None, None) => {}
            }
        }
    }
}

fn ports(found: &mut Found, at: &str, service: &ServiceSpec) {
    for (nth, port) in service.ports.iter().enumerate() {
        let at = format!("{at}.ports[{nth}]");
        if port.container_port == 0 {
            found.refuse(&at, "no port of the container is named", "name the one that ComfyUI listens on, such as 8188");
        }
        if port.address.is_loopback() {
            continue;
        }
        let message = format!("it publishes {} without a gate", port.address);
        if service.allow_public {
            found.warn(&at, message, "put a proxy with TLS before it, and publish 127.0.0.1");
        } else {
            found.refuse(&at, message, "publish 127.0.0.1, or set `allow_public = true` where other machines may come");
        }
    }
}

/// Ports of the host that two want.
fn shared_ports(found: &mut Found, stack: &StackSpec) {
    let services = stack.services.iter();
    let all: Vec<(String, &Publish)> = services
        .flat_map(|(name, service)| {
            service.ports.iter().enumerate().map(move |(nth, port)| (format!("services.{name}.ports[{nth}]"), port))
        })
        .collect();
    for (nth, (at, port)) in all.iter().enumerate() {
        let clash = |other: &&(String, &Publish)| {
            port.host_port != 0 && other.1.host_port == port.host_port && overlap(other.1.address, port.address)
        };
        if let Some((other, _)) = all[..nth].iter().find(clash) {
            let message = format!("port {} of the host is also that of `{other}`", port.host_port);
            found.refuse(at, message, "give each its own `port`");
        }
    }
}

/// Whether one socket can't listen where the other does. An unspecified IPv6 address may take the IPv4 ones too.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    let all = |address: IpAddr, of: IpAddr| address.is_unspecified() && (address.is_ipv6() || of.is_ipv4());
    one == other || all(one, other) || all(other, one)
}

fn health(found: &mut Found, at: &str, service: &ServiceSpec) {
    let health = &service.health;
    let at = format!("{at}.health");
    if health.interval < LEAST_INTERVAL || health.timeout < LEAST_INTERVAL {
        found.refuse(&at, "an engine takes no interval or timeout below a millisecond", "`10s` and `8s` are the usual ones");
    }
    if health.retries == 0 {
        found.refuse(&format!("{at}.retries"), "no failure would ever count", "3 is the usual number");
    }
    match &health.probe {
        Probe::Command(argv) if argv.first().is_none_or(String::is_empty) => {
            found.refuse(&format!("{at}.probe"), "it names no program", "leave it away for the probe that asks ComfyUI");
        }
        Probe::Python { port, .. } if !service.ports.is_empty() && service.ports.iter().all(|p| p.container_port != *port) => {
            let message = format!("it asks port {port}, which is not published");
            found.warn(&format!("{at}.probe"), message, "probe the port that people use: it is the one that must be guarded");
        }
        _ => {}
    }
}

fn gpu(found: &mut Found, at: &str, service: &ServiceSpec) {
    let at = format!("{at}.gpu");
    match &service.gpu {
        Gpu::None if flags::is_comfyui(service) && !flags::has(service, "--cpu") => {
            found.warn(&at, "it gets no card, and ComfyUI then ends at its start", "set `gpus`, or add the flag `--cpu`");
        }
        Gpu::Count(0) => {
            let message = "0 cards mean all to old engines and none to new ones";
            found.refuse(&at, message, "leave `gpus` away for none");
        }
        Gpu::Ids(ids) => {
            names(found, &at, ids, is_card, "a card's UUID (`GPU-…`, `MIG-…`) or index", "`nvidia-smi -L` lists them");
        }
        Gpu::Cdi(all) => {
            names(found, &at, all, is_cdi, "a device of the Container Device Interface", "write it as `nvidia.com/gpu=0`");
        }
        Gpu::None | Gpu::All | Gpu::Count(_) => {}
    }
}

fn names(found: &mut Found, at: &str, names: &[String], is_one: fn(&str) -> bool, what: &str, hint: &str) {
    if names.is_empty() {
        found.refuse(at, "the list is empty", "leave it away for none");
    }
    for (nth, name) in names.iter().enumerate() {
        if !is_one(name) {
            found.refuse(at, format!("`{}` is not {what}", name.escape_debug()), hint);
        } else if names[..nth].contains(name) {
            found.refuse(at, format!("`{name}` is there twice"), "name each once");
        }
    }
}

fn limits(found: &mut Found, at: &str, service: &ServiceSpec) {
    let limits = &service.limits;
    let at = format!("{at}.limits");
    match limits.memory {
        None => {
            let message = "nothing bounds its memory, so the system chooses what is killed when it runs out";
            found.warn(&format!("{at}.memory"), message, "set `memory` to what the machine has, less 2 GiB for itself");
        }
        Some(memory) => {
            let shm = limits.shm.unwrap_or_default();
            if memory < LEAST_MEMORY {
                found.refuse(&format!("{at}.memory"), "an engine takes no limit below 6 MiB", "write it as `48GiB`");
            } else if memory <= shm {
                let message = "/dev/shm, which counts as memory, may take all of it";
                found.refuse(&format!("{at}.memory"), message, "raise `memory`, or lower `shm`");
            } else if memory < shm.saturating_add(HEAD_ROOM) {
                let message =
                    format!("{} MiB leave no head-room: ComfyUI needs more before it loads a model", (memory - shm) >> 20);
                found.warn(&format!("{at}.memory"), message, "add what the largest model takes, and 4 GiB");
            }
        }
    }
    for (part, is_zero) in
        [("cpus", limits.milli_cpus == Some(0)), ("pids", limits.pids == Some(0)), ("shm", limits.shm == Some(0))]
    {
        if is_zero {
            found.refuse(&format!("{at}.{part}"), "0 means no limit to an engine", "leave it away for no limit");
        }
    }
}

/// Compose's grammar.
fn is_project_name(name: &str) -> bool {
    name.starts_with(|sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit())
        && name.bytes().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || matches!(sign, b'-' | b'_'))
}

fn is_service_name(name: &str) -> bool {
    name.starts_with(|sign: char| sign.is_ascii_alphanumeric())
        && name.bytes().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, b'-' | b'_' | b'.'))
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|sign| sign.is_ascii_hexdigit()))
}

/// An index, a card's or an instance's UUID, or an instance as drivers before 470 name it.
fn is_card(id: &str) -> bool {
    let is_index = |text: &str| !text.is_empty() && text.len() <= 3 && text.bytes().all(|sign| sign.is_ascii_digit());
    let is_instance = |text: &str| {
        let mut parts = text.split('/');
        parts.next().is_some_and(is_uuid)
            && parts.next().is_some_and(is_index)
            && parts.next().is_some_and(is_index)
            && parts.next().is_none()
    };
    is_index(id)
        || id.strip_prefix("MIG-GPU-").is_some_and(is_instance)
        || id.strip_prefix("GPU-").or_else(|| id.strip_prefix("MIG-")).is_some_and(is_uuid)
}

/// `vendor/class=device`
fn is_cdi(name: &str) -> bool {
    let is_word = |text: &str, more: &str| {
        text.starts_with(|sign: char| sign.is_ascii_alphanumeric())
            && text.chars().all(|sign| sign.is_ascii_alphanumeric() || more.contains(sign))
    };
    name.split_once('=').is_some_and(|(kind, device)| {
        is_word(device, "-_.:")
            && kind.split_once('/').is_some_and(|(vendor, class)| is_word(vendor, "-_.") && is_word(class, "-_"))
    })
}

#[cfg(test)]
mod tests;
