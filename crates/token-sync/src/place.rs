//! The one file that a path names, found once: links in the folders above it are followed, the file itself must be no link
//! unless the caller allows it.

use std::{
    ffi::{OsStr, OsString},
    path::{Component, Path, PathBuf},
};

use rustix::io::Errno;

use crate::{Error, ErrorKind, io::Io};

/// An absolute folder without links (its end may not be there yet), and a name in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    folder: PathBuf,
    name: OsString,
}

impl Place {
    /// What `path` names.
    pub(crate) fn of(io: &dyn Io, path: &Path) -> Result<Self, Error> {
        let nameless = || Error::new(ErrorKind::Target, format!("`{}` names no file", path.display()));
        let name = path.file_name().ok_or_else(nameless)?;
        let parent = path.parent().unwrap_or(Path::new(""));
        Ok(Self { folder: real_folder(io, parent)?, name: name.to_owned() })
    }

    /// What `path` names; if it is a link, the file at its end.
    pub(crate) fn at_end_of(io: &dyn Io, path: &Path) -> Result<Self, Error> {
        Self::of(io, &end_of_link(io, path)?)
    }

    pub(crate) fn new(folder: PathBuf, name: OsString) -> Self {
        Self { folder, name }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}

/// The plain path of a folder, as far as it is there; what is not there yet is added as it is named.
pub(crate) fn real_folder(io: &dyn Io, path: &Path) -> Result<PathBuf, Error> {
    let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match io.real_path(here) {
        Ok(real) => Ok(real),
        Err(Errno::NOENT) => match (path.parent(), path.components().next_back()) {
            (Some(parent), Some(Component::Normal(name))) => Ok(real_folder(io, parent)?.join(name)),
            _ => Err(Error::io("find the folder", path, Errno::NOENT)),
        },
        Err(error) => Err(Error::io("find the folder", path, error)),
    }
}

fn end_of_link(io: &dyn Io, path: &Path) -> Result<PathBuf, Error> {
    match io.real_path(path) {
        Ok(end) => Ok(end),
        // Nothing is there at all, or a link to nothing; the folder's own names tell which when it is read.
        Err(Errno::NOENT) if std::fs::symlink_metadata(path).is_err() => Ok(path.to_owned()),
        Err(Errno::NOENT) => Err(Error::new(ErrorKind::NotAFile, format!("`{}` is a link to nothing", path.display()))
            .hint("make the file that it points to, or remove the link")),
        Err(error) => Err(Error::io("follow", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::io::System;

    #[test]
    fn one_file_has_one_place_however_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        let of = |path: &str| Place::of(&System, &root.join(path));
        let place = of("a/x").unwrap();
        assert_eq!((place.path(), place.name()), (root.join("a/x"), OsStr::new("x")));
        for same in ["b/x", "a/../a/x", "./b/./x"] {
            assert_eq!(of(same).unwrap(), place, "{same}");
        }
        assert_eq!(of("a/new/er/x").unwrap().path(), root.join("a/new/er/x"));
        assert_eq!(of("a/new/../x").unwrap_err().kind(), ErrorKind::Absent);
        assert_eq!(of("a/..").unwrap_err().kind(), ErrorKind::Target);
    }

    #[test]
    fn a_link_is_followed_only_where_that_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("file"), "").unwrap();
        symlink("file", root.join("link")).unwrap();
        symlink("nothing", root.join("dangling")).unwrap();
        let end = |name: &str| Place::at_end_of(&System, &root.join(name));
        assert_eq!(Place::of(&System, &root.join("link")).unwrap().path(), root.join("link"));
        assert_eq!(end("link").unwrap().path(), root.join("file"));
        assert_eq!(end("file").unwrap().path(), root.join("file"));
        assert_eq!(end("absent").unwrap().path(), root.join("absent"));
        assert_eq!(end("dangling").unwrap_err().kind(), ErrorKind::NotAFile);
    }
}
