//! What is known before anything is made: the engine, disk space, ports, folders. Facts only; what they mean is for the caller to say.

mod folder;

pub use folder::{FolderFacts, Identity, folder};

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use crate::{Engine, Error};

/// What an engine says of itself and its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineFacts {
    /// Its version, such as `20.10.24`.
    pub version: String,
    /// Its machine's system, such as `Debian GNU/Linux 12`.
    pub system: String,
    /// Where it keeps images and containers, on its machine.
    pub root_dir: String,
    /// Its machine's memory in bytes.
    pub memory: u64,
    /// The runtimes that containers can ask for.
    pub runtimes: Vec<String>,
    /// It was started without root, by a user.
    pub rootless: bool,
    /// It maps the container's users to others of its machine.
    pub remaps_users: bool,
    /// Limits that its kernel can't keep, and that it leaves away: of `memory`, `memory and swap` and `processes`.
    pub unbounded: Vec<&'static str>,
}

/// A port of the host that something is to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortFact {
    /// Nobody listens there.
    Free,
    /// Somebody does.
    Taken,
    /// It can't be told, and why.
    Unknown(String),
}

/// Bytes of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// That can be written.
    pub free: u64,
    /// That there are.
    pub total: u64,
}

impl Engine {
    /// What the engine says of itself.
    ///
    /// # Errors
    /// Whatever keeps it from telling.
    pub async fn facts(&self) -> Result<EngineFacts, Error> {
        let info = self.docker().info().await.map_err(|error| Error::of("the engine", error))?;
        let mut runtimes: Vec<String> = info.runtimes.unwrap_or_default().into_keys().collect();
        runtimes.sort();
        let limits = [("memory", info.memory_limit), ("memory and swap", info.swap_limit), ("processes", info.pids_limit)];
        let options = info.security_options.unwrap_or_default();
        let has = |name: &str| options.iter().any(|option| option.split(',').any(|part| part == format!("name={name}")));
        Ok(EngineFacts {
            version: info.server_version.unwrap_or_default(),
            system: info.operating_system.unwrap_or_default(),
            root_dir: info.docker_root_dir.unwrap_or_default(),
            memory: info.mem_total.unwrap_or_default().try_into().unwrap_or_default(),
            runtimes,
            rootless: has("rootless"),
            remaps_users: has("userns"),
            unbounded: limits.into_iter().filter(|(_, has)| *has == Some(false)).map(|(limit, _)| limit).collect(),
        })
    }

    /// Whether `address` is free for a container: only a local engine's ports are ours to try.
    #[must_use]
    pub fn port(&self, address: SocketAddr) -> PortFact {
        if !self.is_local() {
            return PortFact::Unknown(format!("the engine at `{}` may be on another machine", self.endpoint()));
        }
        match TcpListener::bind(address) {
            Ok(_) => PortFact::Free,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => PortFact::Taken,
            Err(error) => PortFact::Unknown(error.to_string()),
        }
    }
}

/// The space of the file system that `path` is on, or will be: its nearest folder that exists.
///
/// # Errors
/// No folder of it can be looked at.
pub fn space(path: &Path) -> io::Result<Space> {
    let nearest = path.ancestors().find(|folder| folder.exists()).unwrap_or(path);
    let found = rustix::fs::statvfs(nearest)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(Space { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
}
