//! Copies of what a plan replaces: private, few, not for long, and never where git can pick them up.

mod git_view;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use zeroize::Zeroizing;

pub use git_view::GitView;

use crate::{Error, ErrorKind};

/// Whatever kept git from answering.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// Where copies lie, how many, and for how long. [`crate::Plan::with_backups`] makes them.
///
/// A copy's name is `TIME-NUMBER-NAME`, such as `20260102T030405Z-0-.env`; beside the copies of one plan, `TIME-paths` says
/// which number belongs to which path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backups {
    folder: PathBuf,
    keep: usize,
    max_age: Duration,
}

/// When a copy was made: its time, and which of the plans of that second it belongs to.
type Stamp = (Timestamp, u32);
/// What a plan's copies are: each a path and its bytes; then the copies to remove.
type Planned = (Vec<(PathBuf, Zeroizing<Vec<u8>>)>, Vec<PathBuf>);

impl Backups {
    /// Copies in `folder`: the newest 10, for 30 days at most.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), keep: 10, max_age: Duration::from_secs(30 * 24 * 60 * 60) }
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps the copies of this many plans; 0 makes none.
    #[must_use]
    pub fn keep(self, keep: usize) -> Self {
        Self { keep, ..self }
    }

    /// Whether `path` is called like one of the copies, in their folder.
    pub fn is_copy(&self, path: &Path) -> bool {
        path.parent() == Some(&self.folder) && path.file_name().and_then(|name| stamp_of(name.to_str()?)).is_some()
    }

    /// Whether `path` is called like a copy of any project's or service's backups, whatever their settings say now.
    pub fn is_called_like_a_copy(path: &Path) -> bool {
        path.file_name().and_then(|name| stamp_of(name.to_str()?)).is_some()
    }

    /// How many plans' copies are kept.
    pub fn kept(&self) -> usize {
        self.keep
    }

    /// Removes what is older.
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }

    /// What to write for the files `replaced`, and what to remove.
    pub(crate) fn plan<G>(&self, replaced: &[(&Path, &[u8])], now: Timestamp, git: G) -> Result<Planned, Error>
    where
        G: FnOnce(&Path) -> Result<GitView, BoxError>,
    {
        let there = self.there()?;
        let makes = !replaced.is_empty() && self.keep > 0;
        let mut stamps: Vec<Stamp> = there.iter().map(|(stamp, _)| *stamp).collect();
        stamps.sort_unstable();
        stamps.dedup();
        let too_many = stamps.len().saturating_sub(self.keep - usize::from(makes));
        let is_expired = |stamp: &Stamp| {
            let age = Duration::try_from(now.duration_since(stamp.0)).unwrap_or_default(); // of the future: none
            age > self.max_age || stamps[..too_many].contains(stamp)
        };
        let mut expired: Vec<PathBuf> =
            there.iter().filter(|(stamp, _)| is_expired(stamp)).map(|(_, name)| self.folder.join(name)).collect();
        expired.sort_unstable();
        let copies = if makes { self.copies(replaced, now, &stamps) } else { Vec::new() };
        if let Some((path, _)) = copies.first() {
            refuse_exposed(path, git(path))?;
        }
        Ok((copies, expired))
    }

    fn copies(&self, replaced: &[(&Path, &[u8])], now: Timestamp, stamps: &[Stamp]) -> Vec<(PathBuf, Zeroizing<Vec<u8>>)> {
        let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let ordinal = stamps.iter().filter(|(time, _)| *time == second).map(|(_, ordinal)| ordinal + 1).max().unwrap_or(0);
        let mut stamp = now.strftime(STAMP).to_string();
        if ordinal > 0 {
            stamp.push_str(&format!(".{ordinal}"));
        }
        let mut paths = String::new();
        let mut copies = Vec::new();
        for (index, (path, bytes)) in replaced.iter().enumerate() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let short: String = name.chars().take(50).collect();
            paths.push_str(&format!("{index} {path:?}\n"));
            copies.push((self.folder.join(format!("{stamp}-{index}-{short}")), Zeroizing::new(bytes.to_vec())));
        }
        copies.push((self.folder.join(format!("{stamp}-paths")), Zeroizing::new(paths.into_bytes())));
        copies
    }

    /// The copies that are there; other files of the folder are none of ours.
    fn there(&self) -> Result<Vec<(Stamp, std::ffi::OsString)>, Error> {
        let at_it = |error| Error::io("list the backups in", &self.folder, error);
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at_it(error)),
        };
        let mut there = Vec::new();
        for entry in entries {
            let name = entry.map_err(at_it)?.file_name();
            if let Some(stamp) = name.to_str().and_then(stamp_of) {
                there.push((stamp, name));
            }
        }
        Ok(there)
    }
}

/// The stamp of a copy's name; `None` if it is no copy.
fn stamp_of(name: &str) -> Option<Stamp> {
    let (stamp, _) = name.split_once('-')?;
    let (time, ordinal) = stamp.split_once('.').unwrap_or((stamp, "0"));
    let time = DateTime::strptime(STAMP, time).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some((time, ordinal.parse().ok()?))
}

