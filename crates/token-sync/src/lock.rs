//! The one lock of a secrets folder: on a file that is never replaced or removed, held until dropped or killed.

use std::{
    ffi::OsStr,
    fs::File,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use crate::{Error, ErrorKind, disk::Folder, io::Io, workspace::Caller};

/// The name of the lock's file, which no other program has for its own: the file is written to.
pub(crate) const NAME: &str = ".genai.lock";
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The lock, held. The system lets go of it when the file is closed, whatever ends the process.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock as long as `caller` wants to, and leaves the caller's name in it for others who wait.
    pub(crate) fn take(io: &dyn Io, folder: &Folder<'_>, caller: &Caller) -> Result<Self, Error> {
        let name = OsStr::new(NAME);
        let path = folder.path().join(NAME);
        let at_it = |what: &'static str| move |error| Error::io(what, &folder.path().join(NAME), error);
        let file = File::from(open(io, folder, name)?);
        if !io.stat(file.as_fd()).map_err(at_it("look at"))?.kind.is_file() {
            return Err(Error::new(ErrorKind::NotAFile, format!("`{}` is not a file", path.display()))
                .hint("move it away: the lock is a plain file"));
        }
        let (mut waited, mut pause) = (Duration::ZERO, Duration::from_millis(1));
        while !io.try_lock(&file).map_err(at_it("lock"))? {
            if waited >= caller.wait {
                return Err(busy(folder, name, caller));
            }
            pause = (pause * 2).min(LONGEST_PAUSE).min(caller.wait - waited);
            std::thread::sleep(pause);
            waited += pause;
        }
        let holder = format!("pid {}, `{}`, since {}\n", rustix::process::getpid(), caller.program, caller.since);
        io.truncate(file.as_fd(), 0).map_err(at_it("write"))?;
        let mut rest = holder.as_bytes();
        while !rest.is_empty() {
            rest = &rest[io.write(file.as_fd(), rest).map_err(at_it("write"))?..];
        }
        Ok(Self { _file: file })
    }
}

fn open(io: &dyn Io, folder: &Folder<'_>, name: &OsStr) -> Result<OwnedFd, Error> {
    if let Some(file) = folder.open_file(name)? {
        return Ok(file);
    }
    let Some(file) = folder.create_file(name)? else {
        // Somebody else made it a moment ago.
        return folder.open_file(name)?.ok_or_else(|| Error::new(ErrorKind::Io, "the lock file went away"));
    };
    io.set_mode(file.as_fd(), 0o600).map_err(|error| Error::io("set the rights of", &folder.path().join(NAME), error))?;
    // Run once as root, the folder's owner must still be able to lock.
    let (own, owner) = (io.stat(file.as_fd()), folder.facts()?);
    if own.is_ok_and(|own| own.file.uid != owner.uid) {
        let _ = io.set_owner(file.as_fd(), owner.uid, owner.gid); // refused to all but root, who alone needs it
    }
    Ok(file)
}

fn busy(folder: &Folder<'_>, name: &OsStr, caller: &Caller) -> Error {
    let text = folder.read(name).ok().flatten().map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned());
    let holder = text.as_deref().and_then(|text| text.lines().next()).unwrap_or("a process that has not said its name");
    let holder: String = holder.chars().filter(|sign| !sign.is_control()).take(200).collect();
    Error::new(
        ErrorKind::Busy,
        format!("`{}` is in use by {holder}; waited {} seconds", folder.path().display(), caller.wait.as_secs()),
    )
    .hint("wait until that process has ended, then run the same command again; the lock ends with its process")
}
