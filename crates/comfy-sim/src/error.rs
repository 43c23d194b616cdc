//! What can keep the server from starting.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Why the embedded server did not start, or a scenario cannot be read. Once a server runs, every fault is an HTTP answer.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Cause);

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another program listens on the address.
    AddressInUse,
    /// The address cannot be listened on for another reason.
    Listen,
    /// A folder or file of the ComfyUI folder cannot be made or read.
    Io,
    /// No ComfyUI folder was given.
    NoFolder,
    /// The session key file does not hold a key.
    SessionKey,
    /// The login would have a key that anybody can guess, where others can reach it.
    NoEntropy,
    /// A model was named in a folder that is no model folder.
    NoModelFolder,
    /// A scenario file says what no scenario can say.
    Scenario,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("another program listens on `{0}`")]
    AddressInUse(SocketAddr),
    #[error("cannot listen on `{0}`")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("cannot {0} `{path}`", path = .1.display())]
    Io(&'static str, PathBuf, #[source] io::Error),
    #[error("no `comfy_dir` was given")]
    NoFolder,
    #[error("no `entropy` was given for a login that others can reach at `{0}`")]
    NoEntropy(SocketAddr),
    #[error("`{0}` is no model folder")]
    NoModelFolder(String),
    #[error("no scenario: {0}")]
    Scenario(String),
    #[error("no session key in `{path}`", path = .0.display())]
    SessionKey(PathBuf),
}

impl Error {
    /// What kind of fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.0 {
            Cause::AddressInUse(_) => ErrorKind::AddressInUse,
            Cause::Listen(..) => ErrorKind::Listen,
            Cause::Io(..) => ErrorKind::Io,
            Cause::NoFolder => ErrorKind::NoFolder,
            Cause::SessionKey(_) => ErrorKind::SessionKey,
            Cause::NoEntropy(_) => ErrorKind::NoEntropy,
            Cause::NoModelFolder(_) => ErrorKind::NoModelFolder,
            Cause::Scenario(_) => ErrorKind::Scenario,
        }
    }

    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self(Cause::Io(doing, path.to_owned(), source))
    }

    pub(crate) fn listen(addr: SocketAddr, source: io::Error) -> Self {
        Self(match source.kind() {
            io::ErrorKind::AddrInUse => Cause::AddressInUse(addr),
            _ => Cause::Listen(addr, source),
        })
    }
}
