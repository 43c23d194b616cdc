//! What a stack comes to in a Swarm: services in the engine's words, and the secrets that they read.

use std::{collections::BTreeMap, collections::HashMap, time::Duration};

use bollard::models::{
    EndpointPortConfig, EndpointPortConfigProtocolEnum, EndpointPortConfigPublishModeEnum, EndpointSpec, GenericResourcesInner,
    GenericResourcesInnerDiscreteResourceSpec, HealthConfig, Limit, Mount as EngineMount, MountTmpfsOptions, MountType,
    NetworkAttachmentConfig, ResourceObject, ServiceSpec as EngineService, ServiceSpecMode, ServiceSpecModeReplicated,
    ServiceSpecUpdateConfig, ServiceSpecUpdateConfigFailureActionEnum, ServiceSpecUpdateConfigOrderEnum, TaskSpec,
    TaskSpecContainerSpec, TaskSpecContainerSpecFile, TaskSpecContainerSpecPrivileges, TaskSpecContainerSpecSecrets,
    TaskSpecLogDriver, TaskSpecResources, TaskSpecRestartPolicy, TaskSpecRestartPolicyConditionEnum,
};

use super::{
    GPU_KIND, NAMESPACE, PasswordFile, Passwords, SERVICE, STACK_IMAGE,
    check::{NO_NEW_PRIVILEGES, check},
    full_name,
    plan::replicas,
    secret_name,
};
use crate::{ApiVersion, Error, ErrorKind, Gpu, Image, MountRole, Restart, ServiceSpec, Severity, StackSpec};

/// Between the end of a task and its next start.
pub(crate) const RESTART_DELAY: Duration = Duration::from_secs(5);
/// How long a changed task is watched before the next one is changed.
pub(crate) const MONITOR: Duration = Duration::from_secs(5);

/// A stack as a Swarm runs it.
#[derive(Debug, Clone)]
pub struct Desired {
    pub(super) project: String,
    pub(super) network: String,
    /// By full name. Networks and secrets go by name here, and by id to the engine.
    pub(super) services: BTreeMap<String, EngineService>,
    /// By name, each with its service.
    pub(super) secrets: BTreeMap<String, (String, PasswordFile)>,
    /// The cards that are named.
    pub(super) cards: Vec<String>,
}

impl Desired {
    /// Puts a stack into the Swarm's words. `api` is what its engines speak.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] if [`check`] or [`StackSpec::check`] refuses the stack, or a service whose `login` is mounted has no
    /// PASSWORD: its first visitor would own it.
    pub fn new(stack: &StackSpec, passwords: &Passwords, api: ApiVersion) -> Result<Desired, Error> {
        if let Some(found) = stack.check().into_iter().chain(check(stack, api)).find(|found| found.severity == Severity::Refuse) {
            return Err(Error::new(ErrorKind::InvalidConfig, found.to_string()).hint(found.hint));
        }
        let mut desired = Desired {
            project: stack.project.clone(),
            network: stack.network(),
            services: BTreeMap::new(),
            secrets: BTreeMap::new(),
            cards: Vec::new(),
        };
        for (name, service) in &stack.services {
            let login = login(service);
            let secret = match (login, passwords.get(name)) {
                (Some(login), Some(file)) => {
                    let secret = secret_name(&stack.project, name, &file.version());
                    desired.secrets.insert(secret.clone(), (name.clone(), file.clone()));
                    Some((secret, format!("{login}/PASSWORD")))
                }
                (None, None) => None,
                (Some(_), None) => {
                    let message = format!("the service `{name}` has no PASSWORD, and whoever comes first would set it");
                    return Err(Error::new(ErrorKind::InvalidConfig, message).hint("make the credential: `genai-auth setup`"));
                }
                (None, Some(_)) => {
                    let message = format!("the service `{name}` mounts no `login` folder, so nothing reads its PASSWORD");
                    return Err(Error::new(ErrorKind::InvalidConfig, message).hint("say where ComfyUI's `login` folder is"));
                }
            };
            if let Gpu::Ids(ids) = &service.gpu {
                desired.cards.extend(ids.iter().cloned());
            }
            desired.services.insert(full_name(&stack.project, name), in_words(stack, name, service, secret, api));
        }
        Ok(desired)
    }
}

/// Where ComfyUI's `login` folder is in the container.
pub(crate) fn login(service: &ServiceSpec) -> Option<&str> {
    service.mounts.iter().find(|mount| mount.role == MountRole::Login).map(|mount| mount.target.trim_end_matches('/'))
}

