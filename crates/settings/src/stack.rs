//! `[stack]` of `genai.toml`: which container is to run, as the types of `docker-ops`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use docker_ops::{
    Gpu, Health, Image, Limits, LogRotation, Mount, MountRole, Probe, Publish, PullPolicy, Restart, ServiceSpec, StackSpec,
};

use crate::{Described, Error, ErrorKind, Origin, Setting, Settings, file, load::normal};

mod levels;
pub(crate) mod written;

use levels::{Levels, list};
use written::{Folder, Gpus};

/// ComfyUI's port, unless somebody says otherwise.
const PORT: u16 = 8188;
/// ComfyUI's folder in the container, unless somebody says otherwise.
const COMFY_PATH: &str = "/opt/ComfyUI";
/// ComfyUI's folder on the host, unless somebody says otherwise.
const COMFY_DIR: &str = "ComfyUI";
/// ComfyUI's program.
const PROGRAM: &str = "main.py";

/// What `[stack]` says of one service.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The project's name.
    pub project: String,
    /// The service.
    pub service: ServiceSpec,
    /// The plugin that guards it.
    pub plugin: Plugin,
    /// After how long without work the models are unloaded, if that is wanted.
    pub idle_unload: Option<Duration>,
    described: Vec<Described>,
}

/// What is known of the plugin that guards ComfyUI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plugin {
    /// A git URL, a folder or an archive.
    pub source: Option<Setting<String>>,
    /// The commit that is wanted of a git URL.
    pub commit: Option<Setting<String>>,
    /// The digest that its files must have.
    pub digest: Option<Setting<String>>,
    /// Where all of it lies for a machine without a network; absolute.
    pub offline: Option<Setting<PathBuf>>,
}

/// The tables of one service, as they are written, and what they refer to.
#[derive(Debug, Clone)]
pub(crate) struct WrittenStack {
    levels: Levels,
}

impl WrittenStack {
    /// The tables of `service`, from strong to weak.
    pub(crate) fn of(file: &file::File, service: &str, toml: &Path) -> Self {
        let own = file.service.get(service).and_then(|section| section.stack.clone());
        let own = own.map(|table| (table, format!("service.{service}.stack")));
        let top = file.stack.clone().map(|table| (table, "stack".to_owned()));
        WrittenStack { levels: Levels::new(toml, own.into_iter().chain(top).collect()) }
    }
}

impl Stack {
    /// Each of its settings as a person may see it.
    pub(crate) fn describe(self) -> Vec<Described> {
        self.described
    }
}

impl Settings {
    /// What `[stack]` says of this service; `None` if nobody wrote one.
    ///
    /// # Errors
    /// What can't be used, with its place.
    pub fn stack(&self) -> Result<Option<Stack>, Error> {
        let mut levels = self.written_stack.levels.clone();
        if levels.is_empty() {
            return Ok(None);
        }
        let project = self.compose_project(&mut levels)?;
        let mut service = ServiceSpec::new(self.image(&mut levels, &project)?);
        let container_port = levels.pick("stack-container-port", "container_port", |s| s.container_port, PORT);
        (service.command, service.flags) = command(&mut levels, container_port);
        service.environment = levels.merged("stack-environment", "environment", |s| &s.environment);
        service.labels = levels.merged("stack-labels", "labels", |s| &s.labels);
        service.user = levels.optional("stack-user", "user", |s| s.user.clone(), "the image's own").map(|set| set.value);
        service.replicas = levels.pick("stack-replicas", "replicas", |s| s.replicas, service.replicas);
        service.ports = vec![self.port(&mut levels, container_port)];
        service.allow_public = levels.pick("stack-allow-public", "allow_public", |s| s.allow_public, false);
        service.mounts = self.mounts(&mut levels);
        service.gpu = gpu(&mut levels)?;
        service.limits = limits(&mut levels)?;
        service.restart = levels.shown(
            "stack-restart",
            "restart",
            |s| s.restart.map(|word| word.0),
            Restart::default(),
            |rule| match rule {
                Restart::No => "no".to_owned(),
                Restart::Always => "always".to_owned(),
                Restart::OnFailure(None) => "on-failure".to_owned(),
                Restart::OnFailure(Some(count)) => format!("on-failure:{count}"),
                _ => "unless-stopped".to_owned(),
            },
        );
        service.stop_grace = levels.length("stack-stop-grace", "stop_grace", |s| s.stop_grace, service.stop_grace);
        let capabilities = |kept: &Vec<String>| list(kept.iter());
        service.capabilities =
            levels.shown("stack-capabilities", "capabilities", |s| s.capabilities.clone(), Vec::new(), capabilities);
        service.read_only_root = levels.pick("stack-read-only-root", "read_only_root", |s| s.read_only_root, false);
        service.health = health(&mut levels, container_port);
        service.logs = logs(&mut levels);
        let minutes = |minutes: &Option<u32>| minutes.map_or("off".to_owned(), |minutes| format!("after {minutes} minutes"));
        let idle = levels.shown(
            "stack-idle-unload",
            "idle_unload_minutes",
            |s| s.idle_unload_minutes.map(|minutes| Some(minutes).filter(|minutes| *minutes > 0)),
            None,
            minutes,
        );
        let plugin = self.plugin(&mut levels)?;
        let idle_unload = idle.map(|minutes| Duration::from_secs(u64::from(minutes) * 60));
        Ok(Some(Stack { project, service, plugin, idle_unload, described: levels.described() }))
    }

