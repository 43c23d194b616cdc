//! `secrets-kept-out-of-git`: git ignores every file of the project that holds the token on purpose. Git itself is asked.

use std::path::{Path, PathBuf};

use report::{CheckId, Finding};
use token_sync::{
    Error, ErrorKind,
    scan::{Git, GitStanding},
};

use super::{fail, pass, skipped, unknown};
use crate::answers;

pub(crate) const ID: CheckId = CheckId("secrets-kept-out-of-git");

/// `places` are the files that hold secrets on purpose, with the names to show.
pub(crate) fn look(git: &Git, project: &Path, places: &[(PathBuf, String)]) -> Finding {
    let paths: Vec<PathBuf> = places.iter().map(|(path, _)| path.clone()).collect();
    let in_git = project.ancestors().any(|folder| folder.join(".git").exists());
    judge(places, git.standing(&paths), in_git)
}

/// `in_git`: whether a `.git` lies at the project or above it, so that an answer is owed.
fn judge(places: &[(PathBuf, String)], standings: Result<Vec<GitStanding>, Error>, in_git: bool) -> Finding {
    let standings = match standings {
        Ok(standings) => standings,
        Err(error) if !in_git && matches!(error.kind(), ErrorKind::Absent | ErrorKind::Target) => {
            return skipped(ID, "nothing to ask", answers::chain(&error));
        }
        Err(error) => return unknown(ID, "git could not be asked", answers::chain(&error)),
    };
    let named = |wanted: fn(&GitStanding) -> bool| -> Vec<&str> {
        standings.iter().zip(places).filter(|(standing, _)| wanted(standing)).map(|(_, (_, name))| name.as_str()).collect()
    };
    let tracked = named(|standing| matches!(standing, GitStanding::Inside { tracked: true, .. }));
    let open = named(|standing| !standing.is_kept_out());
    if !tracked.is_empty() {
        return fail(ID, format!("git tracks `{}`", tracked.join("`, `"))).hint(format!(
            "take it out with `git rm --cached -- '{}'`, add it to .gitignore, and rotate the token",
            tracked.join("' '")
        ));
    }
    if !open.is_empty() {
        return fail(ID, format!("git would take in `{}`", open.join("`, `"))).hint("add it to .gitignore");
    }
    pass(ID, format!("{} files that hold the token are kept out", places.len()))
}

#[cfg(test)]
mod tests {
    use token_sync::scan::IgnoreRule;

    use super::*;

    #[test]
    fn tracked_and_not_ignored_fail_ignored_and_outside_pass() {
        let places = [(PathBuf::from("/p/.env"), ".env".to_owned())];
        let of = |standing| judge(&places, Ok(vec![standing]), true).outcome.name();
        let rule = || Some(IgnoreRule { source: ".gitignore".into(), line: 1, pattern: ".env".to_owned() });
        assert_eq!(of(GitStanding::Outside), "pass");
        assert_eq!(of(GitStanding::Inside { tracked: false, ignored_by: None }), "fail");
        assert_eq!(of(GitStanding::Inside { tracked: false, ignored_by: rule() }), "pass");
        assert_eq!(of(GitStanding::Inside { tracked: true, ignored_by: rule() }), "fail");
    }

    #[test]
    fn a_folder_without_git_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let of = |program: &str| {
            let places = [(folder.path().join(".env"), ".env".to_owned())];
            look(&Git::new(program, folder.path()), folder.path(), &places).outcome.name()
        };
        assert_eq!((of("git"), of("no-such-program")), ("skipped", "skipped"));
        // A repository that git can't be asked about: nothing is known, so nothing passes.
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        assert_eq!((of("git"), of("no-such-program")), ("unknown", "unknown"));
    }
}
