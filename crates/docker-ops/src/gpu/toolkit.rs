//! NVIDIA's toolkit on this machine, and whether the engine that runs here is older than it.

use std::{ffi::OsStr, os::unix::fs::MetadataExt as _, path::PathBuf};

use tokio::net::UnixStream;

use crate::Endpoint;

/// What the engine looks for on its `PATH`, once, when it starts.
const HOOK: &str = "nvidia-container-runtime-hook";

/// Ticks of a second in `/proc`, on every Linux that runs an engine.
const TICKS: u64 = 100;

/// NVIDIA's toolkit, as far as the engine needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Toolkit {
    /// Where the program lies that gives cards to a starting container.
    pub hook: Option<PathBuf>,
    /// When it came there, in seconds since 1970.
    pub installed: Option<u64>,
}

impl Toolkit {
    /// Looks for it in the folders of `path`, which is written as `PATH` is.
    #[must_use]
    pub fn look(path: &OsStr) -> Toolkit {
        let found = std::env::split_paths(path).map(|folder| folder.join(HOOK)).find_map(|hook| {
            // The change time: packages set the modification time to when they were made.
            let changed = hook.metadata().ok().filter(std::fs::Metadata::is_file)?.ctime();
            Some((hook, u64::try_from(changed).ok()))
        });
        found.map_or_else(Toolkit::default, |(hook, installed)| Toolkit { hook: Some(hook), installed })
    }
}

/// When the engine that listens here started, in seconds since 1970. `None` if it is not on this machine, or another process holds its
/// socket for it, as systemd does.
pub(super) async fn started(endpoint: &Endpoint) -> Option<u64> {
    let Endpoint::Unix(socket) = endpoint else { return None };
    let pid = UnixStream::connect(socket).await.ok()?.peer_cred().ok()?.pid()?;
    let status = tokio::fs::read_to_string(format!("/proc/{pid}/stat")).await.ok()?;
    let boot = tokio::fs::read_to_string("/proc/stat").await.ok()?;
    since(&status, &boot)
}

fn since(status: &str, boot: &str) -> Option<u64> {
    // The program's name is in brackets and may hold blanks; `starttime` is the 22nd field, the 20th after it.
    let (begin, rest) = status.rsplit_once(')')?;
    if !begin.ends_with("(dockerd") {
        return None;
    }
    let ticks: u64 = rest.split_ascii_whitespace().nth(19)?.parse().ok()?;
    let boot: u64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
    Some(boot + ticks / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str =
        "3391 (dockerd) S 1 3391 3391 0 -1 4194560 19 0 0 0 45 31 0 0 20 0 12 0 12345 1494118400 18937 18446744073709551615";

    #[test]
    fn the_start_is_read_of_an_engine_and_of_nothing_else() {
        let boot = "cpu 1 2 3\nbtime 1000\nprocesses 7\n";
        assert_eq!(since(STATUS, boot), Some(1123));
        assert_eq!(since(&STATUS.replace("dockerd", "systemd"), boot), None);
    }

    #[test]
    fn the_hook_is_found_on_the_path_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Toolkit::look(folder.path().as_os_str()), Toolkit::default());
        std::fs::write(folder.path().join(HOOK), "").unwrap();
        let found = Toolkit::look(folder.path().as_os_str());
        assert_eq!(found.hook, Some(folder.path().join(HOOK)));
        assert!(found.installed.is_some());
    }
}