    /// The project of all these services.
    ///
    /// # Errors
    /// As [`Settings::stack`]; and a service of which `genai.toml` says nothing.
    pub fn stack_spec(services: &[Settings]) -> Result<StackSpec, Error> {
        let mut spec = StackSpec { project: String::new(), working_dir: PathBuf::new(), services: BTreeMap::new() };
        for settings in services {
            let name = &settings.service.value;
            let stack = settings.stack()?.ok_or_else(|| {
                let toml = settings.project.value.join(file::NAME);
                Error::new(ErrorKind::Stack, format!("`{}` has no `[stack]` for the service `{name}`", toml.display()))
                    .hint("say there what is to run: docs/reference/stack.md has an example")
            })?;
            spec.project = stack.project;
            spec.working_dir.clone_from(&settings.project.value);
            spec.services.insert(name.clone(), stack.service);
        }
        Ok(spec)
    }

    fn compose_project(&self, levels: &mut Levels) -> Result<String, Error> {
        levels.forbid_in_service("project", |s| s.project.is_some())?;
        let folder = StackSpec::project_of(&self.project.value);
        let project = levels.pick("stack-project", "project", |s| s.project.clone(), folder);
        if project.is_empty() {
            let message = format!("no name for the project can be made of `{}`", self.project.value.display());
            return Err(Error::new(ErrorKind::Stack, message).hint("write `project = \"NAME\"` into `[stack]`"));
        }
        Ok(project)
    }

    /// The strongest level that names an image or a build says which.
    fn image(&self, levels: &mut Levels, project: &str) -> Result<Image, Error> {
        let root = &self.project.value;
        levels.forbid_both("image", "build", |s| s.image.is_some(), |s| s.build.is_some())?;
        let named = levels.first(|s| s.image.is_some() || s.build.is_some());
        let built = named.is_some_and(|table| table.build.is_some());
        if !built {
            let reference = levels.optional("stack-image", "image", |s| s.image.clone(), "(none)");
            let reference = reference
                .ok_or_else(|| levels.error("names neither `image` nor `build`").hint("write `image = \"NAME:TAG\"`"))?;
            let shown = |pull: &PullPolicy| match pull {
                PullPolicy::Never => "never",
                PullPolicy::Always => "always",
                _ => "missing",
            };
            let pull =
                levels.shown("stack-pull", "pull", |s| s.pull.map(|word| word.0), PullPolicy::Missing, |p| shown(p).to_owned());
            return Ok(Image::Named { reference: reference.value, pull });
        }
        let folder = |s: &written::Stack| s.build.as_ref().and_then(|build| build.context.clone());
        let context = levels.pick("stack-build-context", "build.context", folder, ".".to_owned());
        let dockerfile = |s: &written::Stack| s.build.as_ref().and_then(|build| build.dockerfile.clone());
        let dockerfile = levels.pick("stack-build-dockerfile", "build.dockerfile", dockerfile, "Dockerfile".to_owned());
        let tag = |s: &written::Stack| s.build.as_ref().and_then(|build| build.tag.clone());
        let tag = levels.pick("stack-build-tag", "build.tag", tag, format!("{project}-{}", self.service.value));
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        let args = levels.merged("stack-build-args", "build.args", |s| s.build.as_ref().map_or(&NONE, |build| &build.args));
        Ok(Image::Build { tag, context: normal(&root.join(context)), dockerfile, args, secrets: self.token_files() })
    }

    /// Where the service's URL points, if that is this machine.
    fn port(&self, levels: &mut Levels, container_port: u16) -> Publish {
        let of_url = || {
            let url = url::Url::parse(&self.url.value).ok()?;
            let here = match url.host()? {
                url::Host::Ipv4(address) => address.is_loopback(),
                url::Host::Ipv6(address) => address.is_loopback(),
                url::Host::Domain(name) => name == "localhost",
            };
            url.port_or_known_default().filter(|_| here).map(|value| Setting { value, origin: self.url.origin.clone() })
        };
        let default = of_url().unwrap_or(Setting { value: PORT, origin: Origin::Default });
        Publish {
            host_port: levels.or_setting("stack-port", "port", |s| s.port, default),
            address: levels.pick("stack-address", "address", |s| s.address, IpAddr::V4(Ipv4Addr::LOCALHOST)),
            container_port,
        }
    }

