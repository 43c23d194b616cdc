//! Puts a rendered document into a file.

use std::{io::Write, path::Path};

use report::{Failure, FailureKind};

/// Writes `text` to `path`, complete or not at all, readable by its owner.
///
/// # Errors
/// What the system refused, naming the path.
pub fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok::<_, std::io::Error>(())
    };
    write().map_err(|error| {
        Failure::new(FailureKind::Refused, format!("can't write `{}`: {error}", path.display()))
            .hint("choose a folder that you may write to")
    })
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
    }
}
