//! One file of a plan: what is there, and what is to be there.

use std::path::{Path, PathBuf};

use auth_core::LoginToken;
use zeroize::Zeroizing;

use crate::{
    Error, ErrorKind, Reading, Target,
    commit::Replacement,
    disk::{self, Content, Folder},
    io::{Identity, System},
    place::Place,
};

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It holds what it must already: untouched.
    Unchanged,
    /// There was no file.
    Created,
    /// There was a file; of a target only its value changes.
    Updated,
}

/// One file of a [`crate::Plan`].
pub struct Step {
    path: PathBuf,
    place: Place,
    mode: u32,
    private_folder: bool,
    /// The folder, if it was there when the plan was made.
    seen_in: Option<Identity>,
    old: Option<Content>,
    /// `None` if what is there is right.
    new: Option<Zeroizing<Vec<u8>>>,
    /// The targets that were brought to hold the token.
    readers: Vec<Target>,
}

impl Step {
    /// The file of a target, as it is.
    pub(super) fn of_target(target: &Target, place: Place) -> Result<Self, Error> {
        let (seen_in, old) = look(&place)?;
        let mode = old.as_ref().map_or(0o600, |(_, facts)| facts.tightened());
        let path = target.path().to_owned();
        Ok(Self { path, place, mode, private_folder: false, seen_in, old, new: None, readers: Vec::new() })
    }

    /// A file for its owner alone, in a folder for its owner alone, that is to hold `new`; `is_private` says that it is so.
    pub(super) fn private(path: &Path, place: Place, new: Zeroizing<Vec<u8>>, is_private: bool) -> Result<Self, Error> {
        let (seen_in, old) = look(&place)?;
        let is_right = is_private && old.as_ref().is_some_and(|(bytes, _)| *bytes == new);
        let new = (!is_right).then_some(new);
        let path = path.to_owned();
        let mode = old.as_ref().map_or(0o600, |(_, facts)| facts.tightened() & 0o600);
        Ok(Self { path, place, mode, private_folder: true, seen_in, old, new, readers: Vec::new() })
    }

    /// Changes what the file is to hold so that `target`'s reader, too, sees the token.
    pub(super) fn bring(&mut self, token: &LoginToken, user: &str, target: &Target) -> Result<(), Error> {
        let current = self.current();
        let before = current.map(|bytes| target.read_bytes(bytes));
        let user_is_right = match &before {
            Some(Reading::Token(_, seen)) => !target.dialect().has_user() || seen.as_deref() == Some(user),
            _ => false,
        };
        self.readers.push(target.clone());
        let current = self.current();
        if before.is_some_and(|reading| reading.holds(token)) && user_is_right && !has_faults(target, current) {
            return Ok(());
        }
        let at_it = |error: Error| error.at(target.path());
        let new = target.write(current, token.expose(), user).map(Zeroizing::new).map_err(at_it)?;
        disk::bearable(target.path(), new.len())?;
        if !target.read_bytes(&new).holds(token) || !target.same_neighbours(current.unwrap_or_default(), &new) {
            return Err(Error::new(
                ErrorKind::Unwritable,
                format!("what would be written to `{}` doesn't read back as the token", target.path().display()),
            )
            .hint("nothing was written; please report the file's shape (without its values)"));
        }
        if let Some(other) = self.readers.iter().find(|reader| !reader.read_bytes(&new).holds(token)) {
            return Err(Error::new(
                ErrorKind::Unwritable,
                format!(
                    "`{}` can't serve readers of `{}` and of `{}` at once",
                    target.path().display(),
                    other.dialect(),
                    target.dialect()
                ),
            )
            .hint("give each reader a file of its own"));
        }
        self.new = Some(new);
        Ok(())
    }

    /// Where it writes, as the target names it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What applying the plan does to it.
    pub fn kind(&self) -> ChangeKind {
        match (&self.old, &self.new) {
            (_, None) => ChangeKind::Unchanged,
            (None, Some(_)) => ChangeKind::Created,
            (Some(_), Some(_)) => ChangeKind::Updated,
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The bytes that will be lost, if any are.
    pub(super) fn replaced(&self) -> Option<(&Path, &[u8])> {
        let (old, _) = self.old.as_ref().filter(|(old, _)| self.new.as_ref().is_some_and(|new| new != old))?;
        Some((self.path(), old))
    }

    pub(super) fn replacement(&self) -> Option<Replacement<'_>> {
        Some(Replacement {
            place: &self.place,
            seen_in: self.seen_in,
            old: self.old.as_ref().map(|(bytes, facts)| (bytes.as_slice(), *facts)),
            new: self.new.as_ref()?,
            mode: self.mode,
            private_folder: self.private_folder,
        })
    }

    fn current(&self) -> Option<&[u8]> {
        self.new.as_ref().or(self.old.as_ref().map(|(bytes, _)| bytes)).map(|bytes| bytes.as_slice())
    }
}

/// The folder of a place, and what is in the place.
fn look(place: &Place) -> Result<(Option<Identity>, Option<Content>), Error> {
    let Some(folder) = Folder::open(&System, place.folder())? else { return Ok((None, None)) };
    Ok((Some(folder.identity()?), folder.read(place.name())?))
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step").field("path", &self.path).field("kind", &self.kind()).finish_non_exhaustive()
    }
}

/// Whether a PASSWORD file needs rewriting although its token is right (line ends, byte order mark).
fn has_faults(target: &Target, bytes: Option<&[u8]>) -> bool {
    target.dialect().has_user() && bytes.is_some_and(|bytes| !auth_core::PasswordFile::parse(bytes).faults().is_empty())
}
