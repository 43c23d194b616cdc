//! The source of truth on the disk: a private file in a private folder.

use std::path::{Path, PathBuf};

use auth_core::SourceOfTruth;

use crate::{Error, FileFacts, disk};

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

    /// The folder it is in, which is the [`crate::Workspace`] of those who write it.
    pub fn folder(&self) -> &Path {
        self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

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
