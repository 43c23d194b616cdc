//! What is to run, in types: one description that is drawn as `compose.yaml`, applied through the Engine API, and applied to a Swarm.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

mod check;
mod probe;
mod secret;

pub use check::{Severity, Violation, has_flag};
pub(crate) use probe::OPEN;
pub use secret::holds_secret;

/// The plugin's folder in `custom_nodes`.
const PLUGIN: &str = "ComfyUI-Login";

/// A project: one network, and the services on it.
///
/// It holds no secret: the credential reaches ComfyUI as the folder that is mounted as its `login`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSpec {
    /// Compose's project name: lower-case letters, digits, `-` and `_`, and a letter or digit first.
    pub project: String,
    /// The project's folder, which Compose's labels name; absolute.
    pub working_dir: PathBuf,
    /// By service name.
    pub services: BTreeMap<String, ServiceSpec>,
}

impl StackSpec {
    /// The name of the network that its services are on.
    #[must_use]
    pub fn network(&self) -> String {
        format!("{}_default", self.project)
    }

    /// The project's name that Compose takes from a folder's; empty if nothing of it can stay.
    #[must_use]
    pub fn project_of(folder: &Path) -> String {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let kept = name.chars().filter(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || matches!(sign, '-' | '_'));
        kept.collect::<String>().trim_start_matches(['-', '_']).to_owned()
    }
}

/// One service: a ComfyUI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec {
    /// What it runs.
    pub image: Image,
    /// How many alike. More than one only in a Swarm.
    pub replicas: u32,
    /// The program and what always follows it, in place of both ENTRYPOINT and CMD of the image, which stay if this is empty.
    pub command: Vec<String>,
    /// ComfyUI's flags, put after the command; without one after the image's ENTRYPOINT, in place of its CMD.
    pub flags: Vec<String>,
    /// Variables of the process. Everyone who may inspect the container reads them, so a secret is refused here.
    pub environment: BTreeMap<String, String>,
    /// `UID[:GID]` or a name; the image's own if `None`.
    pub user: Option<String>,
    /// Ports of the host that lead into it.
    pub ports: Vec<Publish>,
    /// Its ports may stand open to other machines than this one; else that is refused.
    pub allow_public: bool,
    /// Folders of the host that it sees.
    pub mounts: Vec<Mount>,
    /// How the engine sees that it is well.
    pub health: Health,
    /// Which cards it gets.
    pub gpu: Gpu,
    /// What it may use up.
    pub limits: Limits,
    /// When the engine starts it again.
    pub restart: Restart,
    /// How long it may take to end before it is killed.
    pub stop_grace: Duration,
    /// How much of its output is kept.
    pub logs: LogRotation,
    /// Capabilities that it keeps, of none: all are dropped.
    pub capabilities: Vec<String>,
    /// Its root file system can't be written to, but for mounts and `/tmp`.
    pub read_only_root: bool,
    /// Further labels. Everyone who may inspect the container reads them, so a secret is refused here.
    pub labels: BTreeMap<String, String>,
}

impl ServiceSpec {
    /// A service of that image which is closed to all and mounts nothing; the rest is as [`Health`], [`Limits`], [`Restart`] and
    /// [`LogRotation`] have it by default.
    #[must_use]
    pub fn new(image: Image) -> Self {
        ServiceSpec {
            image,
            replicas: 1,
            command: Vec::new(),
            flags: Vec::new(),
            environment: BTreeMap::new(),
            user: None,
            ports: Vec::new(),
            allow_public: false,
            mounts: Vec::new(),
            health: Health::default(),
            gpu: Gpu::None,
            limits: Limits::default(),
            restart: Restart::default(),
            stop_grace: Duration::from_secs(30),
            logs: LogRotation::default(),
            capabilities: Vec::new(),
            read_only_root: false,
            labels: BTreeMap::new(),
        }
    }

    /// The host's folder that ComfyUI loads its plugins from, whatever the mount is for by which it gets there; `None` if the image brings it.
    #[must_use]
    pub fn custom_nodes(&self) -> Option<PathBuf> {
        let nodes = self.custom_nodes_inside()?;
        let covering = self.mounts.iter().filter_map(|mount| Some((mount, nodes.strip_prefix(&mount.target).ok()?)));
        let (mount, below) = covering.min_by_key(|(_, below)| below.components().count())?;
        Some(mount.source.components().chain(below.components()).collect())
    }

    /// Its path in the container: beside `login`, in ComfyUI's own folder.
    pub(crate) fn custom_nodes_inside(&self) -> Option<PathBuf> {
        let target = |role| self.mounts.iter().find(|mount| mount.role == role).map(|mount| Path::new(&mount.target));
        let beside = || Some(target(MountRole::Login)?.parent()?.join("custom_nodes"));
        target(MountRole::CustomNodes).map(Path::to_owned).or_else(beside)
    }

