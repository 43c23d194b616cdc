//! Brings targets to hold the token: a plan that changes nothing, then one step that changes all of them or none.

use std::path::{Path, PathBuf};

use auth_core::{LoginToken, SourceOfTruth};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind, FileFacts, Reading, SourceFile, Target, disk, disk::Staged};

/// What to write where, checked but not yet written.
#[derive(Debug)]
pub struct Plan {
    steps: Vec<Step>,
}

/// One file of a [`Plan`].
#[derive(Debug)]
pub struct Step {
    path: PathBuf,
    kind: ChangeKind,
    private_folder: bool,
    old: Option<(Zeroizing<Vec<u8>>, FileFacts)>,
    new: Zeroizing<Vec<u8>>,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It holds what it must already: untouched.
    Unchanged,
    /// There was no file.
    Created,
    /// There was a file; of a target only its value changes.
    Updated,
}

/// What was done to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file's place.
    pub path: PathBuf,
    /// What was done.
    pub kind: ChangeKind,
}

impl Change {
    /// Whether the file was written.
    pub fn is_change(&self) -> bool {
        self.kind != ChangeKind::Unchanged
    }
}

impl Plan {
    /// Compares each target with `token` and stages, in memory, what to write; `user` is the login's name for the PASSWORD
    /// dialect. The staged bytes are read back by the target's dialect, and every other key must read as before.
    ///
    /// # Errors
    /// A target that can't be read, that its own reader refuses, or for which no spelling comes out unchanged.
    pub fn make(token: &LoginToken, user: &str, targets: &[Target]) -> Result<Self, Error> {
        targets.iter().map(|target| Step::make(token, user, target)).collect::<Result<_, _>>().map(|steps| Self { steps })
    }

    /// The same plan with the source of truth as its first step, so that source and targets change together or not at all.
    ///
    /// # Errors
    /// What is in the source's place can't be read.
    pub fn with_source(mut self, file: &SourceFile, source: &SourceOfTruth) -> Result<Self, Error> {
        let old = disk::read(file.path())?
            .map(|(bytes, facts)| (Zeroizing::new(bytes), FileFacts { mode: facts.mode & 0o700, ..facts }));
        let new = source.to_bytes();
        let is_private = file.facts()?.is_some_and(|facts| facts.file.is_private() && facts.folder.is_private());
        let kind = match &old {
            None => ChangeKind::Created,
            Some((bytes, _)) if *bytes == new && is_private => ChangeKind::Unchanged,
            Some(_) => ChangeKind::Updated,
        };
        self.steps.insert(0, Step { path: file.path().to_owned(), kind, private_folder: true, old, new });
        Ok(self)
    }

    /// The steps, one a file, in the order they are written.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Writes all files, or none: each is staged on the disk first, then all are renamed into place; if one fails, those
    /// before it are put back.
    ///
    /// # Errors
    /// The first failure; the targets are as they were, unless a second failure says otherwise in its hints.
    pub fn apply(self) -> Result<Vec<Change>, Error> {
        let mut staged = Vec::new();
        for step in self.steps.iter().filter(|step| step.kind != ChangeKind::Unchanged) {
            step.make_folder()?;
            staged.push((step, Staged::write(&step.path, &step.new, step.facts())?));
        }
        let mut committed: Vec<&Step> = Vec::new();
        for (step, bytes) in staged {
            if let Err(error) = bytes.commit() {
                return Err(undo(&committed, error));
            }
            committed.push(step);
        }
        Ok(self.steps.iter().map(|step| Change { path: step.path.clone(), kind: step.kind }).collect())
    }
}

