//! One run at a time changes a project: a lock on a file in a folder of its own, which its process holds until it ends.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    time::Duration,
};

use tokio::time::Instant;

use crate::{Error, ErrorKind};

/// The file's name. It is never removed: who holds it would hold nothing.
const NAME: &str = ".genai-stack.lock";
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// The lock, held until it is dropped.
#[derive(Debug)]
pub struct ProjectLock {
    _file: File,
}

impl ProjectLock {
    /// Waits at most so long for the lock that lies in `folder`, and leaves `holder` in it for others who wait: who it is, and since
    /// when. A folder that is not there is made for its owner alone. It should be one that is never published, such as the one with the
    /// project's secrets.
    ///
    /// # Errors
    /// [`ErrorKind::InUse`] with who holds it; [`ErrorKind::Io`].
    pub async fn take(folder: &Path, holder: &str, at_most: Duration) -> Result<ProjectLock, Error> {
        let path = folder.join(NAME);
        let failed = |error| {
            Error::new(ErrorKind::Io, format!("can't lock the project by `{}`", path.display()))
                .because(error)
                .hint("see that you may write to that folder")
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(&path).map_err(failed)?;
        let deadline = Instant::now() + at_most;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Err(TryLockError::WouldBlock) => return Err(busy(&mut file)),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        file.set_len(0).and_then(|()| writeln!(file, "{holder}")).map_err(failed)?;
        Ok(ProjectLock { _file: file })
    }
}

fn busy(file: &mut File) -> Error {
    let mut text = Vec::new();
    let _ = file.take(200).read_to_end(&mut text); // who does not say who it is still holds it
    let holder: String =
        String::from_utf8_lossy(&text).lines().next().unwrap_or("somebody").chars().filter(|sign| !sign.is_control()).collect();
    Error::new(ErrorKind::InUse, format!("the project is being changed by {holder}"))
        .hint("wait until that run has ended, then run the same command again; the lock ends with its process")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_holds_it_and_the_other_hears_who() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = folder.path().join(".secrets");
        let held = ProjectLock::take(&secrets, "pid 7, since then", Duration::ZERO).await.unwrap();
        let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).unwrap()) & 0o777;
        assert_eq!((mode(&secrets), mode(&secrets.join(NAME))), (0o700, 0o600));
        let error = ProjectLock::take(&secrets, "another", Duration::from_millis(60)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InUse);
        assert!(error.to_string().ends_with("is being changed by pid 7, since then"), "{error}");
        drop(held);
        ProjectLock::take(&secrets, "another", Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("precious"), "text").unwrap();
        std::os::unix::fs::symlink("precious", folder.path().join(NAME)).unwrap();
        let error = ProjectLock::take(folder.path(), "x", Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(std::fs::read_to_string(folder.path().join("precious")).unwrap(), "text");
    }
}