fn refuse_exposed(path: &Path, view: Result<GitView, BoxError>) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path).display();
    match view {
        Ok(GitView::Outside | GitView::Ignored) => Ok(()),
        Ok(GitView::Exposed) => Err(Error::new(ErrorKind::Exposed, format!("a backup in `{folder}` could be added to git"))
            .hint("add that folder to `.gitignore`, or keep backups outside of the work tree")),
        Err(cause) => Err(Error::new(ErrorKind::Exposed, format!("git can't say whether it ignores `{folder}`"))
            .because(cause)
            .hint("install git, keep backups outside of any work tree, or make none")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use auth_core::LoginToken;

    use super::*;
    use crate::{Caller, Dialect, Plan, Target, Workspace};

    struct Project(tempfile::TempDir);

    impl Project {
        fn folder(&self) -> PathBuf {
            self.0.path().join(".secrets/backups")
        }

        fn sync(&self, value: &str, backups: &Backups, now: &str, git: GitView) -> Result<Vec<PathBuf>, Error> {
            let target = Target::new(self.0.path().join(".env"), Dialect::ComposeV2, Some("TOKEN")).unwrap();
            let now = now.parse().unwrap();
            let plan = Plan::make(&LoginToken::new(value).unwrap(), "ann", &[target])?.with_backups(backups, now, |_| Ok(git))?;
            let caller = Caller::new("test", "", [7; 16]).wait(Duration::ZERO);
            let applied = Workspace::open(&self.0.path().join(".secrets"), &caller)?.apply(plan)?;
            assert!(applied.unfinished.is_none());
            Ok(applied.removed)
        }

        fn names(&self) -> Vec<String> {
            let entries = std::fs::read_dir(self.folder()).into_iter().flatten();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort_unstable();
            names
        }
    }

    fn project() -> Project {
        let project = Project(tempfile::tempdir().unwrap());
        std::fs::write(project.0.path().join(".env"), "TOKEN='zero'\n").unwrap();
        project
    }

    #[test]
    fn what_is_replaced_is_kept_private_and_few() {
        let project = project();
        let backups = Backups::new(project.folder()).keep(2);
        project.sync("one", &backups, "2026-01-01T00:00:01Z", GitView::Outside).unwrap();
        assert_eq!(project.names(), ["20260101T000001Z-0-.env", "20260101T000001Z-paths"]);
        let copy = project.folder().join("20260101T000001Z-0-.env");
        assert!(backups.is_copy(&copy) && !backups.is_copy(&project.folder().join("notes-of-mine")));
        assert_eq!(std::fs::read_to_string(&copy).unwrap(), "TOKEN='zero'\n");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&copy), mode(&project.folder())), (0o600, 0o700));
        let paths = std::fs::read_to_string(project.folder().join("20260101T000001Z-paths")).unwrap();
        assert_eq!(paths, format!("0 {:?}\n", project.0.path().join(".env")));

        // Two in one second are two; the third takes the place of the first; foreign files stay.
        std::fs::write(project.folder().join("notes-of-mine"), "").unwrap();
        assert!(project.sync("two", &backups, "2026-01-01T00:00:01.5Z", GitView::Outside).unwrap().is_empty());
        let removed = project.sync("three", &backups, "2026-01-01T00:00:02Z", GitView::Ignored).unwrap();
        assert_eq!(removed.len(), 2);
        assert_eq!(
            project.names(),
            [
                "20260101T000001Z.1-0-.env",
                "20260101T000001Z.1-paths",
                "20260101T000002Z-0-.env",
                "20260101T000002Z-paths",
                "notes-of-mine"
            ]
        );
    }

    #[test]
    fn what_is_too_old_goes_even_if_nothing_changes_and_the_future_stays() {
        let project = project();
        let backups = Backups::new(project.folder()).max_age(Duration::from_secs(60));
        project.sync("one", &backups, "2026-01-01T00:10:00Z", GitView::Outside).unwrap();
        assert!(project.sync("one", &backups, "2026-01-01T00:11:00Z", GitView::Outside).unwrap().is_empty());
        assert!(project.sync("one", &backups, "2025-01-01T00:00:00Z", GitView::Outside).unwrap().is_empty(), "clock in the past");
        assert_eq!(project.sync("one", &backups, "2026-01-01T00:11:01Z", GitView::Outside).unwrap().len(), 2);
        assert!(project.names().is_empty());
    }

    #[test]
    fn what_changes_nothing_or_creates_a_file_makes_no_copy() {
        let project = project();
        let (backups, now) = (Backups::new(project.folder()), "2026-01-01T00:00:00Z");
        project.sync("zero", &backups, now, GitView::Outside).unwrap();
        std::fs::remove_file(project.0.path().join(".env")).unwrap();
        project.sync("one", &backups, now, GitView::Outside).unwrap();
        project.sync("two", &backups.clone().keep(0), now, GitView::Outside).unwrap();
        assert!(!project.folder().exists());
    }

    #[test]
    fn where_git_sees_it_or_nobody_knows_nothing_is_written() {
        let project = project();
        let (backups, now) = (Backups::new(project.folder()), "2026-01-01T00:00:00Z");
        let error = project.sync("one", &backups, now, GitView::Exposed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exposed);
        assert!(error.hints()[0].contains(".gitignore"));
        let unknown =
            backups.plan(&[(Path::new(".env"), b"x")], now.parse().unwrap(), |_| Err("git is not installed".into())).unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::Exposed);
        assert!(!project.folder().exists());
        assert_eq!(std::fs::read_to_string(project.0.path().join(".env")).unwrap(), "TOKEN='zero'\n");
    }
}
