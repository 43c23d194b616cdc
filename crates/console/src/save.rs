//! Puts a rendered document into a file.

use std::{
    fs::Permissions,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use report::{Failure, FailureKind};

/// Writes `text` to `path`, complete or not at all, readable by its owner.
///
/// # Errors
/// What the system refused, naming the path.
pub fn save(path: &Path, text: &str) -> Result<(), Failure> {
    write(path, text, 0o600).map_err(|error| unusable(path, "write", &error))
}

/// Writes `text` to `path`, complete or not at all, readable by whom the user lets read his files. A link stays, and what it leads to is
/// replaced.
///
/// # Errors
/// What the system refused, naming the path as `shown`.
pub fn save_for_all(path: &Path, shown: &Path, text: &str) -> Result<(), Failure> {
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    write(path, text, 0o666).map_err(|error| unusable(shown, "write", &error))
}

/// Why a file can't be used.
pub fn unusable(shown: &Path, verb: &str, error: &io::Error) -> Failure {
    Failure::new(FailureKind::Refused, format!("can't {verb} `{}`: {error}", shown.display()))
        .hint("choose a folder that you may write to")
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_whole_or_names_what_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        save(&path, "one").unwrap();
        save(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        let failure = save(&folder.path().join("absent/report.json"), "x").unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(failure.message.contains("absent/report.json"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn what_is_for_all_goes_to_where_a_link_leads() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        save_for_all(&link, Path::new("link"), "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        let failure = save_for_all(&folder.path().join("absent/file"), Path::new("absent/file"), "x").unwrap_err();
        assert!(failure.message.starts_with("can't write `absent/file`: "), "{failure}");
    }
}
