//! Where a container differs from what would be made now, field by field.
//!
//! What is wanted and what was found are written down in the same words, one trait a line, and the lines compared. So a field that an
//! engine fills in by itself is known here, once, or it shows up as a difference at the second `up`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use bollard::models::{ContainerConfig, ContainerCreateBody, DeviceRequest, HealthConfig, HostConfig, MountPoint};

use super::{ImageFacts, container::Seen};
use crate::holds_secret;

/// `/dev/shm` where nobody says how large it is.
const USUAL_SHM: i64 = 64 << 20;
/// Labels that tell how a container came to be, not what it is.
const OF_ITS_MAKING: &[&str] = &["com.docker.compose.config-hash", "com.docker.compose.version", "com.docker.compose.image"];

/// A field in which a container is other than its specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field, such as `memory` or `mount /app/login`.
    pub field: String,
    /// What it must be; `None` if there must be nothing.
    pub wanted: Option<String>,
    /// What it is. Never the value of a variable, which may be a secret that somebody put there, nor anything that looks like one.
    pub found: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wanted, found) = (self.wanted.as_deref().unwrap_or("nothing"), self.found.as_deref().unwrap_or("nothing"));
        write!(f, "{} is {found}, must be {wanted}", self.field)
    }
}

type Traits = BTreeMap<String, String>;

/// Where what was `seen` differs from what `body` would make. `own` is the image that the container was made of, if it is still there.
pub(super) fn difference(
    body: &ContainerCreateBody,
    seen: &Seen,
    image: &ImageFacts,
    own: Option<&ImageFacts>,
    network: &str,
) -> Vec<Difference> {
    let config = ContainerConfig {
        user: body.user.clone(),
        env: body.env.clone(),
        entrypoint: body.entrypoint.clone(),
        cmd: body.cmd.clone(),
        healthcheck: body.healthcheck.clone(),
        stop_timeout: body.stop_timeout,
        labels: body.labels.clone(),
        ..ContainerConfig::default()
    };
    let host = body.host_config.clone().unwrap_or_default();
    let binds = host.mounts.iter().flatten().map(|mount| MountPoint {
        source: mount.source.clone(),
        destination: mount.target.clone(),
        rw: mount.read_only.map(|read_only| !read_only),
        ..MountPoint::default()
    });
    let mut wanted = traits(&config, &host, binds, network);
    // What a container takes over from its image shows as its own. Of another image it is not compared: that is difference enough.
    inherit(&mut wanted, &config, own);
    let seen_binds = seen.mounts.iter().filter(|mount| mount.typ.as_deref().is_none_or(|kind| kind == "bind"));
    let mut found = traits(&seen.config, &seen.host, seen_binds.cloned(), network);
    wanted.insert("image".to_owned(), short(&image.id));
    found.insert("image".to_owned(), short(&seen.image_id));
    let labels = |key: &str| !key.starts_with("label ") || wanted.contains_key(key);
    let inherited = |key: &str| own.is_some() || wanted.contains_key(key) || !INHERITED.iter().any(|part| key.starts_with(part));
    found.retain(|key, _| labels(key) && inherited(key));
    let fields: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    fields
        .into_iter()
        .filter(|field| wanted.get(*field) != found.get(*field))
        .map(|field| {
            let (wanted, found) = (wanted.get(field).cloned(), found.get(field).cloned());
            let hides =
                field.starts_with("variable ") || [&wanted, &found].into_iter().flatten().any(|it| looks_secret(field, it));
            let shown = |value: Option<String>, instead: &str| value.map(|it| if hides { instead.to_owned() } else { it });
            Difference {
                field: field.clone(),
                wanted: shown(wanted, "the value of the specification"),
                found: shown(found, "another value"),
            }
        })
        .collect()
}

/// Whether a value holds what looks like a secret: in itself, or by the name that stands before it, which may be the label's.
fn looks_secret(field: &str, value: &str) -> bool {
    let name = field.strip_prefix("label ").unwrap_or_default();
    let is_between = |sign: char| sign.is_whitespace() || matches!(sign, '"' | '\'' | '[' | ']' | ',' | '`' | '\\');
    let words: Vec<&str> = std::iter::once(name).chain(value.split(is_between)).filter(|word| !word.is_empty()).collect();
    let pairs = words.windows(2).map(|pair| pair.join("="));
    holds_secret(&pairs.chain([value.to_owned()]).collect::<Vec<_>>())
}

