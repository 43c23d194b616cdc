//! Replaces several files, all of them or none, across a crash at any moment.
//!
//! First the folders are opened, without following a link, and held: all that follows happens in these.
//!
//! 1. The journal is written: what is to be done (phase `staging`).
//! 2. What is new, and a copy of what is old, is laid beside each file, private, and safe on the disk.
//! 3. The journal is renamed (phase `committing`). This is the moment that decides between all old and all new.
//! 4. Each file is replaced by a rename. If one can't be: phase `undoing`, and the copies are put back.
//! 5. The copies are removed, then the journal.

mod folders;
mod replay;

pub(crate) use replay::recover;
pub use replay::{Direction, Recovery};

use std::path::{Path, PathBuf};

use crate::{
    Error, ErrorKind, FileFacts,
    disk::{self, Folder, New, Owner},
    io::{Identity, Io},
    journal::{Digest, FileRecord, Journal, OldRecord, Phase, Record},
    place::Place,
    workspace::Caller,
};
use folders::Folders;

/// One file and what it becomes.
#[derive(Debug)]
pub(crate) struct Replacement<'a> {
    pub(crate) place: &'a Place,
    /// The folder that was there when the plan was made.
    pub(crate) seen_in: Option<Identity>,
    /// What is there, and is expected to be there still.
    pub(crate) old: Option<(&'a [u8], FileFacts)>,
    pub(crate) new: &'a [u8],
    pub(crate) mode: u32,
    /// Whether its folder is the owner's alone.
    pub(crate) private_folder: bool,
}

/// Replaces the files. An error says that all are as they were; if that needs the next start, a hint says so.
///
/// # Returns
/// `Some` if all files are new but something could not be cleared away, which the next start does.
pub(crate) fn commit(io: &dyn Io, secrets: &Folder<'_>, work: &[Replacement<'_>], by: &Caller) -> Result<Option<Error>, Error> {
    let mut folders = Folders::new(io);
    open_folders(&mut folders, work)?;
    let mut journal = Journal::start(secrets, record(io, work, by)?)?;
    let outcome = stage(io, &mut folders, work, &journal.record)
        .and_then(|()| journal.advance(Phase::Committing))
        .and_then(|()| replay::replace(&mut folders, &journal.record).map_err(|stop| stop.error));
    match outcome {
        Ok(_) => Ok(replay::clear(journal, &mut folders).err()),
        Err(error) => Err(take_back(journal, &mut folders, error)),
    }
}

/// Opens the folders that the plan saw, to hold them; one that is another now is refused.
fn open_folders(folders: &mut Folders<'_>, work: &[Replacement<'_>]) -> Result<(), Error> {
    for Replacement { place, seen_in, .. } in work {
        let identity = folders.get(place.folder())?.map(Folder::identity).transpose()?;
        if seen_in.is_some() && identity != *seen_in {
            return Err(disk::replaced(place.folder()));
        }
    }
    Ok(())
}

fn record(io: &dyn Io, work: &[Replacement<'_>], by: &Caller) -> Result<Record, Error> {
    let key = by.chance;
    let mut made = Vec::new();
    let mut files = Vec::new();
    for (index, Replacement { place, old, new, .. }) in work.iter().enumerate() {
        missing_folders(io, place.folder(), &mut made)?;
        let (new_name, old_name) = FileRecord::temporaries(place, &key, index);
        let old = old.map(|(bytes, facts)| OldRecord { copy: old_name.clone(), facts, digest: Digest::of(&key, bytes) });
        files.push(FileRecord { place: (*place).clone(), new: new_name, new_digest: Digest::of(&key, new), old });
    }
    Ok(Record { program: by.program.clone(), since: by.since.clone(), key, made, files })
}

fn missing_folders(io: &dyn Io, path: &Path, made: &mut Vec<PathBuf>) -> Result<(), Error> {
    if made.iter().any(|known| known == path) || Folder::open(io, path)?.is_some() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        missing_folders(io, parent, made)?;
    }
    made.push(path.to_owned());
    Ok(())
}

fn stage(io: &dyn Io, folders: &mut Folders<'_>, work: &[Replacement<'_>], record: &Record) -> Result<(), Error> {
    for path in &record.made {
        let is_private = work.iter().any(|file| file.private_folder && file.place.folder() == path);
        disk::make_folders(io, path, if is_private { 0o700 } else { 0o755 })?;
    }
    for (Replacement { old, new, mode, private_folder, .. }, file) in work.iter().zip(&record.files) {
        let folder = folders.get(file.place.folder())?.ok_or_else(|| {
            Error::new(ErrorKind::Changed, format!("the folder `{}` went away in mid-run", file.place.folder().display()))
        })?;
        if *private_folder {
            folder.make_private()?;
        }
        let owner = match old {
            Some((_, facts)) => Owner::Kept(*facts),
            None => folder.owner_of_new()?.map_or(Owner::Own, Owner::OfFolder),
        };
        let stands_for = file.place.name();
        folder.create(&New { name: &file.new, stands_for, owner, mode: *mode }, new)?;
        if let (Some((bytes, _)), Some(record)) = (old, &file.old) {
            folder.create(&New { name: &record.copy, stands_for, owner, mode: 0o600 }, bytes)?;
        }
    }
    folders.sync(record)
}

/// Puts everything back after `error`.
fn take_back(mut journal: Journal<'_>, folders: &mut Folders<'_>, error: Error) -> Error {
    let begun = if journal.phase() == Phase::Staging { Ok(()) } else { journal.advance(Phase::Undoing) };
    match begun.and_then(|()| replay::undo(journal, folders)) {
        Ok(left) => left.iter().fold(error, |error, path| {
            error.hint(format!("`{}` was changed by somebody else meanwhile and is left as it is", path.display()))
        }),
        Err(second) => {
            error.hint(format!("not all is put back yet ({second}): the next command does it, once the cause is gone"))
        }
    }
}

#[cfg(test)]
mod every_call;
