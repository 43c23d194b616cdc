//! What the engine is told to make of a service.

use std::{collections::HashMap, path::Path, time::Duration};

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount as Bind, MountType,
    NetworkingConfig, PortBinding, PortMap, RestartPolicy, RestartPolicyNameEnum,
};

use crate::{Container, Health, ImageFacts, Publish, Restart, ServiceSpec, StackSpec, gpu, labels};

/// The request that makes the container of the service `name`. It holds no secret: the specification has none.
pub(crate) fn body(spec: &StackSpec, name: &str, service: &ServiceSpec, image: &ImageFacts) -> ContainerCreateBody {
    let network = spec.network();
    let alias = EndpointSettings { aliases: Some(vec![name.to_owned()]), ..EndpointSettings::default() };
    let mut body = ContainerCreateBody {
        image: Some(image.id.clone()),
        user: service.user.clone(),
        env: Some(service.environment.iter().map(|(key, value)| format!("{key}={value}")).collect()),
        entrypoint: given(&service.command),
        cmd: given(&service.flags),
        exposed_ports: Some(service.ports.iter().map(container_port).collect()),
        healthcheck: Some(health(&service.health)),
        stop_timeout: Some(whole_seconds(service.stop_grace).try_into().unwrap_or(i64::MAX)),
        host_config: Some(host(service, &network)),
        networking_config: Some(NetworkingConfig { endpoints_config: Some(HashMap::from([(network, alias)])) }),
        ..ContainerCreateBody::default()
    };
    let hash = labels::hash(&serde_json::to_value(&body).unwrap_or_default());
    let labels = labels::container(spec, name, &service.labels, &image.id);
    body.labels = Some(labels.into_iter().chain([(labels::CONFIG_HASH.to_owned(), hash)]).collect());
    body
}

/// The same with the nameless volumes of the container in whose place it comes: it would get others, which are empty. Not where something
/// else is mounted now, or the image has no volume any more.
pub(crate) fn with_volumes_of(old: &Container, image: &ImageFacts, mut body: ContainerCreateBody) -> ContainerCreateBody {
    let host = body.host_config.get_or_insert_default();
    let mounts = host.mounts.get_or_insert_default();
    let is_taken = |target: &str| {
        let own = mounts.iter().filter_map(|mount| mount.target.as_ref()).chain(host.tmpfs.iter().flat_map(HashMap::keys));
        own.map(Path::new).any(|own| own == Path::new(target))
    };
    let is_wanted = |target: &str| image.volumes.iter().any(|volume| Path::new(volume) == Path::new(target)) && !is_taken(target);
    let carried = old.nameless_volumes().filter(|(_, target)| is_wanted(target));
    let carried: Vec<_> = carried
        .map(|(volume, target)| Bind {
            typ: Some(MountType::VOLUME),
            source: Some(volume.to_owned()),
            target: Some(target.to_owned()),
            ..Bind::default()
        })
        .collect();
    mounts.extend(carried);
    body
}

/// How an engine counts the time in which a container may end. What it is short of a second is none at all to it, so it gets more.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// Where nothing is given, the image's own holds.
fn given(words: &[String]) -> Option<Vec<String>> {
    (!words.is_empty()).then(|| words.to_vec())
}

fn host(service: &ServiceSpec, network: &str) -> HostConfig {
    let limits = &service.limits;
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let memory = limits.memory.map(number);
    HostConfig {
        network_mode: Some(network.to_owned()),
        port_bindings: Some(port_bindings(&service.ports)),
        mounts: Some(
            service
                .mounts
                .iter()
                // Unlike a `bind`, a `mount` whose source is missing is refused: the engine would make a folder of root's.
                .map(|mount| Bind {
                    typ: Some(MountType::BIND),
                    source: Some(mount.source.display().to_string()),
                    target: Some(mount.target.clone()),
                    read_only: Some(mount.read_only),
                    ..Bind::default()
                })
                .collect(),
        ),
        tmpfs: Some(service.emptied().into_iter().map(|path| (path, String::new())).collect()),
        readonly_rootfs: Some(service.read_only_root),
        device_requests: gpu::device_requests(&service.gpu),
        // PID 1 that ignores SIGTERM costs the whole grace at every stop.
        init: Some(true),
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(service.capabilities.clone()),
        memory,
        // Memory and swap together: no swap is added.
        memory_swap: memory,
        shm_size: limits.shm.map(number),
        nano_cpus: limits.milli_cpus.map(|cpus| number(cpus.saturating_mul(1_000_000))),
        pids_limit: limits.pids.map(i64::from),
        restart_policy: Some(restart(service.restart)),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), service.logs.max_bytes.to_string()),
                ("max-file".to_owned(), service.logs.max_files.to_string()),
            ])),
        }),
        ..HostConfig::default()
    }
}

fn health(health: &Health) -> HealthConfig {
    let Some(test) = health.probe.argv() else {
        // The image's own, if it has one, is switched off: it might need what the image lacks.
        return HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() };
    };
    let nanoseconds = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    HealthConfig {
        test: Some([vec!["CMD".to_owned()], test].concat()),
        interval: Some(nanoseconds(health.interval)),
        timeout: Some(nanoseconds(health.timeout)),
        retries: Some(health.retries.into()),
        start_period: Some(nanoseconds(health.start_period)),
        start_interval: None,
    }
}

fn container_port(port: &Publish) -> String {
    format!("{}/tcp", port.container_port)
}

fn port_bindings(ports: &[Publish]) -> PortMap {
    let mut bindings = PortMap::new();
    for port in ports {
        let binding = PortBinding { host_ip: Some(port.address.to_string()), host_port: Some(port.host_port.to_string()) };
        bindings.entry(container_port(port)).or_default().get_or_insert_default().push(binding);
    }
    bindings
}

fn restart(restart: Restart) -> RestartPolicy {
    let (name, maximum_retry_count) = match restart {
        Restart::No => (RestartPolicyNameEnum::NO, None),
        Restart::OnFailure(most) => (RestartPolicyNameEnum::ON_FAILURE, most.map(i64::from)),
        Restart::Always => (RestartPolicyNameEnum::ALWAYS, None),
        Restart::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
    };
    RestartPolicy { name: Some(name), maximum_retry_count }
}