/// Fields that an image may decide.
const INHERITED: [&str; 3] = ["command", "user", "variable "];

fn inherit(wanted: &mut Traits, config: &ContainerConfig, own: Option<&ImageFacts>) {
    let Some(own) = own else {
        if config.entrypoint.is_none() {
            wanted.remove("command");
        }
        return;
    };
    let entrypoint = config.entrypoint.as_ref().filter(|line| !line.is_empty());
    let own_cmd = if entrypoint.is_some() { None } else { Some(&own.cmd) };
    let cmd = config.cmd.as_ref().filter(|line| !line.is_empty()).or(own_cmd);
    insert(wanted, "command", line(entrypoint.unwrap_or(&own.entrypoint), cmd));
    if let Some(user) = own.user.clone().filter(|_| config.user.as_ref().is_none_or(String::is_empty)) {
        wanted.insert("user".to_owned(), user);
    }
    for (key, value) in variables(&own.env) {
        wanted.entry(key).or_insert(value);
    }
}

fn traits(config: &ContainerConfig, host: &HostConfig, binds: impl Iterator<Item = MountPoint>, network: &str) -> Traits {
    let mut all = Traits::new();
    insert(&mut all, "command", line(config.entrypoint.as_deref().unwrap_or_default(), config.cmd.as_ref()));
    insert(&mut all, "user", config.user.clone().filter(|user| !user.is_empty()));
    all.extend(variables(config.env.as_deref().unwrap_or_default()));
    insert(&mut all, "health probe", config.healthcheck.as_ref().and_then(health));
    insert(&mut all, "time to stop", config.stop_timeout.map(|seconds| format!("{seconds} s")));
    for (key, value) in config.labels.iter().flatten().filter(|(key, _)| !OF_ITS_MAKING.contains(&key.as_str())) {
        all.insert(format!("label {key}"), value.clone());
    }
    let positive = |number: Option<i64>| number.filter(|number| *number > 0);
    let bytes = |number: Option<i64>| positive(number).map(|bytes| format!("{bytes} bytes"));
    insert(&mut all, "memory", bytes(host.memory));
    insert(&mut all, "memory and swap", bytes(host.memory_swap));
    insert(&mut all, "/dev/shm", bytes(host.shm_size.filter(|bytes| *bytes != USUAL_SHM)));
    insert(&mut all, "processors", positive(host.nano_cpus).map(|nano| format!("{}", nano as f64 / 1e9)));
    insert(&mut all, "processes", positive(host.pids_limit).map(|pids| pids.to_string()));
    insert(
        &mut all,
        "restart policy",
        host.restart_policy.as_ref().and_then(|policy| {
            let name = policy.name.map(|name| name.to_string()).filter(|name| !name.is_empty() && name != "no")?;
            Some(match positive(policy.maximum_retry_count) {
                Some(most) => format!("{name}, {most} times"),
                None => name,
            })
        }),
    );
    insert(
        &mut all,
        "log",
        host.log_config.as_ref().map(|log| {
            let options: BTreeMap<_, _> = log.config.iter().flatten().collect();
            let options: Vec<_> = options.iter().map(|(key, value)| format!("{key} {value}")).collect();
            format!("{} {}", log.typ.as_deref().unwrap_or_default(), options.join(", ")).trim().to_owned()
        }),
    );
    insert(&mut all, "capabilities", list(capabilities(host.cap_add.as_deref())));
    insert(&mut all, "dropped capabilities", list(capabilities(host.cap_drop.as_deref())));
    insert(&mut all, "security options", list(host.security_opt.iter().flatten().cloned()));
    insert(&mut all, "root file system", host.readonly_rootfs.filter(|set| *set).map(|_| "read only".to_owned()));
    insert(
        &mut all,
        "temporary file systems",
        list(host.tmpfs.iter().flatten().map(|(path, options)| format!("{path}:{options}").trim_end_matches(':').to_owned())),
    );
    insert(&mut all, "init process", host.init.filter(|set| *set).map(|_| "on".to_owned()));
    insert(&mut all, "privileges", host.privileged.filter(|set| *set).map(|_| "all".to_owned()));
    insert(&mut all, "cards", list(cards(host)));
    // An engine shows the network by its name or by its id.
    insert(&mut all, "network", host.network_mode.clone().filter(|mode| mode != network && is_a_mode(mode)));
    for mount in binds {
        let (source, target) = (mount.source.unwrap_or_default(), mount.destination.unwrap_or_default());
        let writes = if mount.rw == Some(false) { ", read only" } else { "" };
        all.insert(format!("mount {target}"), format!("`{source}`{writes}"));
    }
    for (port, bindings) in host.port_bindings.iter().flatten() {
        let bindings = bindings.iter().flatten().map(|binding| {
            let chosen = binding.host_port.as_deref().filter(|port| !port.is_empty() && *port != "0");
            format!("{}:{}", binding.host_ip.as_deref().unwrap_or_default(), chosen.unwrap_or("any"))
        });
        insert(&mut all, &format!("port {port}"), list(bindings));
    }
    all
}

