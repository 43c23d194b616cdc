//! The source of truth on the disk: a private file in a private folder.

use std::path::{Path, PathBuf};

use auth_core::SourceOfTruth;

use crate::{Error, FileFacts, disk, disk::Staged};

/// Where the source of truth is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    path: PathBuf,
}

/// What is at that place, apart from what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFacts {
    /// The file's owner and mode.
    pub file: FileFacts,
    /// The folder's owner and mode.
    pub folder: FileFacts,
}

impl SourceFile {
    /// The place below a project's folder.
    pub const DEFAULT: &str = ".secrets/comfyui_auth_tokens.conf";

    /// The source of truth at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it; `None` if no file is there.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Syntax`] or [`crate::ErrorKind::NewerVersion`] if it is no source of truth; else what the system says.
    pub fn load(&self) -> Result<Option<SourceOfTruth>, Error> {
        let Some((bytes, _)) = disk::read(&self.path)? else { return Ok(None) };
        let bytes = zeroize::Zeroizing::new(bytes);
        SourceOfTruth::parse(&bytes).map(Some).map_err(|error| Error::syntax(&self.path, error))
    }

    /// Who may touch it; `None` if no file is there.
    ///
    /// # Errors
    /// What the system says.
    pub fn facts(&self) -> Result<Option<SourceFacts>, Error> {
        let Some((_, file)) = disk::read(&self.path)? else { return Ok(None) };
        Ok(disk::folder_facts(self.folder())?.map(|folder| SourceFacts { file, folder }))
    }

    /// Writes it: folder 0700, file 0600, complete or not at all. Bytes that are there already are not written again.
    ///
    /// # Errors
    /// What the system says; the old file is then as it was.
    pub fn save(&self, source: &SourceOfTruth) -> Result<bool, Error> {
        let bytes = source.to_bytes();
        let folder = self.folder();
        disk::make_folder(folder, 0o700)?;
        if disk::folder_facts(folder)?.is_some_and(|facts| !facts.is_private()) {
            disk::make_folder_private(folder)?;
        }
        let old = disk::read(&self.path)?;
        if old.as_ref().is_some_and(|(old, facts)| *old == **bytes && facts.is_private()) {
            return Ok(false);
        }
        let replaced = old.map(|(_, facts)| FileFacts { mode: 0o600, ..facts });
        Staged::write(&self.path, &bytes, replaced)?.commit()?;
        Ok(true)
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use auth_core::{LoginToken, Password};

    use super::*;
    use crate::ErrorKind;

    fn sample(token: &str) -> SourceOfTruth {
        SourceOfTruth::new(
            Some(Password::new("pw").unwrap()),
            LoginToken::new(token).unwrap(),
            "ann",
            "2026-01-02T03:04:05Z",
            vec![],
        )
    }

    #[test]
    fn written_private_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = SourceFile::new(folder.path().join(SourceFile::DEFAULT));
        assert!(file.load().unwrap().is_none() && file.facts().unwrap().is_none());
        assert!(file.save(&sample("t")).unwrap());
        assert!(!file.save(&sample("t")).unwrap(), "the same source is not written twice");
        assert_eq!(file.load().unwrap().unwrap().token().expose(), "t");
        let facts = file.facts().unwrap().unwrap();
        assert_eq!((facts.file.mode, facts.folder.mode), (0o600, 0o700));
    }

    #[test]
    fn loose_rights_are_tightened_on_save() {
        let folder = tempfile::tempdir().unwrap();
        let file = SourceFile::new(folder.path().join(SourceFile::DEFAULT));
        file.save(&sample("t")).unwrap();
        let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        set(file.path(), 0o644);
        set(file.path().parent().unwrap(), 0o755);
        assert!(!file.facts().unwrap().unwrap().file.is_private());
        assert!(file.save(&sample("t")).unwrap());
        let facts = file.facts().unwrap().unwrap();
        assert_eq!((facts.file.mode, facts.folder.mode), (0o600, 0o700));
    }

    #[test]
    fn what_is_no_source_is_an_error_that_names_the_file_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = SourceFile::new(folder.path().join("source"));
        for (content, kind) in [("{", ErrorKind::Syntax), (r#"{"version": "9"}"#, ErrorKind::NewerVersion)] {
            std::fs::write(file.path(), content).unwrap();
            let error = file.load().unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains("source`"));
            assert_eq!(std::fs::read_to_string(file.path()).unwrap(), content);
        }
    }
}
