//! A file replaced whole or not at all, with a copy of what stood there before.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind};

/// What a save did.
///
/// ```no_run
/// # fn example(workflow: comfy_client::Workflow) -> Result<(), comfy_client::Error> {
/// let saved = workflow.save(std::path::Path::new("cat.json"))?;
/// match saved.backup {
///     Some(backup) => println!("written; what was there is now {}", backup.display()),
///     None => println!("{}", if saved.changed { "written" } else { "as it was" }),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved {
    /// Whether the file is another than before; one that is equal already is not written.
    pub changed: bool,
    /// Where the file's former content lies: beside it, with `.bak` after its name. An older backup is replaced.
    pub backup: Option<PathBuf>,
}

pub(super) fn json(path: &Path, value: &Map<String, Value>) -> Result<Saved, Error> {
    serde_json::to_vec_pretty(value)
        .map_err(io::Error::from)
        .and_then(|mut text| {
            text.push(b'\n');
            replace(path, &text)
        })
        .map_err(|cause| Error::new(ErrorKind::Io, format!("cannot write `{}`", path.display())).because(cause))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<Saved> {
    // A link stays a link: what it points to is replaced.
    let path = &match path.canonicalize() {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => path.to_owned(),
        real => real?,
    };
    let (old, permissions) = match fs::read(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => (None, None),
        old => (Some(old?), Some(fs::metadata(path)?.permissions())),
    };
    if old.as_deref() == Some(bytes) {
        return Ok(Saved { changed: false, backup: None });
    }
    let backup = match old {
        Some(old) => {
            let backup = beside(path, "", ".bak")?;
            put(&backup, &old, permissions.clone())?;
            Some(backup)
        }
        None => None,
    };
    put(path, bytes, permissions)?;
    Ok(Saved { changed: true, backup })
}

/// A path in the same folder, with other words around its name.
fn beside(path: &Path, before: &str, after: &str) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"))?;
    let mut other = OsString::from(before);
    other.push(name);
    other.push(after);
    Ok(path.with_file_name(other))
}

/// Writes a new file beside the path, flushes it to disk, and gives it the path's name in one step.
fn put(path: &Path, bytes: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
    let (part, mut file) = new_file(path)?;
    let written = permissions
        .map_or(Ok(()), |permissions| file.set_permissions(permissions))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // The save has failed already; what is left of it is all that could be reported here.
        let _ = fs::remove_file(&part);
    }
    written?;
    flush_folder(path)
}

/// A file that nobody had before; one that a killed program left is passed over.
fn new_file(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut nth = 0;
    loop {
        let part = beside(path, ".", &format!(".{nth}.part"))?;
        match OpenOptions::new().write(true).create_new(true).open(&part) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && nth < 100 => nth += 1,
            opened => return Ok((part, opened?)),
        }
    }
}

#[cfg(unix)]
fn flush_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn flush_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn save(path: &Path, number: u8) -> Saved {
        json(path, json!({"z": number, "a": 1}).as_object().unwrap()).unwrap()
    }

    #[test]
    fn the_former_content_is_kept_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.json");
        assert_eq!(save(&path, 1), Saved { changed: true, backup: None });
        assert_eq!(save(&path, 1), Saved { changed: false, backup: None });
        fs::write(folder.path().join(".w.json.0.part"), "another's").unwrap();
        let backup = save(&path, 2).backup.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\n  \"z\": 2,\n  \"a\": 1\n}\n");
        assert_eq!(fs::read_to_string(backup).unwrap(), "{\n  \"z\": 1,\n  \"a\": 1\n}\n");
        assert_eq!(names(folder.path()), [".w.json.0.part", "w.json", "w.json.bak"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.json"), folder.path().join("link.json"));
        fs::write(&real, "{}").unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o600)).unwrap();
        symlink(&real, &link).unwrap();
        save(&link, 1);
        assert!(link.is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["link.json", "real.json", "real.json.bak"]);
    }

    #[test]
    fn a_failed_save_names_the_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent/w.json");
        let error = json(&path, &Map::new()).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Io, format!("cannot write `{}`", path.display())));
        assert!(names(folder.path()).is_empty());
    }
}