impl Step {
    fn make(token: &LoginToken, user: &str, target: &Target) -> Result<Self, Error> {
        let old = disk::read(target.path())?.map(|(bytes, facts)| (Zeroizing::new(bytes), facts));
        let old_bytes = old.as_ref().map(|(bytes, _)| bytes.as_slice());
        let before = old_bytes.map(|bytes| target.read_bytes(bytes));
        let user_is_right = match &before {
            Some(Reading::Token(_, seen)) => !target.dialect().has_user() || seen.as_deref() == Some(user),
            _ => false,
        };
        if before.is_some_and(|reading| reading.holds(token)) && user_is_right && !has_faults(target, old_bytes) {
            let new = old_bytes.unwrap_or_default().to_vec();
            let (path, new) = (target.path().to_owned(), Zeroizing::new(new));
            return Ok(Self { path, kind: ChangeKind::Unchanged, private_folder: false, old, new });
        }
        let at_it = |error: Error| error.at(target.path());
        let new = target.write(old_bytes, token.expose(), user).map(Zeroizing::new).map_err(at_it)?;
        if !target.read_bytes(&new).holds(token) || !target.same_neighbours(old_bytes.unwrap_or_default(), &new) {
            return Err(Error::new(
                ErrorKind::Unwritable,
                format!("what would be written to `{}` doesn't read back as the token", target.path().display()),
            )
            .hint("nothing was written; please report the file's shape (without its values)"));
        }
        let kind = if old.is_some() { ChangeKind::Updated } else { ChangeKind::Created };
        Ok(Self { path: target.path().to_owned(), kind, private_folder: false, old, new })
    }

    /// Where it writes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What applying the plan does to it.
    pub fn kind(&self) -> ChangeKind {
        self.kind
    }

    fn make_folder(&self) -> Result<(), Error> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match disk::folder_facts(folder)? {
            None => disk::make_folder(folder, if self.private_folder { 0o700 } else { 0o755 }),
            Some(facts) if self.private_folder && !facts.is_private() => disk::make_folder_private(folder),
            Some(_) => Ok(()),
        }
    }

    fn facts(&self) -> Option<FileFacts> {
        self.old.as_ref().map(|(_, facts)| *facts)
    }
}

/// Whether a PASSWORD file needs rewriting although its token is right (line ends, byte order mark).
fn has_faults(target: &Target, bytes: Option<&[u8]>) -> bool {
    target.dialect().has_user() && bytes.is_some_and(|bytes| !auth_core::PasswordFile::parse(bytes).faults().is_empty())
}

