//! Where an engine listens: how it is written, and how it is chosen.

mod asked;
mod context;
mod host;
mod sockets;

pub use asked::{Asked, Chosen, Rule};

use std::{fmt, path::PathBuf};

use crate::Error;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// A socket in the file system.
    Unix(PathBuf),
    /// Plain HTTP, as `host:port`. Whoever reaches that port owns the machine behind it.
    Tcp(String),
    /// HTTP over TLS.
    Tls {
        /// `host:port`.
        address: String,
        /// Who is trusted, and who we are.
        certificates: Certificates,
    },
    /// The engine of a machine that ssh leads to.
    Ssh(Ssh),
}

/// The files that TLS needs, PEM each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// The authority of the engine's certificate; no other is trusted.
    pub ca: PathBuf,
    /// Our own certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// A machine that ssh leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    /// The program that is started; `ssh` of the search path, unless somebody says otherwise.
    pub program: PathBuf,
    /// Who logs in; ssh's own settings decide if `None`.
    pub user: Option<String>,
    /// The machine's name, or an alias of ssh's settings.
    pub host: String,
    /// The port; ssh's own settings decide if `None`.
    pub port: Option<u16>,
    /// The socket there; its command line's own choice if `None`.
    pub socket: Option<String>,
}

impl Endpoint {
    /// Reads a host as `docker --host` takes it: `unix://PATH`, `tcp://HOST:PORT`, `ssh://USER@HOST`.
    ///
    /// # Errors
    /// What is wrong with it; a password in it is not repeated.
    pub fn parse(text: &str) -> Result<Endpoint, Error> {
        host::parse(text, None)
    }

    /// What a person should know before they go on, if anything.
    #[must_use]
    pub fn risk(&self) -> Option<String> {
        match self {
            Endpoint::Tcp(address) if !host::is_loopback(address) => Some(format!(
                "`tcp://{address}` is neither encrypted nor guarded: whoever reaches that port, or listens on the way, owns the machine \
                 behind it; use `ssh://`, or TLS (`DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`)"
            )),
            _ => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => write!(f, "unix://{}", path.display()),
            Endpoint::Tcp(address) => write!(f, "tcp://{address}"),
            Endpoint::Tls { address, .. } => write!(f, "tcp://{address} with TLS"),
            Endpoint::Ssh(Ssh { user, host, port, socket, .. }) => {
                let user = user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                let port = port.map_or_else(String::new, |port| format!(":{port}"));
                write!(f, "ssh://{user}{host}{port}{}", socket.as_deref().unwrap_or_default())
            }
        }
    }
}
