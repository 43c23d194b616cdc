//! Whether git could pick up a file, by asking git where the file lies.

use std::{ffi::OsString, path::Path};

use super::BoxError;
use crate::{
    ErrorKind,
    io::System,
    place::Place,
    scan::{Git, GitStanding},
};

/// What git says of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitView {
    /// No work tree holds it.
    Outside,
    /// It is in a work tree, and ignored there.
    Ignored,
    /// It is in a work tree, and `git add` would take it.
    Exposed,
}

impl GitView {
    /// Asks the program `git` about `path`, which need not be there yet. Links in the folders above are followed; the work tree
    /// asked is the innermost one that the file then lies in, whatever project it belongs to.
    ///
    /// # Errors
    /// `path` lies in what looks like a work tree, and git can't say: it is not installed, or it doesn't trust the repository.
    pub fn ask(git: impl Into<OsString>, path: &Path) -> Result<Self, BoxError> {
        let path = Place::of(&System, path)?.path();
        let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
        let standings = match Git::new(git, folder).standing(std::slice::from_ref(&path)) {
            Ok(standings) => standings,
            Err(error) if matches!(error.kind(), ErrorKind::Absent | ErrorKind::Target) && !is_in_work_tree(folder) => {
                return Ok(Self::Outside);
            }
            Err(error) => return Err(error.into()),
        };
        Ok(match standings.first() {
            Some(GitStanding::Outside) => Self::Outside,
            Some(standing) if standing.is_kept_out() => Self::Ignored,
            _ => Self::Exposed,
        })
    }
}

/// Whether it looks so without asking git.
fn is_in_work_tree(folder: &Path) -> bool {
    folder.ancestors().any(|folder| folder.join(".git").symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test makes a repository with the real git")]
    fn the_innermost_work_tree_is_asked_and_no_git_is_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let copy = root.join("inner/.secrets/backups/copy");
        let view = |git: &str| GitView::ask(git, &copy);
        assert_eq!(view("git").unwrap(), GitView::Outside);
        assert_eq!(view("/nowhere/git").unwrap(), GitView::Outside, "no git, and no work tree either");
        for repository in [root.clone(), root.join("inner")] {
            std::fs::create_dir_all(&repository).unwrap();
            let made = Command::new("git").arg("-C").arg(&repository).args(["init", "--quiet"]).status().unwrap();
            assert!(made.success());
        }
        std::fs::write(root.join(".gitignore"), "backups\n").unwrap();
        assert_eq!(view("git").unwrap(), GitView::Exposed, "the outer repository's rules say nothing of the inner one");
        std::fs::write(root.join("inner/.gitignore"), "/.secrets/\n").unwrap();
        assert_eq!(view("git").unwrap(), GitView::Ignored);
        std::os::unix::fs::symlink("inner", root.join("link")).unwrap();
        assert_eq!(GitView::ask("git", &root.join("link/copy")).unwrap(), GitView::Exposed, "a link hides nothing");
        assert!(view("/nowhere/git").is_err(), "in a work tree only git can say");
    }
}
