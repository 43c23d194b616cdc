//! A folder of the host, and what a container's user may do in it.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// Who a container's process is, as the host's file system sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Its further groups, which only a process that runs tells.
    pub groups: Vec<u32>,
    /// Permissions do not stop it: root that kept `DAC_OVERRIDE`.
    pub overrides: bool,
}

impl Identity {
    /// Of a container that runs as `user` (`UID[:GID]`; root if nobody said so) and keeps these capabilities. `None` for a user
    /// whose number only the image knows.
    #[must_use]
    pub fn of(user: Option<&str>, capabilities: &[String]) -> Option<Identity> {
        let user = user.unwrap_or("0");
        let (uid, gid) = user.split_once(':').map_or((user, None), |(uid, gid)| (uid, Some(gid)));
        let number = |name: &str| if name == "root" { Some(0) } else { name.parse().ok() };
        let uid = number(uid)?;
        // A number without a group has group 0, unless the image's own list of users says otherwise.
        let gid = gid.map_or(Some(0), number)?;
        let keeps = |name: &str| capabilities.iter().any(|one| one == "ALL" || one.strip_prefix("CAP_").unwrap_or(one) == name);
        Some(Identity { uid, gid, groups: Vec::new(), overrides: uid == 0 && keeps("DAC_OVERRIDE") })
    }

    /// What it may do with something of that owner, group and mode: 4 for read, 2 for write, 1 for pass through, put together.
    #[must_use]
    pub fn granted(&self, uid: u32, gid: u32, mode: u32) -> u32 {
        let granted = match self {
            Identity { overrides: true, .. } => 7,
            who if who.uid == uid => mode >> 6,
            who if who.gid == gid || who.groups.contains(&gid) => mode >> 3,
            _ => mode,
        };
        granted & 7
    }
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FolderFacts {
    /// A folder.
    Folder {
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// Something that is no folder.
    NotAFolder,
    /// Nothing.
    Missing,
    /// It can't be told, and why.
    Unknown(String),
}

impl FolderFacts {
    /// Whether `who` may read all names in it and pass through it; and, with `write`, make files there.
    #[must_use]
    pub fn lets(&self, who: &Identity, write: bool) -> bool {
        let FolderFacts::Folder { uid, gid, mode } = *self else { return false };
        let needed = if write { 7 } else { 5 };
        who.granted(uid, gid, mode) & needed == needed
    }
}

/// Looks at `path`.
#[must_use]
pub fn folder(path: &Path) -> FolderFacts {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => FolderFacts::Folder { uid: found.uid(), gid: found.gid(), mode: found.mode() & 0o7777 },
        Ok(_) => FolderFacts::NotAFolder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => FolderFacts::Missing,
        Err(error) => FolderFacts::Unknown(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_a_container_is() {
        let none: &[String] = &[];
        let keeps = ["CAP_DAC_OVERRIDE".to_owned()];
        let id = |uid, gid, overrides| Some(Identity { uid, gid, groups: Vec::new(), overrides });
        assert_eq!(Identity::of(None, none), id(0, 0, false), "all capabilities are dropped: root is stopped like anybody");
        assert_eq!(Identity::of(None, &keeps), id(0, 0, true));
        assert_eq!(Identity::of(Some("1000"), &keeps), id(1000, 0, false));
        assert_eq!(Identity::of(Some("1000:1001"), none), id(1000, 1001, false));
        assert_eq!(Identity::of(Some("comfy"), none), None);
    }

    #[test]
    fn what_a_folder_lets_whom_do() {
        let who = |uid, gid| Identity { uid, gid, groups: Vec::new(), overrides: false };
        let folder = |mode| FolderFacts::Folder { uid: 1000, gid: 1000, mode };
        for (mode, who, read, write) in [
            (0o755, who(1000, 1000), true, true),
            (0o755, who(0, 0), true, false),
            (0o700, who(0, 0), false, false),
            (0o770, who(1, 1000), true, true),
            (0o070, who(1000, 1000), false, false),
            (0o777, who(1, 1), true, true),
            (0o770, Identity { groups: vec![7, 1000], ..who(1, 1) }, true, true),
            (0o707, Identity { groups: vec![1000], ..who(1, 1) }, false, false),
            (0o700, Identity { overrides: true, ..who(0, 0) }, true, true),
        ] {
            assert_eq!((folder(mode).lets(&who, false), folder(mode).lets(&who, true)), (read, write), "{mode:o} {who:?}");
        }
        assert!(!FolderFacts::Missing.lets(&who(0, 0), false));
    }
}