/// Whether it is one of the modes that are no network, such as `host`.
fn is_a_mode(mode: &str) -> bool {
    matches!(mode, "default" | "bridge" | "host" | "none") || mode.starts_with("container:")
}

fn insert(all: &mut Traits, field: &str, value: Option<String>) {
    if let Some(value) = value {
        all.insert(field.to_owned(), value);
    }
}

/// In an order of its own, whatever the engine's; `None` if there is nothing.
fn list(items: impl IntoIterator<Item = String>) -> Option<String> {
    let items: BTreeSet<String> = items.into_iter().collect();
    (!items.is_empty()).then(|| items.into_iter().collect::<Vec<_>>().join(", "))
}

fn line(entrypoint: &[String], cmd: Option<&Vec<String>>) -> Option<String> {
    let words: Vec<&String> = entrypoint.iter().chain(cmd.into_iter().flatten()).collect();
    (!words.is_empty()).then(|| format!("{words:?}"))
}

fn variables(env: &[String]) -> impl Iterator<Item = (String, String)> {
    env.iter().map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (format!("variable {key}"), value.to_owned())
    })
}

fn capabilities(names: Option<&[String]>) -> impl Iterator<Item = String> {
    names.unwrap_or_default().iter().map(|name| name.strip_prefix("CAP_").unwrap_or(name).to_owned())
}

fn health(health: &HealthConfig) -> Option<String> {
    let test = health.test.as_ref().filter(|test| !test.is_empty() && test[0] != "NONE")?;
    let time = |nanoseconds: Option<i64>| Duration::from_nanos(nanoseconds.unwrap_or_default().try_into().unwrap_or_default());
    let (every, at_most, at_first) = (time(health.interval), time(health.timeout), time(health.start_period));
    Some(format!(
        "{test:?} every {every:?}, {at_most:?} at most, {} times, not in the first {at_first:?}",
        health.retries.unwrap_or_default()
    ))
}

/// The cards that a container asks for, in words.
pub(super) fn gpus(host: &HostConfig) -> Vec<String> {
    let words = |request: &DeviceRequest| {
        let driver = request.driver.as_deref().filter(|driver| !driver.is_empty()).unwrap_or("nvidia");
        match (request.count, request.device_ids.as_deref().unwrap_or_default()) {
            (Some(-1), _) => format!("{driver}: all"),
            (Some(count), []) if count > 0 => format!("{driver}: {count}"),
            (_, ids) => format!("{driver}: {}", ids.join(" ")),
        }
    };
    host.device_requests.iter().flatten().map(words).collect()
}

/// The same with what of the driver comes along: with less of it `nvidia-smi` or CUDA are missing.
fn cards(host: &HostConfig) -> impl Iterator<Item = String> {
    let capable = |request: &DeviceRequest| list(request.capabilities.iter().flatten().flatten().cloned());
    let requests = host.device_requests.iter().flatten();
    gpus(host).into_iter().zip(requests).map(move |(words, request)| match capable(request) {
        Some(capabilities) => format!("{words} ({capabilities})"),
        None => words,
    })
}

