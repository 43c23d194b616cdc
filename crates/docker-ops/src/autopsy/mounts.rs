//! What a container sees of the host, and whether that is still what lies there.

use std::{fs, os::unix::fs::MetadataExt};

use serde_json::Value;

use super::{Machine, inspect::text, kernel::containers};
use crate::Identity;

/// What a container sees of the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MountFacts {
    /// `bind`, `volume`, `tmpfs` …
    pub kind: String,
    /// The host's path.
    pub source: String,
    /// The path in the container.
    pub target: String,
    /// Whether the container may write to it.
    pub is_writable: bool,
    /// What lies at the host's path now; none where that can't be seen.
    pub now: Option<MountSource>,
    /// Whether the container sees something else than what lies there: it was replaced after the start; none where that can't be seen.
    pub is_stale: Option<bool>,
    /// Who the container's main process is; none where that can't be seen.
    pub seen_by: Option<Identity>,
}

/// What lies at a mount's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountSource {
    /// Nothing.
    Gone,
    /// A file or a folder, its owner's user and group, and its mode.
    There {
        /// Whether it is a folder.
        is_folder: bool,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its permission bits.
        mode: u32,
    },
}

impl MountFacts {
    pub(super) fn read(mount: &Value) -> Self {
        Self {
            kind: text(&mount["Type"]),
            source: text(&mount["Source"]),
            target: text(&mount["Destination"]),
            is_writable: mount["RW"].as_bool().unwrap_or(false),
            ..Self::default()
        }
    }
}

/// Looks at the sources, and through the eyes of the container's main process. Only where the engine's machine is this one, and only
/// after the process has been seen to be the container's: numbers of processes mean nothing elsewhere.
pub(super) fn look(mounts: &mut [MountFacts], id: &str, pid: Option<u32>, machine: &Machine) {
    if !machine.is_here {
        return;
    }
    let pid = pid.filter(|pid| {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        groups.lines().filter_map(|line| containers(line).next_back()).next_back() == Some(id)
    });
    let user = pid.and_then(|pid| identity(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?));
    for mount in mounts.iter_mut().filter(|mount| mount.kind == "bind") {
        let here = fs::metadata(&mount.source);
        mount.now = match &here {
            Ok(meta) => {
                let (uid, gid, mode) = (meta.uid(), meta.gid(), meta.mode() & 0o7777);
                Some(MountSource::There { is_folder: meta.is_dir(), uid, gid, mode })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(MountSource::Gone),
            Err(_) => None,
        };
        mount.seen_by = user.clone();
        let inside = pid.and_then(|pid| fs::metadata(format!("/proc/{pid}/root{}", mount.target)).ok());
        mount.is_stale = match (inside, here) {
            (Some(inside), Ok(here)) => Some((inside.dev(), inside.ino()) != (here.dev(), here.ino())),
            (Some(_), Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Some(true),
            _ => None,
        };
    }
}

/// The effective user and group, the further groups, and the capabilities in `/proc/PID/status`.
fn identity(status: &str) -> Option<Identity> {
    /// The number of `CAP_DAC_OVERRIDE`.
    const OVERRIDE: u32 = 1;
    let fields = |name: &str| status.lines().find_map(|line| Some(line.strip_prefix(name)?.split_whitespace()));
    let number = |name: &str| fields(name)?.nth(1)?.parse().ok();
    let (uid, gid) = (number("Uid:")?, number("Gid:")?);
    let groups = fields("Groups:")?.filter_map(|group| group.parse().ok()).filter(|group| *group != gid).collect();
    let capabilities = u64::from_str_radix(fields("CapEff:")?.next()?, 16).ok()?;
    Some(Identity { uid, gid, groups, overrides: uid == 0 && capabilities >> OVERRIDE & 1 == 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_a_process_is_in_effect() {
        let of = |user, capabilities| {
            identity(&format!(
                "Name:\tx\nUid:\t0\t{user}\t0\t0\nGid:\t0\t100\t0\t0\nGroups:\t7 100 8 \nCapEff:\t{capabilities}\n"
            ))
            .unwrap()
        };
        assert_eq!(of(1000, "0000000000000000"), Identity { uid: 1000, gid: 100, groups: vec![7, 8], overrides: false });
        assert!(of(0, "00000000a80425fb").overrides, "what an engine leaves to root");
        assert!(!of(0, "00000000a80425f9").overrides && !of(0, "0000000000000000").overrides);
        assert_eq!(identity("Name:\tx\n"), None);
    }

    #[test]
    fn of_another_machine_nothing_is_seen() {
        let mut mounts = [MountFacts { kind: "bind".into(), source: "/".into(), ..MountFacts::default() }];
        look(&mut mounts, "", Some(1), &Machine::default());
        assert_eq!(mounts[0].now, None);
        look(&mut mounts, "", Some(1), &Machine { is_here: true, ..Machine::default() });
        assert!(matches!(mounts[0].now, Some(MountSource::There { is_folder: true, .. })));
        assert_eq!(mounts[0].is_stale, None, "process 1 is no container's");
    }
}
