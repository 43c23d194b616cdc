//! The usual sockets, for where nobody says which engine is meant.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::net::UnixStream;

use super::{Endpoint, Rule, host::DEFAULT_SOCKET};
use crate::{Error, ErrorKind};

/// A socket, and whose it is.
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) whose: &'static str,
}

/// In the order in which they are tried: the system's engine, then the user's own, then Podman.
pub(super) fn usual(runtime_dir: Option<&Path>, home: Option<&Path>) -> Vec<Place> {
    let place = |path: PathBuf, whose| Place { path, whose };
    let at = |folder: Option<&Path>, path: &str, whose| folder.map(|folder| place(folder.join(path), whose));
    [
        Some(place(DEFAULT_SOCKET.into(), "the system's socket")),
        at(runtime_dir, "docker.sock", "the socket of rootless Docker"),
        at(home, ".docker/run/docker.sock", "the user's own socket"),
        at(home, ".docker/desktop/docker.sock", "the socket of Docker Desktop"),
        at(runtime_dir, "podman/podman.sock", "the socket of rootless Podman"),
        Some(place("/run/podman/podman.sock".into(), "the socket of Podman")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The first where somebody listens, and what became of those before it that are there. A socket that is there and may not be opened ends the search: another engine would not be the one that
/// is meant.
pub(super) async fn first(places: &[Place]) -> Result<(Endpoint, Rule, Vec<String>), Error> {
    let (mut absent, mut dead) = (Vec::new(), Vec::new());
    for Place { path, whose } in places {
        let shown = path.display();
        match UnixStream::connect(path).await.map_err(|error| (error.kind(), error)) {
            Ok(_) | Err((io::ErrorKind::PermissionDenied, _)) => {
                return Ok((Endpoint::Unix(path.clone()), Rule::Socket(whose), dead));
            }
            Err((io::ErrorKind::NotFound, _)) => absent.push(format!("`{shown}` is not there")),
            Err((io::ErrorKind::ConnectionRefused, _)) => dead.push(format!("`{shown}` is there, but nobody listens")),
            Err((_, error)) => dead.push(format!("`{shown}` can't be opened: {error}")),
        }
    }
    Err(Error::new(ErrorKind::NoEngine, "no engine listens at any of the usual sockets")
        .because([dead, absent].concat().join("; "))
        .hint("start Docker Engine (`sudo systemctl start docker`)")
        .hint("or say where it listens, with `--host`, `--context` or `DOCKER_HOST`"))
}