fn short(id: &str) -> String {
    let digest = id.strip_prefix("sha256:").unwrap_or(id);
    digest.get(..12).unwrap_or(digest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Image, ServiceSpec, StackSpec, create, labels};

    fn spec(change: impl FnOnce(&mut ServiceSpec)) -> StackSpec {
        let image = Image::Named { reference: "comfyui".into(), pull: crate::PullPolicy::Never };
        let mut service = ServiceSpec::new(image);
        service.environment.insert("MODE".into(), "fast".into());
        change(&mut service);
        StackSpec { project: "p".into(), working_dir: "/p".into(), services: [("ui".to_owned(), service)].into() }
    }

    /// What an engine would show of a container that is made of `spec`.
    fn made(spec: &StackSpec, image: &ImageFacts) -> (ContainerCreateBody, Seen) {
        let body = create::body(spec, "ui", &spec.services["ui"], image);
        let env = [&image.env[..], body.env.as_deref().unwrap_or_default()].concat();
        let config = ContainerConfig {
            env: Some(env),
            cmd: body.cmd.clone().or(body.entrypoint.is_none().then(|| image.cmd.clone())),
            entrypoint: body.entrypoint.clone().or(Some(image.entrypoint.clone())),
            user: body.user.clone().or(image.user.clone()),
            healthcheck: body.healthcheck.clone(),
            stop_timeout: body.stop_timeout,
            labels: body.labels.clone(),
            ..ContainerConfig::default()
        };
        let host = body.host_config.clone().unwrap_or_default();
        let mounts = host.mounts.iter().flatten().map(|mount| MountPoint {
            source: mount.source.clone(),
            destination: mount.target.clone(),
            rw: mount.read_only.map(|read_only| !read_only),
            ..MountPoint::default()
        });
        let seen = Seen { image_id: image.id.clone(), config, mounts: mounts.collect(), host, ..Seen::default() };
        (body, seen)
    }

    fn image() -> ImageFacts {
        ImageFacts {
            id: "sha256:0123456789abcdef".into(),
            env: vec!["PATH=/bin".into()],
            entrypoint: vec!["python3".into()],
            cmd: vec!["main.py".into()],
            ..ImageFacts::default()
        }
    }

    #[test]
    fn what_was_made_of_it_differs_in_nothing() {
        let spec = spec(|service| service.flags = vec!["--cpu".into()]);
        let (body, seen) = made(&spec, &image());
        assert_eq!(difference(&body, &seen, &image(), Some(&image()), "p_default"), []);
    }

    #[test]
    fn a_command_takes_the_place_of_entrypoint_and_cmd_and_flags_that_of_cmd() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (command, flags, runs) in [
            ("", "", "python3 main.py"),
            ("", "--cpu", "python3 --cpu"),
            ("uv run main.py", "", "uv run main.py"),
            ("uv run main.py", "--cpu", "uv run main.py --cpu"),
        ] {
            let spec = spec(|service| (service.command, service.flags) = (words(command), words(flags)));
            let (body, seen) = made(&spec, &image());
            assert_eq!(
                [seen.config.entrypoint, seen.config.cmd].into_iter().flatten().flatten().collect::<Vec<_>>(),
                words(runs)
            );
            let drawn = crate::render::compose(&spec);
            let drawn = |key: &str| drawn.lines().find_map(|line| line.trim().strip_prefix(key).map(str::to_owned));
            let given = |words: &Option<Vec<String>>| words.as_ref().map(|words| format!(" {words:?}"));
            assert_eq!([drawn("entrypoint:"), drawn("command:")], [given(&body.entrypoint), given(&body.cmd)], "{runs}");
        }
    }

    #[test]
    fn every_field_that_changed_is_named_and_no_variable_is_shown() {
        let (_, seen) = made(&spec(|_| ()), &image());
        let now = spec(|service| {
            service.environment = [("MODE".to_owned(), "hunter2".to_owned())].into();
            service.limits.memory = Some(1 << 30);
            service.flags = vec!["--cpu".into()];
            service.capabilities = vec!["CHOWN".into()];
            service.ports.push(crate::Publish { address: [127, 0, 0, 1].into(), host_port: 0, container_port: 8188 });
            service.mounts.push(crate::Mount {
                role: crate::MountRole::Login,
                source: "/p/login".into(),
                target: "/app/login".into(),
                read_only: true,
            });
            service.user = Some("1000".into());
        });
        let newer = ImageFacts { id: "sha256:fedcba9876543210".into(), ..image() };
        let (body, _) = made(&now, &newer);
        let told: Vec<_> =
            difference(&body, &seen, &newer, Some(&image()), "p_default").iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        capabilities is nothing, must be CHOWN
        command is ["python3", "main.py"], must be ["python3", "--cpu"]
        image is 0123456789ab, must be fedcba987654
        memory is nothing, must be 1073741824 bytes
        memory and swap is nothing, must be 1073741824 bytes
        mount /app/login is nothing, must be `/p/login`, read only
        port 8188/tcp is nothing, must be 127.0.0.1:any
        user is nothing, must be 1000
        variable MODE is another value, must be the value of the specification
        "#);
    }

    #[test]
    fn what_looks_like_a_secret_is_not_shown_wherever_it_stands() {
        let token = format!("$2b$04${}", "stand1in".repeat(7).get(..53).unwrap());
        for secret in [token.clone(), token.replace('$', "$$"), "hunter2".to_owned()] {
            let now = spec(|service| drop(service.labels.insert("db-password".into(), "changed".into())));
            let (body, mut seen) = made(&now, &image());
            seen.config.cmd = Some(vec!["main.py".into(), "--api-token".into(), secret.clone()]);
            seen.config.entrypoint = Some(vec!["/bin/sh".into(), "-c".into(), format!("TOKEN={secret} exec \"$@\"")]);
            seen.config.labels.get_or_insert_default().insert("db-password".into(), secret.clone());
            let probe = ["CMD-SHELL".to_owned(), format!("curl --user-password '{secret}' 127.0.0.1")];
            seen.config.healthcheck = Some(HealthConfig { test: Some(probe.into()), ..HealthConfig::default() });
            let log = [("splunk-token".to_owned(), secret.clone())].into();
            seen.host.log_config = Some(bollard::models::HostConfigLogConfig { typ: Some("splunk".into()), config: Some(log) });
            let told = difference(&body, &seen, &image(), Some(&image()), "p_default");
            let fields: Vec<_> = told.iter().map(|one| one.field.as_str()).collect();
            assert_eq!(fields, ["command", "health probe", "label db-password", "log"]);
            assert!(told.iter().all(|one| one.found.as_deref() == Some("another value")), "{told:?}");
            assert!(!format!("{told:?}").contains(&secret) && !format!("{told:?}").contains("stand1in"), "{told:?}");
        }
    }

    #[test]
    fn cards_with_less_of_the_driver_are_others() {
        let spec = spec(|service| service.gpu = crate::Gpu::Count(1));
        let (body, mut seen) = made(&spec, &image());
        // As an engine writes it out.
        let request = |capabilities: &[&str]| DeviceRequest {
            driver: Some("nvidia".into()),
            count: Some(1),
            device_ids: Some(Vec::new()),
            capabilities: Some(vec![capabilities.iter().map(|&one| one.to_owned()).collect()]),
            options: Some([].into()),
        };
        let mut told = |capabilities| {
            seen.host.device_requests = Some(vec![request(capabilities)]);
            difference(&body, &seen, &image(), None, "p_default").iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(told(&["utility", "gpu", "compute"]).is_empty());
        assert_eq!(told(&["gpu"]), ["cards is nvidia: 1 (gpu), must be nvidia: 1 (compute, gpu, utility)"]);
    }

    #[test]
    fn an_engine_may_spell_the_same_otherwise() {
        let spec = spec(|service| service.capabilities = vec!["CHOWN".into()]);
        let (body, mut seen) = made(&spec, &image());
        seen.host.cap_add = Some(vec!["CAP_CHOWN".into()]);
        seen.host.shm_size = Some(USUAL_SHM);
        seen.host.memory = Some(0);
        seen.host.pids_limit = Some(0);
        seen.config.labels.get_or_insert_default().insert("maintainer".into(), "somebody".into());
        assert_eq!(difference(&body, &seen, &image(), None, "p_default"), [], "nor does it matter that the image is gone");
        seen.config.labels.get_or_insert_default().insert(labels::SERVICE.into(), "other".into());
        assert_eq!(difference(&body, &seen, &image(), None, "p_default").len(), 1);
    }
}
