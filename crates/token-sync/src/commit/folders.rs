//! The folders of a commit, each opened once and held, so that all steps happen in the same ones.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{Error, disk::Folder, io::Io, journal::Record};

pub(super) struct Folders<'io> {
    io: &'io dyn Io,
    open: BTreeMap<PathBuf, Folder<'io>>,
}

impl<'io> Folders<'io> {
    pub(super) fn new(io: &'io dyn Io) -> Self {
        Self { io, open: BTreeMap::new() }
    }

    /// The folder at `path`; `None` if nothing is there.
    pub(super) fn get(&mut self, path: &Path) -> Result<Option<&Folder<'io>>, Error> {
        if !self.open.contains_key(path)
            && let Some(folder) = Folder::open(self.io, path)?
        {
            self.open.insert(path.to_owned(), folder);
        }
        Ok(self.open.get(path))
    }

    /// Makes what was done in the record's folders safe on the disk.
    pub(super) fn sync(&mut self, record: &Record) -> Result<(), Error> {
        for file in &record.files {
            self.get(file.place.folder())?;
        }
        self.open.values().try_for_each(Folder::sync)
    }

    /// Takes away the folders that the commit made, inner ones first, unless somebody has put something into them.
    pub(super) fn remove_made(&mut self, record: &Record) -> Result<(), Error> {
        for path in record.made.iter().rev() {
            if let (Some(parent), Some(name)) = (path.parent(), path.file_name())
                && let Some(parent) = Folder::open(self.io, parent)?
            {
                parent.remove_folder(name)?;
            }
        }
        Ok(())
    }
}