/// Who owns the secret's file, and its mode. Its owner alone reads it where that is known; else whoever runs in the container does, for
/// a plugin that can't read it lets everyone in.
pub(crate) fn owner(service: &ServiceSpec) -> (String, String, u32) {
    let user = service.user.as_deref().unwrap_or_default();
    let (uid, gid) = user.split_once(':').unwrap_or((user, "0"));
    let number = |text: &str| text.parse::<u32>().is_ok();
    if number(uid) && number(gid) { (uid.to_owned(), gid.to_owned(), 0o400) } else { ("0".to_owned(), "0".to_owned(), 0o444) }
}

/// How many cards each replica reserves.
pub(crate) fn cards_each(gpu: &Gpu) -> u32 {
    match gpu {
        Gpu::Count(count) => *count,
        Gpu::Ids(ids) if !ids.is_empty() => 1,
        _ => 0,
    }
}

/// The image's name.
pub(crate) fn reference(image: &Image) -> &str {
    match image {
        Image::Named { reference, .. } => reference,
        Image::Build { tag, .. } => tag,
    }
}

/// With the prefix that the engine keeps.
pub(crate) fn capability(name: &str) -> String {
    format!("CAP_{}", name.trim_start_matches("CAP_"))
}

fn in_words(
    stack: &StackSpec,
    name: &str,
    service: &ServiceSpec,
    secret: Option<(String, String)>,
    api: ApiVersion,
) -> EngineService {
    let image = reference(&service.image);
    let labels = [(NAMESPACE, stack.project.as_str()), (STACK_IMAGE, image), (SERVICE, name)];
    let network = NetworkAttachmentConfig {
        target: Some(stack.network()),
        aliases: Some(vec![name.to_owned()]),
        ..NetworkAttachmentConfig::default()
    };
    let rotation = [("max-size", service.logs.max_bytes.to_string()), ("max-file", service.logs.max_files.to_string())];
    EngineService {
        name: Some(full_name(&stack.project, name)),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        task_template: Some(TaskSpec {
            container_spec: Some(container(stack, service, secret, api)),
            resources: Some(resources(service)),
            restart_policy: Some(restart(service.restart)),
            networks: Some(vec![network]),
            log_driver: Some(TaskSpecLogDriver {
                name: Some("json-file".to_owned()),
                options: Some(rotation.map(|(key, value)| (key.to_owned(), value)).into()),
            }),
            ..TaskSpec::default()
        }),
        mode: Some(ServiceSpecMode {
            replicated: Some(ServiceSpecModeReplicated { replicas: Some(replicas(service).into()) }),
            ..ServiceSpecMode::default()
        }),
        update_config: Some(ServiceSpecUpdateConfig {
            parallelism: Some(1),
            // The old task holds the card that the new one needs.
            order: Some(ServiceSpecUpdateConfigOrderEnum::STOP_FIRST),
            // What is not changed yet goes on as it is. Going back would bring back the old PASSWORD.
            failure_action: Some(ServiceSpecUpdateConfigFailureActionEnum::PAUSE),
            monitor: Some(nanos(MONITOR)),
            ..ServiceSpecUpdateConfig::default()
        }),
        endpoint_spec: Some(EndpointSpec { ports: Some(published(service)), ..EndpointSpec::default() }),
        ..EngineService::default()
    }
}

