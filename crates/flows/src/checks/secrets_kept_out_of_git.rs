//! `secrets-kept-out-of-git`: git ignores every file of the project that holds the token on purpose. Git itself is asked.

use std::path::PathBuf;

use report::{CheckId, Finding};
use token_sync::{
    Error, ErrorKind,
    scan::{Git, GitStanding},
};

use super::{fail, pass, skipped, unknown};
use crate::answers;

pub(crate) const ID: CheckId = CheckId("secrets-kept-out-of-git");

/// `places` are the files that hold secrets on purpose, with the names to show.
pub(crate) fn look(git: &Git, places: &[(PathBuf, String)]) -> Finding {
    let paths: Vec<PathBuf> = places.iter().map(|(path, _)| path.clone()).collect();
    judge(places, git.standing(&paths))
}

fn judge(places: &[(PathBuf, String)], standings: Result<Vec<GitStanding>, Error>) -> Finding {
    let standings = match standings {
        Ok(standings) => standings,
        Err(error) if matches!(error.kind(), ErrorKind::Absent | ErrorKind::Target) => {
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
    use super::*;

    #[test]
    fn tracked_and_not_ignored_fail_ignored_and_outside_pass() {
        let places = [(PathBuf::from("/p/.env"), ".env".to_owned())];
        let of = |standing| judge(&places, Ok(vec![standing])).outcome.name();
        assert_eq!(of(GitStanding::Outside), "pass");
        assert_eq!(of(GitStanding::Inside { tracked: false, ignored_by: None }), "fail");
        assert_eq!(of(GitStanding::Inside { tracked: true, ignored_by: None }), "fail");
    }

    #[test]
    fn a_folder_without_git_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let finding = look(&Git::new("git", folder.path()), &[(folder.path().join(".env"), ".env".to_owned())]);
        assert_eq!(finding.outcome.name(), "skipped", "{finding:?}");
    }
}
