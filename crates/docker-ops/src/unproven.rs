//! Which containers were started and have not been shown yet to be what they must be: a file for each, which is there before the start and
//! outlives whoever wrote it. However a run ends, the next one knows what it has to look at.
//!
//! The file holds the `StartedAt` of the life that the start ends: what runs until then proves nothing about what the engine is about to start.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::fs::OFlags;

use crate::{Error, ErrorKind, standing::named};

/// The folder's name.
const NAME: &str = ".genai-stack.unproven";
/// What an entry is written to first: no container is named so.
const NEW: &str = ".new";

/// The containers that nobody vouches for. Clones are of the same run, which remembers what it wrote even if another one strikes it out.
#[derive(Debug, Clone)]
pub struct Unproven {
    folder: PathBuf,
    own: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Unproven {
    /// Those that are written down in `folder`, where the project's lock lies too.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.join(NAME), own: Arc::default() }
    }

    /// Writes down that the container is to be started, and that its life `before` proves nothing; with none any will do, but what is written
    /// already stays. When it returns, not even a power cut takes it back.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; then it must not be started.
    pub fn add(&self, id: &str, before: Option<&str>) -> Result<(), Error> {
        let path = self.folder.join(named(id)?);
        let write = || {
            self.make_folder()?;
            let folder = self.locked()?;
            let life = match (before, read(&path)?) {
                (None, Some(written)) => written,
                _ => before.unwrap_or_default().to_owned(),
            };
            let new = self.folder.join(NEW);
            if let Err(error) = fs::remove_file(&new)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(life.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            folder.sync_all()?;
            Ok(life)
        };
        let life = write().map_err(|error| {
            failed(&path, error).hint("what can't be written down is not started: see that you may write there")
        })?;
        self.own().insert(id.to_owned(), life);
        Ok(())
    }

    /// Strikes the container out, for it is gone.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn remove(&self, id: &str) -> Result<(), Error> {
        self.strike_if(id, |_| true).map(drop)
    }

    /// Strikes the container out, for its life `proven` is what it must be; unless that is the one that was to end. Whether it is out.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn strike(&self, id: &str, proven: Option<&str>) -> Result<bool, Error> {
        self.strike_if(id, |before| before != proven.unwrap_or_default())
    }

    /// The ids of all that are written down, as far as that can be told.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut ids: Vec<String> = names.filter(|name| named(name).is_ok() && !name.starts_with('.')).collect();
        ids.sort_unstable();
        ids
    }

    /// Whether the container is written down. Where that can't be told, it is.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.is_own(id) || named(id).is_ok_and(|id| !matches!(read(&self.folder.join(id)), Ok(None)))
    }

    /// Whether this run wrote the container down, and did not strike it out.
    #[must_use]
    pub fn is_own(&self, id: &str) -> bool {
        self.own().contains_key(id)
    }

    /// Whether the container is written down to get another life than `life`.
    #[must_use]
    pub fn awaits(&self, id: &str, life: Option<&str>) -> bool {
        let life = life.unwrap_or_default();
        self.own().get(id).is_some_and(|before| before == life)
            || named(id).is_ok_and(|id| read(&self.folder.join(id)).is_ok_and(|before| before.as_deref() == Some(life)))
    }

    fn strike_if(&self, id: &str, may: impl Fn(&str) -> bool) -> Result<bool, Error> {
        let path = self.folder.join(named(id)?);
        let strike = || {
            let _folder = match self.locked() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
                locked => locked?,
            };
            match read(&path)? {
                Some(before) if !may(&before) => Ok(false),
                Some(_) => fs::remove_file(&path).map(|()| true),
                None => Ok(true),
            }
        };
        let mut own = self.own();
        if own.get(id).is_some_and(|before| !may(before)) || !strike().map_err(|error| failed(&path, error))? {
            return Ok(false);
        }
        own.remove(id);
        Ok(true)
    }

    /// Makes the folder, and the one with the secrets; whichever run made them, each is on the disk in its own.
    fn make_folder(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        self.folder.ancestors().skip(1).take(2).try_for_each(|folder| File::open(folder)?.sync_all())
    }

    /// The folder, which one at a time changes, and which is no link.
    fn locked(&self) -> io::Result<File> {
        let flags = (OFlags::NOFOLLOW | OFlags::DIRECTORY).bits().cast_signed();
        let folder = OpenOptions::new().read(true).custom_flags(flags).open(&self.folder)?;
        folder.lock()?;
        Ok(folder)
    }

    fn own(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an entry says, if there is one.
fn read(path: &Path) -> io::Result<Option<String>> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => io::read_to_string(file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("can't change `{}`, which says what is not proven yet", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_known_to_whoever_comes_next() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = folder.path().join(".secrets");
        let unproven = Unproven::of(&secrets);
        assert!(!unproven.has("1a2b"));
        unproven.remove("1a2b").unwrap();
        unproven.add("1a2b", None).unwrap();
        unproven.add("1a2b", None).unwrap();
        assert!(Unproven::of(&secrets).has("1a2b") && !unproven.has("3c4d"));
        fs::write(unproven.folder.join(".new"), "").unwrap();
        assert_eq!(unproven.all(), ["1a2b"]);
        let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap()) & 0o777;
        assert_eq!((mode(&secrets), mode(&unproven.folder), mode(&unproven.folder.join("1a2b"))), (0o700, 0o700, 0o600));
        unproven.remove("1a2b").unwrap();
        assert!(!unproven.has("1a2b") && unproven.all().is_empty());
    }

    #[test]
    fn the_life_that_was_to_end_proves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (run, next) = (Unproven::of(folder.path()), Unproven::of(folder.path()));
        run.add("1a2b", Some("first")).unwrap();
        // Whatever is there goes on: that says nothing of what was to end.
        run.add("1a2b", None).unwrap();
        assert!(next.awaits("1a2b", Some("first")) && !next.awaits("1a2b", Some("second")));
        assert!(run.is_own("1a2b") && !next.is_own("1a2b"));
        assert!(!next.strike("1a2b", Some("first")).unwrap() && next.has("1a2b"));
        assert!(next.strike("1a2b", Some("second")).unwrap() && !next.has("1a2b"));
        // Who started it asks for itself.
        assert!(run.has("1a2b") && !run.strike("1a2b", Some("first")).unwrap());
        assert!(run.strike("1a2b", Some("second")).unwrap() && !run.has("1a2b"));
        // One that never ran.
        run.add("3c4d", None).unwrap();
        assert!(next.awaits("3c4d", None) && next.strike("3c4d", Some("first")).unwrap());
    }

    #[test]
    fn an_id_that_is_a_path_and_a_folder_that_is_none_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let unproven = Unproven::of(folder.path());
        assert_eq!(unproven.add("../x", None).unwrap_err().kind(), ErrorKind::InvalidConfig);
        fs::write(folder.path().join(NAME), "").unwrap();
        assert_eq!(unproven.add("1a2b", None).unwrap_err().kind(), ErrorKind::Io);
        assert!(unproven.has("1a2b"), "nobody can tell");
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join(NAME)).unwrap();
        assert_eq!(Unproven::of(folder.path()).add("1a2b", None).unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