fn container(
    stack: &StackSpec,
    service: &ServiceSpec,
    secret: Option<(String, String)>,
    api: ApiVersion,
) -> TaskSpecContainerSpec {
    let mut labels: HashMap<String, String> = service.labels.clone().into_iter().collect();
    labels.insert(NAMESPACE.to_owned(), stack.project.clone());
    let secrets = secret.map(|(name, target)| {
        let (uid, gid, mode) = owner(service);
        let file = TaskSpecContainerSpecFile { name: Some(target), uid: Some(uid), gid: Some(gid), mode: Some(mode) };
        TaskSpecContainerSpecSecrets { file: Some(file), secret_name: Some(name), secret_id: None }
    });
    TaskSpecContainerSpec {
        image: Some(reference(&service.image).to_owned()),
        labels: Some(labels),
        command: Some(service.command.clone()),
        args: Some(service.flags.clone()),
        env: Some(service.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        user: service.user.clone(),
        privileges: (api >= NO_NEW_PRIVILEGES).then(|| TaskSpecContainerSpecPrivileges {
            no_new_privileges: Some(true),
            ..TaskSpecContainerSpecPrivileges::default()
        }),
        read_only: service.read_only_root.then_some(true),
        mounts: Some(mounts(service)),
        stop_grace_period: Some(nanos(service.stop_grace)),
        health_check: Some(health(service)),
        secrets: Some(secrets.into_iter().collect()),
        init: Some(true),
        capability_add: Some(service.capabilities.iter().map(|name| capability(name)).collect()),
        capability_drop: Some(vec!["ALL".to_owned()]),
        ..TaskSpecContainerSpec::default()
    }
}

/// Folders of the node. `/dev/shm` has no size of its own in a Swarm, so it is a mount.
fn mounts(service: &ServiceSpec) -> Vec<EngineMount> {
    let folders = service.mounts.iter().filter(|mount| mount.role != MountRole::Login).map(|mount| EngineMount {
        typ: Some(MountType::BIND),
        source: Some(mount.source.to_string_lossy().into_owned()),
        target: Some(mount.target.clone()),
        read_only: mount.read_only.then_some(true),
        ..EngineMount::default()
    });
    let memory = |target: &str, size: Option<u64>| EngineMount {
        typ: Some(MountType::TMPFS),
        target: Some(target.to_owned()),
        tmpfs_options: size.map(|size| MountTmpfsOptions { size_bytes: Some(number(size)), ..MountTmpfsOptions::default() }),
        ..EngineMount::default()
    };
    let shm = service.limits.shm.map(|size| memory("/dev/shm", Some(size)));
    folders.chain(shm).chain(service.emptied().iter().map(|path| memory(path, None))).collect()
}

fn health(service: &ServiceSpec) -> HealthConfig {
    let health = &service.health;
    let Some(argv) = health.probe.argv() else {
        return HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() };
    };
    HealthConfig {
        test: Some(std::iter::once("CMD".to_owned()).chain(argv).collect()),
        interval: Some(nanos(health.interval)),
        timeout: Some(nanos(health.timeout)),
        retries: Some(health.retries.into()),
        start_period: Some(nanos(health.start_period)),
        ..HealthConfig::default()
    }
}

fn resources(service: &ServiceSpec) -> TaskSpecResources {
    let limits = &service.limits;
    let limits = Limit {
        nano_cpus: limits.milli_cpus.map(|milli| number(milli.saturating_mul(1_000_000))),
        memory_bytes: limits.memory.map(number),
        pids: limits.pids.map(Into::into),
    };
    // Only a number is ever scheduled: a reservation of a card by its name is taken by Engine 20.10, and then waits for ever.
    let cards = match cards_each(&service.gpu) {
        0 => Vec::new(),
        count => vec![GenericResourcesInner {
            discrete_resource_spec: Some(GenericResourcesInnerDiscreteResourceSpec {
                kind: Some(GPU_KIND.to_owned()),
                value: Some(count.into()),
            }),
            named_resource_spec: None,
        }],
    };
    let reservations = ResourceObject { generic_resources: Some(cards), ..ResourceObject::default() };
    TaskSpecResources { limits: Some(limits), reservations: Some(reservations), ..TaskSpecResources::default() }
}

fn restart(restart: Restart) -> TaskSpecRestartPolicy {
    use TaskSpecRestartPolicyConditionEnum as Condition;
    let (condition, attempts) = match restart {
        Restart::No => (Condition::NONE, None),
        Restart::OnFailure(attempts) => (Condition::ON_FAILURE, attempts),
        Restart::Always | Restart::UnlessStopped => (Condition::ANY, None),
    };
    TaskSpecRestartPolicy {
        condition: Some(condition),
        delay: Some(nanos(RESTART_DELAY)),
        max_attempts: attempts.map(Into::into),
        ..TaskSpecRestartPolicy::default()
    }
}

/// What may stand open to all. A Swarm can't publish on one address, so what asks for one is not published.
fn published(service: &ServiceSpec) -> Vec<EndpointPortConfig> {
    let open = service.ports.iter().filter(|port| port.address.is_unspecified());
    open.map(|port| EndpointPortConfig {
        protocol: Some(EndpointPortConfigProtocolEnum::TCP),
        target_port: Some(port.container_port.into()),
        published_port: (port.host_port != 0).then(|| port.host_port.into()),
        publish_mode: Some(EndpointPortConfigPublishModeEnum::INGRESS),
        ..EndpointPortConfig::default()
    })
    .collect()
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