    fn mounts(&self, levels: &mut Levels) -> Vec<Mount> {
        let root = &self.project.value;
        let comfy = levels.pick("stack-comfy-path", "comfy_path", |s| s.comfy_path.clone(), COMFY_PATH.to_owned());
        let base = self.comfy_dir.as_ref().map_or_else(|| root.join(COMFY_DIR), |set| set.value.clone());
        type Key = fn(&written::Mounts) -> &Option<Folder>;
        let known: [(&'static str, &str, MountRole, &str, Key); 6] = [
            ("stack-login", "login", MountRole::Login, "login", |m| &m.login),
            ("stack-models", "models", MountRole::Models, "models", |m| &m.models),
            ("stack-outputs", "outputs", MountRole::Outputs, "output", |m| &m.outputs),
            ("stack-custom-nodes", "custom_nodes", MountRole::CustomNodes, "custom_nodes", |m| &m.custom_nodes),
            ("stack-input", "input", MountRole::Workspace, "input", |m| &m.input),
            ("stack-user-folder", "user", MountRole::Workspace, "user", |m| &m.user),
        ];
        let mut mounts = Vec::new();
        for (name, key, role, folder, of) in known {
            let written = |s: &written::Stack| {
                of(&s.mounts).as_ref().map(|folder| match folder {
                    Folder::Off => None,
                    Folder::At(path) => Some(normal(&root.join(path))),
                })
            };
            let shown = |path: &Option<PathBuf>| path.as_ref().map_or("off".to_owned(), |path| self.shown(path));
            let source = levels.shown(name, &format!("mounts.{key}"), written, Some(base.join(folder)), shown);
            // The plugin reads its PASSWORD and writes it only to let a stranger set one.
            let read_only = matches!(role, MountRole::Login | MountRole::Models);
            mounts.extend(source.map(|source| Mount { role, source, target: target(&format!("{comfy}/{folder}")), read_only }));
        }
        let shown = |extra: &Vec<written::Extra>| list(extra.iter().map(|one| format!("{} at {}", one.source, one.target)));
        let extra = levels.shown("stack-extra-mounts", "mounts.extra", |s| s.mounts.extra.clone(), Vec::new(), shown);
        mounts.extend(extra.into_iter().map(|one| Mount {
            role: MountRole::Other,
            source: normal(&root.join(one.source)),
            target: target(&one.target),
            read_only: one.read_only.unwrap_or(true),
        }));
        mounts
    }

    fn plugin(&self, levels: &mut Levels) -> Result<Plugin, Error> {
        let source = levels.optional("stack-plugin-source", "plugin.source", |s| s.plugin.source.clone(), "(none)");
        let holds_password = |text: &str| url::Url::parse(text).is_ok_and(|url| url.password().is_some());
        if let Some(set) = source.as_ref().filter(|set| holds_password(&set.value)) {
            let message = format!("the plugin's source holds a password (from {})", set.origin);
            return Err(Error::new(ErrorKind::Stack, message).hint("name it without, and let git ask its credential helper"));
        }
        let offline = levels.optional("stack-plugin-offline", "plugin.offline", |s| s.plugin.offline.clone(), "(none)");
        Ok(Plugin {
            source,
            commit: levels.optional("stack-plugin-commit", "plugin.commit", |s| s.plugin.commit.clone(), "(none)"),
            digest: levels.optional("stack-plugin-digest", "plugin.digest", |s| s.plugin.digest.clone(), "(none)"),
            offline: offline.map(|set| Setting { value: normal(&self.project.value.join(set.value)), origin: set.origin }),
        })
    }
}

/// A path in the container as an engine writes it: without what means nothing, such as a `/` at its end.
fn target(path: &str) -> String {
    Path::new(path).components().collect::<PathBuf>().display().to_string()
}

/// The command and ComfyUI's flags. Where ComfyUI is started by a line that is known, it listens to the host: in a container, 127.0.0.1 is
/// the container's own.
fn command(levels: &mut Levels, container_port: u16) -> (Vec<String>, Vec<String>) {
    let shown = |words: &Vec<String>| if words.is_empty() { "the image's own".to_owned() } else { line(words) };
    let command = levels.shown("stack-command", "command", |s| s.command.clone(), Vec::new(), shown);
    let given = levels.first(|s| s.flags.is_some()).is_some();
    let is_comfyui = given || command.iter().any(|word| word == PROGRAM || word.ends_with(&format!("/{PROGRAM}")));
    let has = |flags: &[String], name: &str| [&command, flags].into_iter().any(|line| docker_ops::has_flag(line, name));
    let complete = |mut flags: Vec<String>| {
        if is_comfyui && !has(&flags, "--listen") {
            flags.extend(["--listen".to_owned(), "0.0.0.0".to_owned()]);
        }
        if is_comfyui && container_port != PORT && !has(&flags, "--port") {
            flags.extend(["--port".to_owned(), container_port.to_string()]);
        }
        flags
    };
    let shown = |flags: &Vec<String>| if flags.is_empty() { "(none)".to_owned() } else { line(flags) };
    let flags = levels.shown("stack-flags", "flags", |s| s.flags.clone().map(complete), complete(Vec::new()), shown);
    (command, flags)
}

/// A command line as a person may see it.
fn line(words: &[String]) -> String {
    if docker_ops::holds_secret(words) { "(not shown: it holds a secret)".to_owned() } else { words.join(" ") }
}

/// The strongest level that names cards says which, by either key.
fn gpu(levels: &mut Levels) -> Result<Gpu, Error> {
    levels.forbid_both("gpus", "cdi", |s| s.gpus.is_some(), |s| s.cdi.is_some())?;
    let by_name = levels.first(|s| s.gpus.is_some() || s.cdi.is_some()).is_some_and(|table| table.cdi.is_some());
    if by_name {
        let names = levels.shown("stack-cdi", "cdi", |s| s.cdi.clone(), Vec::new(), |names| list(names.iter()));
        return Ok(Gpu::Cdi(names));
    }
    let of = |gpus: Gpus| match gpus {
        Gpus::All => Gpu::All,
        Gpus::Count(count) => Gpu::Count(count),
        Gpus::Ids(ids) => Gpu::Ids(ids),
    };
    let shown = |gpu: &Gpu| match gpu {
        Gpu::All => "all".to_owned(),
        Gpu::Count(count) => format!("the first {count}"),
        Gpu::Ids(ids) => list(ids.iter()),
        _ => "(none)".to_owned(),
    };
    Ok(levels.shown("stack-gpus", "gpus", |s| s.gpus.clone().map(of), Gpu::None, shown))
}

fn limits(levels: &mut Levels) -> Result<Limits, Error> {
    let cpus = levels.optional("stack-cpus", "cpus", |s| s.cpus, "(none)");
    let milli_cpus = match cpus {
        // More than an engine can count, or none at all.
        Some(set) if !(0.001..=1_000_000.0).contains(&set.value) => {
            return Err(Error::new(ErrorKind::Stack, format!("{} processors can't be (from {})", set.value, set.origin))
                .hint("write how many, such as `8.0`"));
        }
        Some(set) => Some((set.value * 1000.0).round() as u64),
        None => None,
    };
    Ok(Limits {
        memory: levels.optional_size("stack-memory", "memory", |s| s.memory),
        shm: levels.optional_size("stack-shm", "shm", |s| s.shm),
        milli_cpus,
        pids: levels.optional("stack-pids", "pids", |s| s.pids, "(none)").map(|set| set.value),
    })
}

fn health(levels: &mut Levels, port: u16) -> Health {
    let usual = Health::default();
    let python = levels.pick("stack-health-python", "health.python", |s| s.health.python.clone(), "python3".to_owned());
    let of = |probe: written::Probe| match probe {
        written::Probe::Python => Probe::Python { interpreter: python.clone(), port },
        written::Probe::Host => Probe::Host,
        written::Probe::Command(argv) => Probe::Command(argv),
    };
    let shown = |probe: &Probe| match probe {
        Probe::Command(argv) => line(argv),
        Probe::Host => "host".to_owned(),
        _ => "python".to_owned(),
    };
    let probe = |s: &written::Stack| s.health.probe.clone().map(of);
    Health {
        probe: levels.shown("stack-health-probe", "health.probe", probe, of(written::Probe::Python), shown),
        interval: levels.length("stack-health-interval", "health.interval", |s| s.health.interval, usual.interval),
        timeout: levels.length("stack-health-timeout", "health.timeout", |s| s.health.timeout, usual.timeout),
        retries: levels.pick("stack-health-retries", "health.retries", |s| s.health.retries, usual.retries),
        start_period: levels.length(
            "stack-health-start-period",
            "health.start_period",
            |s| s.health.start_period,
            usual.start_period,
        ),
    }
}

fn logs(levels: &mut Levels) -> LogRotation {
    let usual = LogRotation::default();
    LogRotation {
        max_bytes: levels.size("stack-logs-max-size", "logs.max_size", |s| s.logs.max_size, usual.max_bytes),
        max_files: levels.pick("stack-logs-max-files", "logs.max_files", |s| s.logs.max_files, usual.max_files),
    }
}

#[cfg(test)]
mod tests;
