//! One container, as its inspection tells.

use std::{collections::HashMap, net::IpAddr, path::PathBuf};

use bollard::models::{
    ContainerConfig, ContainerInspectResponse, ContainerState as State, ContainerStateStatusEnum as Status, EndpointSettings,
    HealthStatusEnum, HostConfig, MountPoint, PortMap,
};

use jiff::Timestamp;

use super::Difference;
use crate::{Identity, labels, spec::OPEN};

/// A container of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The service that it is of.
    pub service: String,
    /// The image that it was made of, `sha256:…`.
    pub image_id: String,
    /// What it does.
    pub state: ContainerState,
    /// How it ended the last time, if it has.
    pub exit: Option<Exit>,
    /// What its probe says; `None` without a probe.
    pub health: Option<ContainerHealth>,
    /// When it was started, RFC 3339; `None` if it never was.
    pub started_at: Option<String>,
    /// How often the engine started it again since somebody did.
    pub restarts: u64,
    /// Ports of the host that lead into it now.
    pub ports: Vec<Published>,
    /// Ports of the host that lead into it whenever it runs; the host's is 0 where the engine chooses one at each start.
    pub bound: Vec<Published>,
    /// Folders of the host that it sees: source, target, whether it may write.
    pub mounts: Vec<(PathBuf, String, bool)>,
    /// The cards that were asked for, in words; empty without.
    pub gpus: Vec<String>,
    /// Where it differs from its specification. Empty too if its service has none, or the engine has not its image.
    pub drift: Vec<Difference>,
    /// When it was made, and when it ended last.
    pub(crate) created: Option<Timestamp>,
    pub(crate) finished: Option<Timestamp>,
    pub(crate) project: Option<String>,
    pub(crate) working_dir: Option<String>,
    /// Whether we made it: project and folder may be those of somebody's own `compose.yaml`.
    pub(crate) is_ours: bool,
    pub(crate) seen: Seen,
}

/// What the comparison with a specification looks at.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Seen {
    pub(super) image_id: String,
    pub(super) config: ContainerConfig,
    pub(super) host: HostConfig,
    pub(super) mounts: Vec<MountPoint>,
    pub(super) networks: HashMap<String, EndpointSettings>,
}

impl Eq for Seen {}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContainerState {
    /// Made, never started.
    Created,
    /// It runs.
    Running,
    /// It was halted and can go on.
    Paused,
    /// It ended, and the engine starts it again.
    Restarting,
    /// It ended.
    Exited,
    /// It can't be started any more: only removed.
    Dead,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The exit code; 128 and more for a signal.
    pub code: i64,
    /// Whether the kernel killed it for want of memory.
    pub out_of_memory: bool,
    /// What the engine says of it, such as why it could not be started.
    pub error: Option<String>,
}

/// What a probe says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContainerHealth {
    /// No answer that counts yet.
    Starting(Option<LastProbe>),
    /// It is well.
    Healthy,
    /// It failed too often in a row.
    Unhealthy(Option<LastProbe>),
}

/// The last run of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastProbe {
    /// Its exit code; −1 if it could not be run at all.
    pub exit_code: i64,
    /// What it printed.
    pub output: String,
}

impl LastProbe {
    /// Whether it was let in without a credential: the built-in one says so.
    #[must_use]
    pub fn saw_open(&self) -> bool {
        self.exit_code != 0 && self.output.contains(OPEN)
    }
}

/// A port of the host that leads into a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The host's address.
    pub address: IpAddr,
    /// The host's port.
    pub host_port: u16,
    /// The container's.
    pub container_port: u16,
}

impl Container {
    /// Who its process is: of its user, its image's or its own, and of the capabilities that it keeps. `None` for a user whose number only
    /// the image knows.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        let user = self.seen.config.user.as_deref().filter(|user| !user.is_empty());
        Identity::of(user, self.seen.host.cap_add.as_deref().unwrap_or_default())
    }

    /// The volumes that an engine made for it and named by digits, each with its path in the container.
    pub(crate) fn nameless_volumes(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_nameless = |name: &&str| name.len() == 64 && name.bytes().all(|digit| digit.is_ascii_hexdigit());
        let volumes = self.seen.mounts.iter().filter(|mount| mount.typ.as_deref() == Some("volume"));
        volumes.filter_map(move |mount| Some((mount.name.as_deref().filter(is_nameless)?, mount.destination.as_deref()?)))
    }

    /// Whether it is the successor of another, which is not in its place yet: a run was stopped in between.
    #[must_use]
    pub fn is_next(&self) -> bool {
        self.name.ends_with(super::NEXT)
    }

    /// Whether it runs, or is about to again.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state, ContainerState::Running | ContainerState::Paused | ContainerState::Restarting)
    }

    /// Whether its probe was let in without a credential, be it that its failures do not count yet.
    #[must_use]
    pub fn lets_everybody_in(&self) -> bool {
        match &self.health {
            Some(ContainerHealth::Starting(Some(probe)) | ContainerHealth::Unhealthy(Some(probe))) => probe.saw_open(),
            _ => false,
        }
    }

    /// Whether the network of that name on which it ran is none of those that are `there`: an engine goes by its id, and can't start it
    /// any more. One that never ran has no id yet, and Podman says the name instead.
    pub(super) fn has_lost(&self, network: &str, there: &[String]) -> bool {
        let id = self.seen.networks.get(network).and_then(|own| own.network_id.as_deref()).unwrap_or_default();
        !id.is_empty() && id != network && there.iter().all(|one| one != id)
    }

    /// Whether it ended when `other` was made already.
    pub(crate) fn ended_since(&self, other: &Container) -> bool {
        self.finished.zip(other.created).is_some_and(|(finished, created)| finished >= created)
    }
}

