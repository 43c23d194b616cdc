//! Brings targets to hold the token: a plan that changes nothing, then one step that changes all of them or none.

mod step;

use std::path::{Path, PathBuf};

use auth_core::{LoginToken, SourceOfTruth};
use jiff::Timestamp;

pub use step::{ChangeKind, Step};

use crate::{
    Backups, Error, ErrorKind, GitView, SourceFile, Target,
    backup::BoxError,
    commit, disk,
    disk::Folder,
    io::{Io, System},
    journal::Phase,
    lock,
    place::{self, Place},
    workspace::Caller,
};

/// What to write where, checked but not yet written. [`crate::Workspace::apply`] writes it.
#[derive(Debug, Default)]
pub struct Plan {
    steps: Vec<Step>,
    expired: Vec<PathBuf>,
}

/// What was done to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file's place.
    pub path: PathBuf,
    /// What was done.
    pub kind: ChangeKind,
}

/// What applying a plan did.
#[derive(Debug)]
#[must_use = "what could not be cleared away is in it"]
pub struct Applied {
    /// Each file of the plan, in its order.
    pub changes: Vec<Change>,
    /// Backups that were removed because newer ones took their place, or for their age.
    pub removed: Vec<PathBuf>,
    /// All files are as planned, but this kept a temporary or a backup from being cleared away; the next start tries again.
    pub unfinished: Option<Error>,
}

impl Change {
    /// Whether the file was written.
    pub fn is_change(&self) -> bool {
        self.kind != ChangeKind::Unchanged
    }
}

impl Plan {
    /// Compares each target with `token` and makes, in memory, what to write; `user` is the login's name for the PASSWORD
    /// dialect. The bytes are read back by the target's dialect, and every other key must read as before. Several targets may
    /// be keys of one file: it is one step, and each is spelled so that all readers of the file read it.
    ///
    /// # Errors
    /// A target that can't be read, that is a symbolic link ([`Target::through_link`] allows it), that a reader of the file refuses, or
    /// for which no spelling comes out unchanged.
    pub fn make(token: &LoginToken, user: &str, targets: &[Target]) -> Result<Self, Error> {
        let places = targets.iter().map(Target::place).collect::<Result<Vec<_>, _>>()?;
        let mut steps: Vec<Step> = Vec::new();
        for (target, place) in targets.iter().zip(&places) {
            let at = match steps.iter().position(|step| step.place() == place) {
                Some(at) => at,
                None => {
                    steps.push(Step::of_target(target, place.clone())?);
                    steps.len() - 1
                }
            };
            // Who reads the file reads all of it: what is written for one must be right for the others.
            let of_file = targets.iter().zip(&places).filter(|(_, other)| *other == place).map(|(other, _)| other);
            steps[at].bring(token, user, &target.read_beside(of_file))?;
        }
        Ok(Self { steps, expired: Vec::new() })
    }

    /// The same plan with the source of truth as its first step, so that source and targets change together or not at all.
    /// [`Plan::default`] with a source writes the source alone.
    ///
    /// # Errors
    /// What is in the source's place can't be read; a target is that very file.
    pub fn with_source(mut self, file: &SourceFile, source: &SourceOfTruth) -> Result<Self, Error> {
        let place = Place::of(&System, file.path())?;
        if let Some(step) = self.steps.iter().find(|step| *step.place() == place) {
            return Err(Error::new(
                ErrorKind::Target,
                format!("the target `{}` is the source of truth itself", step.path().display()),
            )
            .hint("remove it from the targets"));
        }
        let is_private = file.facts()?.is_some_and(|facts| facts.file.is_private() && facts.folder.is_private());
        let new = source.to_bytes();
        disk::bearable(file.path(), new.len())?;
        self.steps.insert(0, Step::private(file.path(), place, new, is_private)?);
        Ok(self)
    }

    /// The same plan with a copy of every file that it replaces, written in the same all-or-nothing way, and with the removal
    /// of copies that are too many or too old at `now`. Call it last. `git` is asked where the copies would lie.
    ///
    /// # Errors
    /// [`ErrorKind::Exposed`] if git could pick them up, or can't say.
    pub fn with_backups<G>(mut self, backups: &Backups, now: Timestamp, git: G) -> Result<Self, Error>
    where
        G: FnOnce(&Path) -> Result<GitView, BoxError>,
    {
        let replaced: Vec<(&Path, &[u8])> = self.steps.iter().filter_map(Step::replaced).collect();
        let (copies, expired) = backups.plan(&replaced, now, git)?;
        for (path, bytes) in copies {
            let place = Place::of(&System, &path)?;
            self.steps.push(Step::private(&path, place, bytes, true)?);
        }
        self.expired = expired;
        Ok(self)
    }

    /// The steps, one a file, in the order they are written.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The backups that applying it removes.
    pub fn expired(&self) -> &[PathBuf] {
        &self.expired
    }

    /// Whether applying it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.expired.is_empty() && self.steps.iter().all(|step| step.kind() == ChangeKind::Unchanged)
    }

    pub(crate) fn apply(self, io: &dyn Io, secrets: &Path, caller: &Caller) -> Result<Applied, Error> {
        let work: Vec<_> = self.steps.iter().filter_map(Step::replacement).collect();
        let mut unfinished = None;
        if !work.is_empty() {
            work.iter().try_for_each(|file| refuse_our_own(file.place, secrets))?;
            let folder = Folder::open(io, secrets)?
                .ok_or_else(|| Error::new(ErrorKind::Absent, format!("the folder `{}` went away", secrets.display())))?;
            commit::recover(io, &folder)?; // of an earlier plan of the same caller that could not be put back
            unfinished = commit::commit(io, &folder, &work, caller)?;
        }
        let mut removed = Vec::new();
        for path in &self.expired {
            match remove(io, path) {
                Ok(true) => removed.push(path.clone()),
                Ok(false) => {}
                Err(error) => unfinished = unfinished.or(Some(error)),
            }
        }
        let changes = self.steps.iter().map(|step| Change { path: step.path().to_owned(), kind: step.kind() }).collect();
        Ok(Applied { changes, removed, unfinished })
    }
}

/// The lock and the journal are no targets.
fn refuse_our_own(place: &Place, secrets: &Path) -> Result<(), Error> {
    let is_journal = Phase::ALL.into_iter().any(|phase| phase.file_name() == place.name());
    if place.name() == lock::NAME || (is_journal && place.folder() == secrets) {
        let path = place.path();
        return Err(Error::new(ErrorKind::Target, format!("`{}` is kept for locking and recovery", path.display()))
            .hint("name another file"));
    }
    Ok(())
}

fn remove(io: &dyn Io, path: &Path) -> Result<bool, Error> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
    Folder::open(io, &place::real_folder(io, parent)?)?.map_or(Ok(false), |folder| folder.remove(name))
}

#[cfg(test)]
mod tests;
