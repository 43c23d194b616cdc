//! A file beside its final place, while it is written: nobody takes it away meanwhile, and it never stays.
//!
//! Its writer holds a lock on it, which the system lets go when the process ends, however it ends. What is not locked is a
//! left-over, but in the moment between being made and being locked: so whoever has locked a file looks whether it is there
//! still. No name is used twice, so that nobody removes another file than the one that he has locked.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use super::failed;
use crate::error::{Error, ErrorKind};
use crate::ids::Ids;

const HEAD: &str = ".comfy-";
const TAIL: &str = ".part";
/// Random bytes of a name.
const MARK: usize = 6;
/// How often another may be quicker than our lock.
const TRIES: usize = 8;

/// A file that is taken away again unless it is kept.
pub(super) struct Partial {
    pub(super) path: PathBuf,
    pub(super) kept: bool,
}

impl Partial {
    /// Makes the file, locked while it is open, and takes away those that nobody holds any more. The guard is made with
    /// it, and so takes it away again though the caller has gone meanwhile.
    pub(super) async fn make(dir: &Path, ids: &Ids) -> Result<(Self, tokio::fs::File), Error> {
        for _ in 0..TRIES {
            let (dir, mark) = (dir.to_owned(), HEXLOWER.encode(&ids.draw()?[..MARK]));
            let make = move || {
                sweep(&dir);
                Self::locked(dir.join([HEAD, &mark, TAIL].concat()))
            };
            let made = tokio::task::spawn_blocking(make).await;
            if let Some((partial, disk)) = made.map_err(|cause| none_made().because(cause))?? {
                return Ok((partial, tokio::fs::File::from_std(disk)));
            }
        }
        Err(none_made())
    }

    /// None if another took it for a left-over, before it was locked.
    fn locked(path: PathBuf) -> Result<Option<(Self, File)>, Error> {
        let disk =
            OpenOptions::new().write(true).create_new(true).open(&path).map_err(|cause| failed("written", &path, cause))?;
        let partial = Self { path, kept: false };
        Ok(lock(&disk, &partial.path).then_some((partial, disk)))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.kept {
            // The download has failed already; what is left of it is all that could be reported here.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the file is ours now: nobody else has locked it, nor taken it away before. Where files cannot be locked, nobody
/// can take it for a left-over either.
fn lock(disk: &File, path: &Path) -> bool {
    !matches!(disk.try_lock(), Err(TryLockError::WouldBlock)) && path.exists()
}

/// Takes away what nobody holds. What cannot be is no matter of this download.
fn sweep(dir: &Path) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let parts = entries.filter(|entry| is_part(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_file()));
    for path in parts.map(|entry| entry.path()) {
        // The lock is held until it is gone.
        let Ok(left) = OpenOptions::new().write(true).open(&path) else { continue };
        if left.try_lock().is_ok() && fs::remove_file(&path).is_ok() {
            tracing::debug!(path = %path.display(), "took away what an earlier download left");
        }
    }
}

fn is_part(name: &std::ffi::OsStr) -> bool {
    let mark = name.to_str().and_then(|name| name.strip_prefix(HEAD)?.strip_suffix(TAIL));
    mark.is_some_and(|mark| mark.len() == 2 * MARK && HEXLOWER.decode(mark.as_bytes()).is_ok())
}

fn none_made() -> Error {
    Error::new(ErrorKind::Io, "no temporary file was made")
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::sync::mpsc;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_is_being_made_as_the_caller_goes_is_taken_away() {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            // The one thread for files is held up until the caller has gone.
            let (go, wait) = mpsc::channel::<()>();
            tokio::task::spawn_blocking(move || wait.recv());
            let mut made = Box::pin(Partial::make(dir.path(), &Ids::System));
            assert!(made.as_mut().now_or_never().is_none());
            drop(made);
            go.send(()).unwrap();
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        });
        assert!(names(dir.path()).is_empty());
    }

    #[tokio::test]
    async fn left_overs_go_and_what_is_written_or_another_s_stays() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        let (held, _disk) = Partial::make(dir.path(), &Ids::System).await.unwrap();
        fs::write(place(".comfy-0123456789ab.part"), "half").unwrap();
        let others = [".comfy-0123456789AB.part", ".comfy-01.part", ".comfy-0123456789ab.part.bak", "comfy-0123456789ab.part"];
        for name in others {
            fs::write(place(name), "another's").unwrap();
        }
        fs::create_dir(place(".comfy-ba9876543210.part")).unwrap();

        let (new, _disk) = Partial::make(dir.path(), &Ids::System).await.unwrap();
        assert!(!place(".comfy-0123456789ab.part").exists());
        assert!(held.path.exists() && new.path.exists());
        drop((held, new));
        assert_eq!(names(dir.path()).len(), others.len() + 1);
    }

    #[test]
    fn a_file_that_another_was_quicker_to_lock_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".comfy-0123456789ab.part");
        let made = File::create(&path).unwrap();
        let sweeper = File::options().write(true).open(&path).unwrap();
        sweeper.lock().unwrap();
        assert!(!lock(&made, &path), "it is about to be taken away");
        drop(sweeper);
        sweep(dir.path());
        assert!(!lock(&made, &path), "it is gone");
        assert!(lock(&File::create(&path).unwrap(), &path));
    }
}
