//! The steps of a commit that can be done again: going on, putting back, clearing away. A running commit and the next start
//! after a crash take the same ones; each looks at what is there, so that it may itself be stopped anywhere.

use std::path::PathBuf;

use super::folders::Folders;
use crate::{
    Error, ErrorKind,
    disk::Folder,
    io::Io,
    journal::{Digest, FileRecord, Journal, Phase, Record},
};

/// What was done with a commit that an earlier run left unfinished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Which way it was ended.
    pub direction: Direction,
    /// The program that began it, as it called itself.
    pub program: String,
    /// When that program started, as it said.
    pub since: String,
    /// The files of the commit.
    pub files: Vec<PathBuf>,
    /// Those of them that somebody else has changed since: left as they are.
    pub left: Vec<PathBuf>,
}

/// Which way an unfinished commit was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Every file is as it was before.
    Back,
    /// Every file is as the commit wanted it.
    Forward,
}

/// Ends what an earlier run left unfinished; `None` if there is nothing.
pub(crate) fn recover(io: &dyn Io, secrets: &Folder<'_>) -> Result<Option<Recovery>, Error> {
    let Some(mut journal) = Journal::left_in(secrets)? else { return Ok(None) };
    let mut folders = Folders::new(io);
    let Record { program, since, files, .. } = journal.record.clone();
    let stopped = |error: Error| {
        error.hint(format!("a commit of `{program}` ({since}) was stopped; it is ended as soon as this is mended"))
    };
    let onwards = match journal.phase() {
        Phase::Committing => replace(&mut folders, &journal.record).map(Some),
        Phase::Staging | Phase::Undoing => Ok(None),
    };
    let (direction, left) = match onwards {
        Ok(Some(left)) => clear(journal, &mut folders).map(|()| (Direction::Forward, left)),
        Ok(None) => undo(journal, &mut folders).map(|left| (Direction::Back, left)),
        Err(stop) if stop.may_undo => {
            journal.advance(Phase::Undoing).and_then(|()| undo(journal, &mut folders)).map(|left| (Direction::Back, left))
        }
        Err(stop) => Err(stop.error),
    }
    .map_err(stopped)?;
    let files = files.iter().map(|file| file.place.path()).collect();
    Ok(Some(Recovery { direction, program, since, files, left }))
}

/// Why files could not be replaced.
pub(super) struct Stop {
    pub(super) error: Error,
    /// Whether every copy of what was old is there still.
    pub(super) may_undo: bool,
}

/// Replaces every file that is not replaced yet; looks at all before it changes one. Those that were replaced and that
/// somebody else has changed since are returned.
pub(super) fn replace(folders: &mut Folders<'_>, record: &Record) -> Result<Vec<PathBuf>, Stop> {
    let stop = |may_undo| move |error| Stop { error, may_undo };
    let mut pending = Vec::new();
    let mut done = Vec::new();
    for file in &record.files {
        let seen = Seen::of(folders, file, &record.key).map_err(stop(false))?;
        let waits = match folders.get(file.place.folder()).map_err(stop(false))? {
            Some(folder) => folder.has(&file.new).map_err(stop(false))?,
            None => false,
        };
        if waits { &mut pending } else { &mut done }.push((file, seen));
    }
    // Copies are removed only after the last file is replaced: while one is pending, all are there.
    let may_undo = !pending.is_empty();
    let lost = done.iter().filter(|(_, seen)| may_undo && seen.is_old && !seen.is_new);
    if let Some((file, seen)) = pending.iter().filter(|(_, seen)| !seen.is_old && !seen.is_new).chain(lost).next() {
        return Err(Stop { error: seen.why(file), may_undo });
    }
    for (file, _) in &pending {
        if let Some(folder) = folders.get(file.place.folder()).map_err(stop(may_undo))? {
            folder.rename(&file.new, file.place.name()).map_err(stop(may_undo))?;
        }
    }
    folders.sync(record).map_err(stop(may_undo))?;
    Ok(done.into_iter().filter(|(_, seen)| !seen.is_new).map(|(file, _)| file.place.path()).collect())
}

/// Takes away what is not needed once all files are replaced, the journal last.
pub(super) fn clear(journal: Journal<'_>, folders: &mut Folders<'_>) -> Result<(), Error> {
    let mut removed = false;
    for file in &journal.record.files {
        if let (Some(old), Some(folder)) = (&file.old, folders.get(file.place.folder())?) {
            removed |= folder.remove(&old.copy)?;
        }
    }
    if removed {
        folders.sync(&journal.record)?;
    }
    journal.end()
}

/// Puts back every file that was replaced, and takes away temporaries, folders that were made, and the journal last. Files
/// that somebody else has changed since are returned.
pub(super) fn undo(journal: Journal<'_>, folders: &mut Folders<'_>) -> Result<Vec<PathBuf>, Error> {
    let record = &journal.record;
    let mut left = Vec::new();
    for file in record.files.iter().rev() {
        let seen = match journal.phase() {
            Phase::Staging => None, // no file was replaced
            _ => Some(Seen::of(folders, file, &record.key)?),
        };
        let Some(folder) = folders.get(file.place.folder())? else { continue };
        if let Some(seen) = seen
            && !folder.has(&file.new)?
            && !put_back(folder, file, &seen)?
        {
            left.push(file.place.path());
        }
        folder.remove(&file.new)?;
        if let Some(old) = &file.old {
            folder.remove(&old.copy)?;
        }
    }
    folders.sync(record)?;
    folders.remove_made(record)?;
    journal.end()?;
    Ok(left)
}

/// Whether the file is as it was before the commit.
fn put_back(folder: &Folder<'_>, file: &FileRecord, seen: &Seen) -> Result<bool, Error> {
    match &file.old {
        Some(old) if seen.is_new && folder.has(&old.copy)? => {
            folder.set_mode_of(&old.copy, old.facts.mode)?;
            folder.rename(&old.copy, file.place.name())?;
            Ok(true)
        }
        None if seen.is_new => folder.remove(file.place.name()),
        _ => Ok(seen.is_old),
    }
}

/// What is in a file's place, compared with what the record says.
struct Seen {
    is_old: bool,
    is_new: bool,
    fault: Option<Error>,
}

impl Seen {
    fn of(folders: &mut Folders<'_>, file: &FileRecord, key: &[u8; 16]) -> Result<Self, Error> {
        let content = match folders.get(file.place.folder())? {
            Some(folder) => folder.read(file.place.name()),
            None => Ok(None),
        };
        Ok(match content {
            Ok(None) => Self { is_old: file.old.is_none(), is_new: false, fault: None },
            Ok(Some((bytes, _))) => {
                let digest = Digest::of(key, &bytes);
                let is_old = file.old.as_ref().is_some_and(|old| old.digest == digest);
                Self { is_old, is_new: file.new_digest == digest, fault: None }
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotAFile | ErrorKind::TooLarge) => {
                Self { is_old: false, is_new: false, fault: Some(error) }
            }
            Err(error) => return Err(error),
        })
    }

    /// The error of a file that is not what it must be.
    fn why(&self, file: &FileRecord) -> Error {
        let path = file.place.path();
        match &self.fault {
            Some(fault) => Error::new(fault.kind(), fault.to_string()).hints_of(fault),
            None => Error::new(ErrorKind::Changed, format!("`{}` was changed by somebody else meanwhile", path.display()))
                .hint("nothing was written; run the same command again"),
        }
    }
}
