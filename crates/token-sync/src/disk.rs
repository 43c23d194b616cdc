//! Reads and replaces single files so that no reader ever sees one empty, half-written, loose or followed through a link.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fchmod, fchown, fstat, fsync, open, openat, renameat, unlinkat};

use crate::{Error, ErrorKind};

/// The largest file that is read: secrets and the files that carry them are small.
const LIMIT: u64 = 4 * 1024 * 1024;
/// How a temporary file is told from all others; a stale one is removed when its file is written next.
const TEMPORARY: &str = ".genai-tmp-";

/// Who owns a file and who may touch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFacts {
    /// The permission bits, such as `0o600`.
    pub mode: u32,
    /// The owner's user id.
    pub uid: u32,
    /// The owner's group id.
    pub gid: u32,
}

impl FileFacts {
    /// Whether others than the owner may read or write.
    pub fn is_private(&self) -> bool {
        self.mode & 0o077 == 0
    }

    /// The mode for what replaces the file: never looser, never open to everybody; a group that could read still can.
    fn tightened(&self) -> u32 {
        (self.mode & 0o640) | 0o600
    }
}

/// The content and facts of the plain file at `path`; `None` if nothing is there.
pub(crate) fn read(path: &Path) -> Result<Option<(Vec<u8>, FileFacts)>, Error> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP) => return Err(link(path)),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let stat = fstat(&file).map_err(|error| Error::io("read", path, error))?;
    let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
    if !kind.is_file() {
        let what = if kind.is_dir() { "a folder" } else { "a device, socket or FIFO" };
        return Err(Error::new(ErrorKind::NotAFile, format!("`{}` is {what}, not a file", path.display()))
            .hint("move it away, or name another path"));
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| Error::io("read", path, error))?;
    if bytes.len() as u64 > LIMIT {
        return Err(Error::new(ErrorKind::TooLarge, format!("`{}` is larger than {} MiB", path.display(), LIMIT >> 20))
            .hint("a file that carries a token is small: is it the right one?"));
    }
    Ok(Some((bytes, FileFacts { mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid })))
}

/// The facts of the folder at `path`; `None` if nothing is there.
pub(crate) fn folder_facts(path: &Path) -> Result<Option<FileFacts>, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match open(path, flags, Mode::empty()).and_then(fstat) {
        Ok(stat) => Ok(Some(FileFacts { mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid })),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(Error::io("open the folder", path, error)),
    }
}

/// Makes the folder at `path` and those above it; a new one gets `mode`, one that is there stays as it is.
pub(crate) fn make_folder(path: &Path, mode: u32) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let at_it = |error: io::Error| Error::io("make the folder", path, error);
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(at_it)?;
    }
    match std::fs::DirBuilder::new().mode(mode).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(at_it(error)),
    }
}

/// Takes every right from others than the owner; the folder must be there.
pub(crate) fn make_folder_private(path: &Path) -> Result<(), Error> {
    let fd = open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    fd.and_then(|fd| fchmod(fd, Mode::from_raw_mode(0o700))).map_err(|error| Error::io("make private the folder", path, error))
}

/// Bytes that lie complete on the disk beside the file they will replace. Dropped without [`Staged::commit`], they are gone.
#[derive(Debug)]
pub(crate) struct Staged {
    folder: OwnedFd,
    temporary: OsString,
    name: OsString,
    path: PathBuf,
    done: bool,
}

