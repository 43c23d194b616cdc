//! Which containers were started and have not been shown yet to be what they must be: an empty file for each, which is there before the start
//! and outlives whoever wrote it. However a run ends, the next one knows what it has to look at.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{Error, ErrorKind, standing::named};

/// The folder's name.
const NAME: &str = ".genai-stack.unproven";

/// The containers that nobody vouches for.
#[derive(Debug, Clone)]
pub struct Unproven {
    folder: PathBuf,
}

impl Unproven {
    /// Those that are written down in `folder`, where the project's lock lies too.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.join(NAME) }
    }

    /// Writes the container down; when it returns, not even a power cut takes it back.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; then it must not be started.
    pub fn add(&self, id: &str) -> Result<(), Error> {
        let path = self.folder.join(named(id)?);
        let write = || {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            self.folder.ancestors().take(2).try_for_each(|folder| File::open(folder)?.sync_all())
        };
        write()
            .map_err(|error| failed(&path, error).hint("what can't be written down is not started: see that you may write there"))
    }

    /// Strikes the container out: it is what it must be, or it is gone.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn remove(&self, id: &str) -> Result<(), Error> {
        let path = self.folder.join(named(id)?);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&path, error)),
            _ => Ok(()),
        }
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
        named(id).is_ok_and(|id| self.folder.join(id).try_exists().unwrap_or(true))
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
        unproven.add("1a2b").unwrap();
        unproven.add("1a2b").unwrap();
        assert!(Unproven::of(&secrets).has("1a2b") && !unproven.has("3c4d"));
        fs::write(unproven.folder.join(".new"), "").unwrap();
        assert_eq!(unproven.all(), ["1a2b"]);
        let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap()) & 0o777;
        assert_eq!((mode(&secrets), mode(&unproven.folder), mode(&unproven.folder.join("1a2b"))), (0o700, 0o700, 0o600));
        unproven.remove("1a2b").unwrap();
        assert!(!unproven.has("1a2b") && unproven.all().is_empty());
    }

    #[test]
    fn an_id_that_is_a_path_and_a_folder_that_is_none_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let unproven = Unproven::of(folder.path());
        assert_eq!(unproven.add("../x").unwrap_err().kind(), ErrorKind::InvalidConfig);
        fs::write(folder.path().join(NAME), "").unwrap();
        assert_eq!(unproven.add("1a2b").unwrap_err().kind(), ErrorKind::Io);
        assert!(unproven.has("1a2b"), "nobody can tell");
    }
}