    /// Folders of the container's own that are empty at each start. Python keeps in one what it compiled of the plugin, and would run
    /// what lies there rather than the files that were compared.
    pub(crate) fn emptied(&self) -> Vec<String> {
        let nodes = self.custom_nodes().and_then(|_| self.custom_nodes_inside());
        let compiled = nodes.map(|nodes| nodes.join(PLUGIN).join("__pycache__").display().to_string());
        self.read_only_root.then(|| "/tmp".to_owned()).into_iter().chain(compiled).collect()
    }
}

/// What a service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Image {
    /// An image by its reference, such as `comfyui:0.3.64` or `name@sha256:…`.
    Named {
        /// The reference.
        reference: String,
        /// When it is pulled.
        pull: PullPolicy,
    },
    /// An image that the engine builds.
    Build {
        /// The name that the built image gets.
        tag: String,
        /// The folder that is sent to the engine; absolute.
        context: PathBuf,
        /// The Dockerfile's path inside it.
        dockerfile: String,
        /// Build arguments. They stay readable in the image's history, so a secret is refused here.
        args: BTreeMap<String, String>,
        /// Files that are never sent, beside those that are known for what they are called; absolute.
        secrets: Vec<PathBuf>,
    },
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PullPolicy {
    /// When the engine has none of that name.
    #[default]
    Missing,
    /// Never: an absent image is an error.
    Never,
    /// Each time.
    Always,
}

/// A port of the host that leads into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The host's address; anything but loopback opens the service to others.
    pub address: IpAddr,
    /// The host's port; 0 lets the engine choose.
    pub host_port: u16,
    /// The container's TCP port.
    pub container_port: u16,
}

/// A folder of the host, as a container sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What it is for.
    pub role: MountRole,
    /// The host's folder; absolute. A single file goes stale when it is replaced, so it is refused.
    pub source: PathBuf,
    /// The path in the container; absolute.
    pub target: String,
    /// The container can't write to it.
    pub read_only: bool,
}

/// What a mount is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MountRole {
    /// ComfyUI-Login's `login` folder, with PASSWORD in it.
    Login,
    /// Model files; read only.
    Models,
    /// Where images are saved.
    Outputs,
    /// `custom_nodes`, which holds the plugin.
    CustomNodes,
    /// ComfyUI's `user` folder, `input`, or a workspace as a whole.
    Workspace,
    /// Anything else.
    Other,
}

/// How the engine sees that a service is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What is run.
    pub probe: Probe,
    /// Between two probes.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// How many failures in a row make it unhealthy.
    pub retries: u32,
    /// Failures in this time after the start do not count.
    pub start_period: Duration,
}

impl Default for Health {
    /// Python's probe of port 8188 every 10 seconds; the third failure counts, and none of the first five minutes, in which ComfyUI may
    /// still load its nodes.
    fn default() -> Self {
        Health {
            probe: Probe::Python { interpreter: "python3".to_owned(), port: 8188 },
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(8),
            retries: 3,
            start_period: Duration::from_secs(300),
        }
    }
}

/// What is run to see that a service is well. No probe knows a credential: one that is answered without asking for it *fails*, because
/// then nothing guards the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Probe {
    /// The image's Python, which ComfyUI needs anyway: a request without a credential to this port must be refused.
    Python {
        /// The interpreter, such as `python3`.
        interpreter: String,
        /// ComfyUI's port in the container.
        port: u16,
    },
    /// A program of the image and its arguments, without a shell; exit code 0 is well.
    Command(Vec<String>),
    /// None in the container: the service counts as up when its port refuses a request from the host without a credential.
    Host,
}

/// Which cards a service gets. There is no "some": a count that is left out means all cards to old engines and none to new ones.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gpu {
    /// None.
    None,
    /// Every card.
    All,
    /// So many; the first ones, whoever else uses them.
    Count(u32),
    /// These, by UUID (`GPU-…`, `MIG-…`) or index.
    Ids(Vec<String>),
    /// By the names of the Container Device Interface, such as `nvidia.com/gpu=0`.
    Cdi(Vec<String>),
}

/// What a service may use up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Memory in bytes; swap is not added to it. `None` leaves the machine's all.
    pub memory: Option<u64>,
    /// `/dev/shm` in bytes, which torch's workers use; the engine's 64 MiB if `None`.
    pub shm: Option<u64>,
    /// Processors, in thousandths.
    pub milli_cpus: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

/// When the engine starts a container again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Restart {
    /// Never.
    No,
    /// When it ended with another code than 0; at most so many times in a row if a count is given.
    OnFailure(Option<u32>),
    /// Whenever it ended, and when the engine starts.
    Always,
    /// The same, but not after it was stopped by hand.
    #[default]
    UnlessStopped,
}

/// How much of a container's output the engine keeps, in its `json-file` form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRotation {
    /// Bytes of one file.
    pub max_bytes: u64,
    /// Files.
    pub max_files: u32,
}

impl Default for LogRotation {
    /// Three files of 10 MiB.
    fn default() -> Self {
        LogRotation { max_bytes: 10 * 1024 * 1024, max_files: 3 }
    }
}

impl Image {
    /// The name under which the engine has it.
    #[must_use]
    pub fn reference(&self) -> &str {
        match self {
            Image::Named { reference, .. } => reference,
            Image::Build { tag, .. } => tag,
        }
    }
}