impl From<ContainerInspectResponse> for Container {
    fn from(answer: ContainerInspectResponse) -> Self {
        let (config, host) = (answer.config.unwrap_or_default(), answer.host_config.unwrap_or_default());
        let (state, mut mounts) = (answer.state.unwrap_or_default(), answer.mounts.unwrap_or_default());
        let network = answer.network_settings.unwrap_or_default();
        mounts.sort_by(|one, other| one.destination.cmp(&other.destination)); // an engine's order is another each time
        let label = |key: &str| config.labels.as_ref().and_then(|labels| labels.get(key)).cloned();
        let image_id = answer.image.unwrap_or_default();
        Container {
            id: answer.id.unwrap_or_default(),
            name: answer.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            service: label(labels::SERVICE).unwrap_or_default(),
            project: label(labels::PROJECT),
            working_dir: label(labels::WORKING_DIR),
            is_ours: labels::is_ours(label(labels::CONFIG_HASH).as_deref()),
            state: doing(&state),
            exit: exit(&state),
            health: health(&state),
            started_at: state.started_at.filter(|at| !at.starts_with("0001-")),
            restarts: answer.restart_count.unwrap_or_default().try_into().unwrap_or_default(),
            ports: network.ports.map(published).unwrap_or_default(),
            mounts: mounts.iter().filter_map(mount).collect(),
            bound: host.port_bindings.clone().map(published).unwrap_or_default(),
            gpus: super::traits::gpus(&host),
            created: answer.created.and_then(|at| at.parse().ok()),
            finished: state.finished_at.as_ref().and_then(|at| at.parse().ok()),
            drift: Vec::new(),
            seen: Seen { image_id: image_id.clone(), config, host, mounts, networks: network.networks.unwrap_or_default() },
            image_id,
        }
    }
}

fn doing(state: &State) -> ContainerState {
    match state.status {
        Some(Status::RUNNING) => ContainerState::Running,
        Some(Status::PAUSED) => ContainerState::Paused,
        Some(Status::RESTARTING) => ContainerState::Restarting,
        Some(Status::EXITED | Status::REMOVING) => ContainerState::Exited,
        Some(Status::DEAD) => ContainerState::Dead,
        _ => ContainerState::Created,
    }
}

/// A container that never ran has an exit only if its start failed. Of one that was started again the engine knows no code any more.
fn exit(state: &State) -> Option<Exit> {
    if state.running == Some(true) && state.restarting != Some(true) {
        return None;
    }
    let error = state.error.clone().filter(|error| !error.is_empty());
    let ended = state.finished_at.as_ref().is_some_and(|at| !at.starts_with("0001-"));
    (ended || error.is_some()).then(|| Exit {
        code: state.exit_code.unwrap_or_default(),
        out_of_memory: state.oom_killed.unwrap_or_default(),
        error,
    })
}

fn health(state: &State) -> Option<ContainerHealth> {
    let health = state.health.as_ref()?;
    let last = || {
        let last = health.log.as_ref()?.last()?;
        Some(LastProbe {
            exit_code: last.exit_code.unwrap_or_default(),
            output: last.output.clone().unwrap_or_default().trim().to_owned(),
        })
    };
    match health.status? {
        HealthStatusEnum::STARTING => Some(ContainerHealth::Starting(last())),
        HealthStatusEnum::HEALTHY => Some(ContainerHealth::Healthy),
        HealthStatusEnum::UNHEALTHY => Some(ContainerHealth::Unhealthy(last())),
        _ => None,
    }
}

fn published(ports: PortMap) -> Vec<Published> {
    let mut all: Vec<Published> = ports
        .into_iter()
        .flat_map(|(port, bindings)| {
            let container_port = port.split('/').next().and_then(|port| port.parse().ok());
            bindings.unwrap_or_default().into_iter().filter_map(move |binding| {
                let (address, host_port) = (binding.host_ip?.parse().ok()?, binding.host_port?.parse().ok()?);
                Some(Published { address, host_port, container_port: container_port? })
            })
        })
        .collect();
    all.sort_by_key(|port| (port.container_port, port.address, port.host_port));
    all
}

fn mount(mount: &MountPoint) -> Option<(PathBuf, String, bool)> {
    Some((mount.source.clone()?.into(), mount.destination.clone()?, mount.rw.unwrap_or(true)))
}
