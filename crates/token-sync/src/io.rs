//! Every system call by which a commit touches the disk, one method each, so that a test can fail or stop it at any of them.

use std::{
    ffi::OsStr,
    fmt,
    fs::{File, TryLockError},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid},
    io::{Errno, Result, retry_on_intr},
};

use crate::FileFacts;

/// The system, as a commit sees it. Names are relative to an open folder, which was opened without following a link: none that is
/// swapped in above it counts.
pub(crate) trait Io: fmt::Debug + Send + Sync {
    /// The path without links, `.` and `..`; everything on it must be there.
    fn real_path(&self, path: &Path) -> Result<PathBuf>;
    /// Opens what is there; a path is taken from the process's own folder.
    fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd>;
    /// Opens the folder at an absolute path, name by name; a link anywhere on it is refused.
    fn open_folder(&self, path: &Path) -> Result<OwnedFd>;
    /// Opens what is in `folder`; a link itself is refused.
    fn open_at(&self, folder: BorrowedFd<'_>, name: &OsStr, flags: OFlags) -> Result<OwnedFd>;
    /// Makes a new file that only its owner can read; what is there already is an error.
    fn create(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd>;
    /// What an open file is.
    fn stat(&self, file: BorrowedFd<'_>) -> Result<Facts>;
    /// Whether a name is in `folder`, be it a link.
    fn is_there(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<bool>;
    /// Reads on into `buffer`; 0 is the end.
    fn read(&self, file: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize>;
    /// Writes on; maybe less than all.
    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize>;
    /// Cuts the file.
    fn truncate(&self, file: BorrowedFd<'_>, length: u64) -> Result<()>;
    /// Gives the file away.
    fn set_owner(&self, file: BorrowedFd<'_>, uid: u32, gid: u32) -> Result<()>;
    /// Sets the permission bits.
    fn set_mode(&self, file: BorrowedFd<'_>, mode: u32) -> Result<()>;
    /// Waits until file or folder is safe on the disk.
    fn sync(&self, file: BorrowedFd<'_>) -> Result<()>;
    /// Puts `from` in the place of `to`, in one step.
    fn rename(&self, folder: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<()>;
    /// Removes a file.
    fn remove(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<()>;
    /// Makes a folder.
    fn make_folder(&self, folder: BorrowedFd<'_>, name: &OsStr, mode: u32) -> Result<()>;
    /// Removes an empty folder.
    fn remove_folder(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<()>;
    /// Takes the lock; `false` if another has it.
    fn try_lock(&self, file: &File) -> Result<bool>;
}

/// What an open file is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) kind: FileType,
    pub(crate) file: FileFacts,
    pub(crate) identity: Identity,
}

/// The one file or folder that it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    number: u64,
}

/// How a folder is opened that is only passed through: it need not be readable.
#[cfg(target_os = "linux")]
const ON_THE_WAY: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const ON_THE_WAY: OFlags = OFlags::empty();

impl From<Stat> for Facts {
    fn from(stat: Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            file: FileFacts { mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid },
            identity: Identity { device: stat.st_dev, number: stat.st_ino },
        }
    }
}

/// The real system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct System;

impl Io for System {
    fn real_path(&self, path: &Path) -> Result<PathBuf> {
        std::fs::canonicalize(path).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }
    fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd> {
        retry_on_intr(|| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()))
    }
    fn open_folder(&self, path: &Path) -> Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let mut names = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(Ok(name)),
            Component::ParentDir => Some(Err(Errno::INVAL)),
            _ => None,
        });
        let mut next = names.next().transpose()?;
        let mut here = self.open(Path::new("/"), if next.is_some() { flags | ON_THE_WAY } else { flags })?;
        while let Some(name) = next {
            next = names.next().transpose()?;
            here = self.open_at(here.as_fd(), name, if next.is_some() { flags | ON_THE_WAY } else { flags })?;
        }
        Ok(here)
    }
    fn open_at(&self, folder: BorrowedFd<'_>, name: &OsStr, flags: OFlags) -> Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        retry_on_intr(|| rustix::fs::openat(folder, name, flags, Mode::empty()))
    }
    fn create(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        retry_on_intr(|| rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o600)))
    }
    fn stat(&self, file: BorrowedFd<'_>) -> Result<Facts> {
        rustix::fs::fstat(file).map(Facts::from)
    }
    fn is_there(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<bool> {
        match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }
    fn read(&self, file: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
        retry_on_intr(|| rustix::io::read(file, &mut *buffer))
    }
    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
        retry_on_intr(|| rustix::io::write(file, bytes))
    }
    fn truncate(&self, file: BorrowedFd<'_>, length: u64) -> Result<()> {
        retry_on_intr(|| rustix::fs::ftruncate(file, length))
    }
    fn set_owner(&self, file: BorrowedFd<'_>, uid: u32, gid: u32) -> Result<()> {
        rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
    }
    fn set_mode(&self, file: BorrowedFd<'_>, mode: u32) -> Result<()> {
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode))
    }
    fn sync(&self, file: BorrowedFd<'_>) -> Result<()> {
        retry_on_intr(|| rustix::fs::fsync(file))
    }
    fn rename(&self, folder: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<()> {
        rustix::fs::renameat(folder, from, folder, to)
    }
    fn remove(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        rustix::fs::unlinkat(folder, name, AtFlags::empty())
    }
    fn make_folder(&self, folder: BorrowedFd<'_>, name: &OsStr, mode: u32) -> Result<()> {
        rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(mode))
    }
    fn remove_folder(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)
    }
    fn try_lock(&self, file: &File) -> Result<bool> {
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
        }
    }
}

#[cfg(test)]
pub(crate) mod faulty;
#[cfg(test)]
mod power;
#[cfg(test)]
pub(crate) use power::PowerModel;
