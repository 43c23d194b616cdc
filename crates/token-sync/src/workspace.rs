//! The folder of the secrets, locked for one caller: the only door through which a plan is applied.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    Applied, Error, Plan, Recovery, commit,
    disk::{self, Folder},
    io::{Io, System},
    journal::Phase,
    lock::Lock,
    place,
};

/// Who opens a [`Workspace`]: what others are told while they wait, and what a library doesn't take from its surroundings.
#[derive(Clone)]
pub struct Caller {
    pub(crate) program: String,
    pub(crate) since: String,
    pub(crate) chance: [u8; 16],
    pub(crate) wait: Duration,
    project: Option<PathBuf>,
}

impl Caller {
    /// How long to wait for another process unless [`Caller::wait`] says otherwise.
    pub const WAIT: Duration = Duration::from_secs(10);

    /// The program's name and the time now, for people to read, and 16 random bytes: they make the names of temporary files
    /// unlike any other's and key the journal's digests.
    pub fn new(program: impl Into<String>, since: impl Into<String>, chance: [u8; 16]) -> Self {
        Self { program: program.into(), since: since.into(), chance, wait: Self::WAIT, project: None }
    }

    /// Waits at least this long, summed over its pauses, for another process to end.
    #[must_use]
    pub fn wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// Takes the lock of that folder too, wherever the source of truth is: the project's `.secrets`. Services of one project may
    /// each have a source of truth in a folder of its own, and yet share a target.
    #[must_use]
    pub fn project(self, secrets: impl Into<PathBuf>) -> Self {
        Self { project: Some(secrets.into()), ..self }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("program", &self.program).field("since", &self.since).finish_non_exhaustive()
    }
}

/// A secrets folder that is locked for this process and in which nothing is left unfinished. Dropped, it is free again.
///
/// Make the plan while it is open: then no other process's change can be lost.
///
/// ```
/// use token_sync::{Caller, Plan, Workspace};
///
/// # let project = tempfile::tempdir()?;
/// # let random = [7; 16];
/// let caller = Caller::new("my-tool", "2026-01-02T03:04:05Z", random);
/// let mut workspace = Workspace::open(&project.path().join(".secrets"), &caller)?;
/// if let Some(recovery) = workspace.recovered() {
///     println!("ended what `{}` had begun: {:?}", recovery.program, recovery.direction);
/// }
/// let applied = workspace.apply(Plan::default())?;
/// assert!(applied.changes.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Workspace {
    io: Arc<dyn Io>,
    folder: PathBuf,
    caller: Caller,
    recovered: Option<Recovery>,
    _locks: Vec<Lock>,
}

impl Workspace {
    /// Waits until no other process has the folder open, makes it (0700) if it is not there, and ends what an earlier run
    /// left unfinished.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Busy`], naming the holder, if another process does not end in time; what the system says; a
    /// journal that can't be understood or is another user's.
    pub fn open(folder: &Path, caller: &Caller) -> Result<Self, Error> {
        Self::open_in(Arc::new(System), folder, caller)
    }

    pub(crate) fn open_in(io: Arc<dyn Io>, folder: &Path, caller: &Caller) -> Result<Self, Error> {
        let path = place::real_folder(&*io, folder)?;
        let opened = made(&*io, &path)?;
        // In the order of their paths, whoever asks: so no two processes wait for each other.
        let mut paths = vec![path.clone()];
        if let Some(project) = &caller.project {
            paths.push(place::real_folder(&*io, project)?);
        }
        paths.sort_unstable();
        paths.dedup();
        let take = |of: &PathBuf| {
            if *of == path { Lock::take(&*io, &opened, caller) } else { Lock::take(&*io, &made(&*io, of)?, caller) }
        };
        let locks = paths.iter().map(take).collect::<Result<_, _>>()?;
        let recovered = commit::recover(&*io, &opened)?;
        drop(opened);
        Ok(Self { io, folder: path, caller: caller.clone(), recovered, _locks: locks })
    }

    /// For a caller that only reads: ends what an earlier run left unfinished, waiting for a commit that is under way.
    /// Changes nothing, and takes no lock, if there is nothing unfinished.
    ///
    /// # Errors
    /// Those of [`Workspace::open`]. A folder that this user may not enter holds nothing for this user: no error.
    pub fn recover(folder: &Path, caller: &Caller) -> Result<Option<Recovery>, Error> {
        let is_there = |phase: Phase| std::fs::symlink_metadata(folder.join(phase.file_name())).is_ok();
        if !Phase::ALL.into_iter().any(is_there) {
            return Ok(None);
        }
        Ok(Self::open(folder, caller)?.recovered)
    }

    /// What opening it had to end, if an earlier run was stopped in the middle.
    pub fn recovered(&self) -> Option<&Recovery> {
        self.recovered.as_ref()
    }

    /// Writes all files of `plan`, or none. A plan that changes nothing writes nothing.
    ///
    /// # Errors
    /// The first failure; the files are as they were. Where they could not be put back at once a hint says so, and the next
    /// start does it. [`crate::ErrorKind::Changed`] if a file is no longer what the plan was made from.
    pub fn apply(&mut self, plan: Plan) -> Result<Applied, Error> {
        plan.apply(&*self.io, &self.folder, &self.caller)
    }
}

/// The folder at `path`, made if it is not there.
fn made<'io>(io: &'io dyn Io, path: &Path) -> Result<Folder<'io>, Error> {
    disk::make_folders(io, path, 0o700)?;
    Folder::open(io, path)?.ok_or_else(|| Error::io("open the folder", path, rustix::io::Errno::NOENT))
}

#[cfg(test)]
mod tests;
