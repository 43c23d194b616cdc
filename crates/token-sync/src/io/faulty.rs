//! The real system with faults on demand: a call that fails, a disk that is full from some call on, a process that stops.

use std::{
    ffi::OsStr,
    fs::File,
    os::fd::{BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustix::{
    fs::OFlags,
    io::{Errno, Result},
};

use super::{Facts, Io, System, power::PowerModel};

/// What goes wrong, and at which call, counted from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// This one call fails; a write is done by half before.
    Fail(usize, Errno),
    /// From this call on there is no room left: for names, for bytes.
    Full(usize),
    /// The process is killed in this call, a write done by half: nothing happens any more.
    Stop(usize),
}

/// Counts calls and lets the faults happen. It waits for no disk; the model, if there is one, knows what was waited for.
#[derive(Debug, Default)]
pub(crate) struct Faulty {
    faults: Vec<Fault>,
    calls: AtomicUsize,
    fired: AtomicUsize,
    names: Mutex<Vec<&'static str>>,
    model: Option<Arc<PowerModel>>,
}

impl Faulty {
    pub(crate) fn new(faults: &[Fault]) -> Arc<Self> {
        Arc::new(Self { faults: faults.to_vec(), ..Self::default() })
    }

    pub(crate) fn on_model(faults: &[Fault], model: Arc<PowerModel>) -> Arc<Self> {
        Arc::new(Self { faults: faults.to_vec(), model: Some(model), ..Self::default() })
    }

    /// How many of the faults happened.
    pub(crate) fn fired(&self) -> usize {
        self.fired.load(Ordering::Relaxed)
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// The last call, for the message of a test that fails.
    pub(crate) fn last(&self) -> Option<&'static str> {
        self.names.lock().unwrap().last().copied()
    }

    fn gate(&self, name: &'static str, needs_room: bool) -> Result<()> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let stopped = self.faults.iter().any(|fault| matches!(fault, Fault::Stop(at) if *at < call));
        if stopped {
            return Err(Errno::IO);
        }
        self.names.lock().unwrap().push(name);
        for fault in &self.faults {
            let error = match fault {
                Fault::Fail(at, error) if *at == call => *error,
                Fault::Stop(at) if *at == call => Errno::IO,
                Fault::Full(at) if *at <= call && needs_room => Errno::NOSPC,
                _ => continue,
            };
            self.fired.fetch_add(1, Ordering::Relaxed);
            return Err(error);
        }
        Ok(())
    }
}

impl Io for Faulty {
    fn real_path(&self, path: &Path) -> Result<PathBuf> {
        self.gate("real_path", false)?;
        System.real_path(path)
    }
    fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd> {
        self.gate("open", false)?;
        System.open(path, flags)
    }
    fn open_folder(&self, path: &Path) -> Result<OwnedFd> {
        self.gate("open_folder", false)?;
        System.open_folder(path)
    }
    fn open_at(&self, folder: BorrowedFd<'_>, name: &OsStr, flags: OFlags) -> Result<OwnedFd> {
        self.gate("open_at", false)?;
        System.open_at(folder, name, flags)
    }
    fn create(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd> {
        self.gate("create", true)?;
        let file = System.create(folder, name)?;
        if let Some(model) = &self.model {
            model.created(&file);
        }
        Ok(file)
    }
    fn stat(&self, file: BorrowedFd<'_>) -> Result<Facts> {
        self.gate("stat", false)?;
        System.stat(file)
    }
    fn is_there(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<bool> {
        self.gate("is_there", false)?;
        System.is_there(folder, name)
    }
    fn read(&self, file: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
        self.gate("read", false)?;
        System.read(file, buffer)
    }
    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
        let before = self.fired();
        self.gate("write", true).inspect_err(|_| {
            if self.fired() > before {
                let _ = System.write(file, &bytes[..bytes.len() / 2]);
            }
        })?;
        System.write(file, bytes)
    }
    fn truncate(&self, file: BorrowedFd<'_>, length: u64) -> Result<()> {
        self.gate("truncate", false)?;
        System.truncate(file, length)
    }
    fn set_owner(&self, file: BorrowedFd<'_>, uid: u32, gid: u32) -> Result<()> {
        self.gate("set_owner", false)?;
        System.set_owner(file, uid, gid)
    }
    fn set_mode(&self, file: BorrowedFd<'_>, mode: u32) -> Result<()> {
        self.gate("set_mode", false)?;
        System.set_mode(file, mode)
    }
    fn sync(&self, file: BorrowedFd<'_>) -> Result<()> {
        self.gate("sync", false)?;
        if let Some(model) = &self.model {
            model.synced(file);
        }
        Ok(())
    }
    fn rename(&self, folder: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<()> {
        self.gate("rename", false)?;
        System.rename(folder, from, to)
    }
    fn remove(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        self.gate("remove", false)?;
        System.remove(folder, name)
    }
    fn make_folder(&self, folder: BorrowedFd<'_>, name: &OsStr, mode: u32) -> Result<()> {
        self.gate("make_folder", true)?;
        System.make_folder(folder, name, mode)
    }
    fn remove_folder(&self, folder: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
        self.gate("remove_folder", false)?;
        System.remove_folder(folder, name)
    }
    fn try_lock(&self, file: &File) -> Result<bool> {
        self.gate("try_lock", false)?;
        System.try_lock(file)
    }
}