impl Staged {
    /// Writes `bytes` beside `path`, 0600 from birth, then gives them the owner of `replaced` and its mode, tightened.
    pub(crate) fn write(path: &Path, bytes: &[u8], replaced: Option<FileFacts>) -> Result<Self, Error> {
        let at_it = |error| Error::io("write", path, error);
        let name =
            path.file_name().ok_or_else(|| Error::new(ErrorKind::Target, format!("`{}` names no file", path.display())))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = openat(CWD, parent, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(at_it)?;
        refuse_link(&folder, name, path)?;
        let (temporary, fd) = create_temporary(&folder, name).map_err(at_it)?;
        let staged = Self { folder, temporary, name: name.to_owned(), path: path.to_owned(), done: false };
        let mut file = File::from(fd);
        file.write_all(bytes).map_err(|error| Error::io("write", path, error))?;
        if let Some(facts) = replaced {
            let own = fstat(&file).map_err(at_it)?;
            if (own.st_uid, own.st_gid) != (facts.uid, facts.gid) {
                let owner = (rustix::fs::Uid::from_raw(facts.uid), rustix::fs::Gid::from_raw(facts.gid));
                fchown(&file, Some(owner.0), Some(owner.1)).map_err(|error| Error::io("keep the owner of", path, error))?;
            }
            fchmod(&file, Mode::from_raw_mode(facts.tightened())).map_err(at_it)?;
        }
        fsync(&file).map_err(at_it)?;
        Ok(staged)
    }

    /// Puts the bytes in the file's place in one step.
    pub(crate) fn commit(mut self) -> Result<(), Error> {
        refuse_link(&self.folder, &self.name, &self.path)?;
        renameat(&self.folder, &self.temporary, &self.folder, &self.name)
            .map_err(|error| Error::io("replace", &self.path, error))?;
        self.done = true;
        fsync(&self.folder).map_err(|error| Error::io("sync the folder of", &self.path, error))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.done {
            let _ = unlinkat(&self.folder, &self.temporary, AtFlags::empty());
        }
    }
}

/// Removes the file at `path`, to undo its creation.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    std::fs::remove_file(path).map_err(|error| Error::io("remove", path, error))
}

/// A new file in `folder`, readable by its owner alone from its first moment. A stale one of the same name, left by a
/// process that was killed, is removed.
fn create_temporary(folder: &OwnedFd, name: &OsStr) -> rustix::io::Result<(OsString, OwnedFd)> {
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(TEMPORARY);
    temporary.push(rustix::process::getpid().to_string());
    let create = || {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(folder, &temporary, flags, Mode::from_raw_mode(0o600))
    };
    let fd = match create() {
        Err(rustix::io::Errno::EXIST) => {
            unlinkat(folder, &temporary, AtFlags::empty())?;
            create()
        }
        other => other,
    }?;
    Ok((temporary, fd))
}

fn refuse_link(folder: &OwnedFd, name: &OsStr, path: &Path) -> Result<(), Error> {
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink() => Err(link(path)),
        Ok(stat) if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() => {
            Err(Error::new(ErrorKind::NotAFile, format!("`{}` is a folder, not a file", path.display()))
                .hint("move it away, or name another path"))
        }
        _ => Ok(()),
    }
}

fn link(path: &Path) -> Error {
    Error::new(ErrorKind::NotAFile, format!("`{}` is a symbolic link", path.display()))
        .hint("name the file that it points to, or replace the link by a file")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_new_file_is_private_and_a_loose_one_is_tightened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        Staged::write(&path, b"one", None).unwrap().commit().unwrap();
        assert_eq!((mode(&path), std::fs::read(&path).unwrap()), (0o600, b"one".to_vec()));
        for (before, after) in [(0o644, 0o640), (0o666, 0o640), (0o604, 0o600), (0o600, 0o600), (0o400, 0o600)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(before)).unwrap();
            let facts = read(&path).unwrap().unwrap().1;
            Staged::write(&path, b"two", Some(facts)).unwrap().commit().unwrap();
            assert_eq!(mode(&path), after, "from {before:o}");
        }
    }

    #[test]
    fn what_is_not_committed_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "old").unwrap();
        drop(Staged::write(&path, b"new", None).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_folders_and_absent_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        symlink(at("file"), at("link")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        assert!(read(&at("absent")).unwrap().is_none());
        assert_eq!(read(&at("link")).unwrap_err().kind(), ErrorKind::NotAFile);
        assert_eq!(read(&at("folder")).unwrap_err().kind(), ErrorKind::NotAFile);
        assert_eq!(Staged::write(&at("link"), b"y", None).unwrap_err().kind(), ErrorKind::NotAFile);
        assert_eq!(Staged::write(&at("folder"), b"y", None).unwrap_err().kind(), ErrorKind::NotAFile);
        assert_eq!(std::fs::read(at("file")).unwrap(), b"x");
    }

    #[test]
    fn a_huge_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        File::create(&path).unwrap().set_len(LIMIT + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}
