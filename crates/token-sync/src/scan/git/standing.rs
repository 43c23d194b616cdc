//! Whether git ignores or tracks a file, by asking git.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::Git;
use crate::Error;

/// How a file stands with git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitStanding {
    /// It lies in the repository's work tree.
    Inside {
        /// Whether it, or something in it if it is a folder, is in the index: the next commit holds it.
        tracked: bool,
        /// The rule by which git would ignore it; a tracked file is not ignored all the same.
        ignored_by: Option<IgnoreRule>,
    },
    /// It lies outside of the work tree, or behind a symbolic link: git never takes it in.
    Outside,
}

/// A line of a file of ignore rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreRule {
    /// The file, as git names it.
    pub source: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// The pattern.
    pub pattern: String,
}

impl GitStanding {
    /// Whether the next `git add` and `git commit` leave it out.
    pub fn is_kept_out(&self) -> bool {
        match self {
            Self::Inside { tracked, ignored_by } => !tracked && ignored_by.is_some(),
            Self::Outside => true,
        }
    }
}

impl Git {
    /// How each of `paths` (absolute, or relative to the repository's folder as given) stands with git, in their order. They
    /// need not exist.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Absent`] if there is no git program, [`crate::ErrorKind::Target`] if there is no repository,
    /// [`crate::ErrorKind::Io`] if it has no work tree or git fails.
    pub fn standing(&self, paths: &[PathBuf]) -> Result<Vec<GitStanding>, Error> {
        self.output(&["rev-parse", "--show-toplevel"], Vec::new())?.success(self)?;
        let none_tracked = self.ls_files(&[], paths)?.is_some_and(|listed| listed.is_empty());
        let all_rules = self.ignore_rules(paths)?;
        let mut standings = Vec::with_capacity(paths.len());
        for (number, path) in paths.iter().enumerate() {
            let rule = match &all_rules {
                Some(rules) => rules.get(number).cloned(),
                None => self.ignore_rules(std::slice::from_ref(path))?.and_then(|mut rules| rules.pop()),
            };
            let Some(ignored_by) = rule else {
                standings.push(GitStanding::Outside);
                continue;
            };
            let tracked = !none_tracked && self.ls_files(&["--error-unmatch"], std::slice::from_ref(path))?.is_some();
            standings.push(GitStanding::Inside { tracked, ignored_by });
        }
        Ok(standings)
    }

    /// What the index has of `paths`; `None` if git refuses.
    fn ls_files(&self, options: &[&str], paths: &[PathBuf]) -> Result<Option<Vec<u8>>, Error> {
        if paths.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let fixed = ["--literal-pathspecs", "ls-files", "-z"].iter().chain(options).chain(&["--"]);
        let arguments: Vec<OsString> =
            fixed.map(OsString::from).chain(paths.iter().map(|path| path.clone().into_os_string())).collect();
        let output = self.output(&arguments, Vec::new())?;
        Ok((output.code == Some(0)).then_some(output.stdout))
    }

    /// For each path the rule that ignores it; `None` if git can't say it of one of them.
    fn ignore_rules(&self, paths: &[PathBuf]) -> Result<Option<Vec<Option<IgnoreRule>>>, Error> {
        let input: Vec<u8> = paths.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
        let arguments = ["check-ignore", "-z", "--verbose", "--non-matching", "--no-index", "--stdin"];
        let output = self.output(&arguments, input)?;
        // 0: some are ignored; 1: none is.
        if !matches!(output.code, Some(0 | 1)) {
            return Ok(None);
        }
        let fields: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
        let rules: Vec<_> = fields.chunks_exact(4).map(|entry| rule(entry[0], entry[1], entry[2])).collect();
        Ok((rules.len() == paths.len()).then_some(rules))
    }
}

/// The rule that git names; none if it names none, or one that takes the file in again.
fn rule(source: &[u8], line: &[u8], pattern: &[u8]) -> Option<IgnoreRule> {
    if source.is_empty() || pattern.starts_with(b"!") {
        return None;
    }
    Some(IgnoreRule {
        source: Path::new(OsStr::from_bytes(source)).to_owned(),
        line: std::str::from_utf8(line).ok()?.parse().ok()?,
        pattern: String::from_utf8_lossy(pattern).into_owned(),
    })
}
