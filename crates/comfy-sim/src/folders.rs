//! The ComfyUI folder: `input`, `output`, `temp`, `user`, `login`, `models`, and names that carry their folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::models;
use crate::nodes::Numbers;
use crate::py::path::inside;

/// The folders of one server, absolute and existing.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    base: PathBuf,
    /// Model files that are listed though they are not there: folder and name.
    listed: Arc<[(String, String)]>,
    numbers: Numbers,
}

impl Folders {
    /// Makes what is missing.
    pub(crate) fn make(base: &Path) -> Result<Self, Error> {
        for name in ["input", "output", "temp", "user", "login"] {
            let folder = base.join(name);
            fs::create_dir_all(&folder).map_err(|e| Error::io("make", &folder, e))?;
        }
        let base = fs::canonicalize(base).map_err(|e| Error::io("resolve", base, e))?;
        Ok(Self { base, listed: Arc::default(), numbers: Numbers::default() })
    }

    /// With model files that are listed though they are not there.
    pub(crate) fn listing(self, models: Vec<(String, String)>) -> Self {
        Self { listed: models.into(), ..self }
    }

    /// The names of a model folder's files, sorted; `None` if there is no such folder.
    pub(crate) fn models(&self, folder: &str) -> Option<Vec<String>> {
        let mut files = models::files(&self.base, folder)?;
        files.extend(self.pretended(folder).map(str::to_owned));
        files.sort();
        files.dedup();
        Some(files)
    }

    /// The names in a model folder that are listed though they are not there.
    pub(crate) fn pretended<'f>(&'f self, folder: &'f str) -> impl Iterator<Item = &'f str> {
        self.listed.iter().filter(move |(of, _)| of == folder).map(|(_, name)| name.as_str())
    }

    /// The numbers of the files that are saved in them.
    pub(crate) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    pub(crate) fn input(&self) -> PathBuf {
        self.base.join("input")
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.base.join("output")
    }

    pub(crate) fn temp(&self) -> PathBuf {
        self.base.join("temp")
    }

    pub(crate) fn user(&self) -> PathBuf {
        self.base.join("user")
    }

    pub(crate) fn login(&self) -> PathBuf {
        self.base.join("login")
    }

    /// The folder of a `type` parameter.
    pub(crate) fn of_type(&self, name: &str) -> Option<PathBuf> {
        matches!(name, "input" | "output" | "temp").then(|| self.base.join(name))
    }

    /// A name that may end in ` [input]`, ` [output]` or ` [temp]`: the bare name, and the folder it asks for.
    pub(crate) fn annotated<'n>(&self, name: &'n str) -> (&'n str, Option<PathBuf>) {
        for (mark, folder) in [("[output]", "output"), ("[input]", "input"), ("[temp]", "temp")] {
            if let Some(rest) = name.strip_suffix(mark) {
                // The blank before the mark goes with it, whatever character it is.
                let mut bare = rest.chars();
                bare.next_back();
                return (bare.as_str(), Some(self.base.join(folder)));
            }
        }
        (name, None)
    }

    /// The file that a node input names; `None` where it would lie outside of the folder.
    pub(crate) fn named_input(&self, name: &str) -> Option<PathBuf> {
        let (bare, folder) = self.annotated(name);
        inside(&folder.unwrap_or_else(|| self.input()), bare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_their_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        let folders = Folders::make(dir.path()).expect("folders");
        assert_eq!(folders.named_input("a.png"), Some(folders.input().join("a.png")));
        assert_eq!(folders.named_input("s/a.png [output]"), Some(folders.output().join("s/a.png")));
        assert_eq!(folders.named_input("a.png [temp]"), Some(folders.temp().join("a.png")));
        assert_eq!(folders.named_input("../login/PASSWORD"), None);
    }
}