/// Puts back what was committed before `error` came.
fn undo(committed: &[&Step], error: Error) -> Error {
    committed.iter().rev().fold(error, |error, step| {
        let path = step.path.as_path();
        let back = match &step.old {
            Some((bytes, facts)) => Staged::write(path, bytes, Some(*facts)).and_then(Staged::commit),
            None => disk::remove(path),
        };
        match back {
            Ok(()) => error,
            Err(_) => error
                .hint(format!("`{}` could not be put back: run the same command again once the cause is gone", path.display())),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;
    use crate::Dialect;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }
        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }
        fn targets(&self) -> Vec<Target> {
            vec![
                Target::new(self.at(".env"), Dialect::ComposeV2, Some("TOKEN")).unwrap(),
                Target::new(self.at("deep/er/.env"), Dialect::ComposeV2, Some("TOKEN")).unwrap(),
                Target::new(self.at("login/PASSWORD"), Dialect::LoginPassword, None).unwrap(),
            ]
        }
    }

    fn token(text: &str) -> LoginToken {
        LoginToken::new(text).unwrap()
    }

    fn apply(place: &Place, value: &str) -> Vec<ChangeKind> {
        Plan::make(&token(value), "ann", &place.targets()).unwrap().apply().unwrap().iter().map(|change| change.kind).collect()
    }

    #[test]
    fn creates_then_leaves_alone_then_updates() {
        let place = Place::new();
        assert_eq!(apply(&place, "$2b$12$one"), [ChangeKind::Created; 3]);
        let before: Vec<_> =
            place.targets().iter().map(|t| std::fs::metadata(t.path()).unwrap()).map(|m| (m.ino(), m.mtime_nsec())).collect();
        assert_eq!(apply(&place, "$2b$12$one"), [ChangeKind::Unchanged; 3]);
        let after: Vec<_> =
            place.targets().iter().map(|t| std::fs::metadata(t.path()).unwrap()).map(|m| (m.ino(), m.mtime_nsec())).collect();
        assert_eq!(before, after, "an unchanged target is not touched");
        assert_eq!(apply(&place, "$2b$12$two"), [ChangeKind::Updated; 3]);
        assert_eq!(std::fs::read_to_string(place.at("login/PASSWORD")).unwrap(), "$2b$12$two\nann\n");
        assert_eq!(std::fs::read_to_string(place.at(".env")).unwrap(), "TOKEN='$2b$12$two'\n");
    }

    #[test]
    fn a_plan_alone_changes_nothing() {
        let place = Place::new();
        let plan = Plan::make(&token("t"), "ann", &place.targets()).unwrap();
        assert!(plan.steps().iter().all(|step| step.kind() == ChangeKind::Created));
        assert_eq!(std::fs::read_dir(place.0.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_password_file_with_carriage_returns_is_rewritten() {
        let place = Place::new();
        std::fs::create_dir(place.at("login")).unwrap();
        std::fs::write(place.at("login/PASSWORD"), "t\r\nann\r\n").unwrap();
        let targets = &place.targets()[2..];
        Plan::make(&token("t"), "ann", targets).unwrap().apply().unwrap();
        assert_eq!(std::fs::read(place.at("login/PASSWORD")).unwrap(), b"t\nann\n");
    }

    #[test]
    fn if_one_target_fails_none_is_changed() {
        let place = Place::new();
        std::fs::write(place.at(".env"), "TOKEN='old'\n").unwrap();
        let mut targets = place.targets();
        targets.truncate(2);
        let plan = Plan::make(&token("new"), "ann", &targets).unwrap();
        // Between plan and commit a folder takes the second target's place: its rename must fail after the first's.
        std::fs::create_dir_all(place.at("deep/er/.env/in-the-way")).unwrap();
        let error = plan.apply().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAFile);
        assert_eq!(std::fs::read_to_string(place.at(".env")).unwrap(), "TOKEN='old'\n");
        assert_eq!(std::fs::read_dir(place.0.path()).unwrap().count(), 2, "no temporary file stays");
    }

    #[test]
    fn undo_puts_back_content_and_mode() {
        let place = Place::new();
        std::fs::write(place.at(".env"), "TOKEN='old'\n").unwrap();
        std::fs::set_permissions(place.at(".env"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut targets = place.targets();
        targets.truncate(2);
        let plan = Plan::make(&token("new"), "ann", &targets).unwrap();
        disk::make_folder(&place.at("deep/er"), 0o755).unwrap();
        for step in &plan.steps {
            Staged::write(&step.path, &step.new, step.facts()).unwrap().commit().unwrap();
        }
        let steps: Vec<&Step> = plan.steps.iter().collect();
        let error = undo(&steps, Error::new(ErrorKind::Io, "cause"));
        assert!(error.hints().is_empty());
        assert_eq!(std::fs::read_to_string(place.at(".env")).unwrap(), "TOKEN='old'\n");
        assert!(!place.at("deep/er/.env").exists());
    }

    #[test]
    fn source_and_targets_change_together() {
        let place = Place::new();
        let file = SourceFile::new(place.at(SourceFile::DEFAULT));
        let source = |value: &str| SourceOfTruth::new(None, token(value), "ann", "2026-01-02T03:04:05Z", vec![]);
        let plan = |value: &str| {
            Plan::make(&token(value), "ann", &place.targets()[..1]).unwrap().with_source(&file, &source(value)).unwrap()
        };
        assert_eq!(plan("one").apply().unwrap().iter().map(|change| change.kind).collect::<Vec<_>>(), [ChangeKind::Created; 2]);
        let facts = file.facts().unwrap().unwrap();
        assert_eq!((facts.file.mode, facts.folder.mode), (0o600, 0o700));
        assert!(plan("one").apply().unwrap().iter().all(|change| !change.is_change()));

        let next = plan("two");
        std::fs::remove_file(place.at(".env")).unwrap();
        std::fs::create_dir(place.at(".env")).unwrap();
        assert_eq!(next.apply().unwrap_err().kind(), ErrorKind::NotAFile);
        assert_eq!(file.load().unwrap().unwrap().token().expose(), "one", "the source stays with its targets");
    }

    #[test]
    fn a_file_that_its_reader_refuses_is_not_written() {
        let place = Place::new();
        std::fs::write(place.at(".env"), "not a pair\n").unwrap();
        let error = Plan::make(&token("t"), "ann", &place.targets()[..1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Syntax);
        assert!(error.to_string().contains(".env`"), "{error}");
    }
}
