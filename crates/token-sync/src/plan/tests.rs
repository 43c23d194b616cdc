//! Plans made and applied in a temporary project.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    time::Duration,
};

use super::*;
use crate::{Dialect, Workspace};

struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str, mode: u32) {
        std::fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        std::fs::write(self.at(name), content).unwrap();
        std::fs::set_permissions(self.at(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn content(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        std::fs::metadata(self.at(name)).unwrap().permissions().mode() & 0o7777
    }

    fn env(&self, name: &str, key: &str) -> Target {
        Target::new(self.at(name), Dialect::ComposeV2, Some(key)).unwrap()
    }

    fn targets(&self) -> Vec<Target> {
        let password = Target::new(self.at("login/PASSWORD"), Dialect::LoginPassword, None).unwrap();
        vec![self.env(".env", "TOKEN"), self.env("deep/er/.env", "TOKEN"), password]
    }

    fn plan(&self, value: &str) -> Plan {
        Plan::make(&token(value), "ann", &self.targets()).unwrap()
    }

    fn open(&self) -> Workspace {
        Workspace::open(&self.at(".secrets"), &caller()).unwrap()
    }

    fn apply(&self, plan: Plan) -> Result<Vec<ChangeKind>, Error> {
        let applied = self.open().apply(plan)?;
        assert!(applied.unfinished.is_none());
        Ok(applied.changes.iter().map(|change| change.kind).collect())
    }

    /// Number, times and length of all that is there, the lock's file aside.
    fn stamps(&self) -> Vec<(PathBuf, u64, i64, i64)> {
        let mut stamps = Vec::new();
        let mut todo = vec![self.at(".")];
        while let Some(path) = todo.pop() {
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                todo.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            if !path.ends_with(".genai.lock") {
                stamps.push((path, metadata.ino(), metadata.mtime(), metadata.mtime_nsec()));
            }
        }
        stamps.sort_unstable();
        stamps
    }
}

fn caller() -> Caller {
    Caller::new("test", "2026-01-02T03:04:05Z", [7; 16]).wait(Duration::ZERO)
}

fn token(text: &str) -> LoginToken {
    LoginToken::new(text).unwrap()
}

fn source(value: &str) -> SourceOfTruth {
    SourceOfTruth::new(None, token(value), "ann", "2026-01-02T03:04:05Z", vec![])
}

#[test]
fn creates_then_writes_nothing_then_updates() {
    let project = Project::new();
    let file = SourceFile::new(project.at(SourceFile::DEFAULT));
    let plan = |value: &str| project.plan(value).with_source(&file, &source(value)).unwrap();
    assert_eq!(project.apply(plan("$2b$12$one")).unwrap(), [ChangeKind::Created; 4]);
    let before = project.stamps();
    assert!(plan("$2b$12$one").is_empty());
    assert_eq!(project.apply(plan("$2b$12$one")).unwrap(), [ChangeKind::Unchanged; 4]);
    assert_eq!(project.stamps(), before, "neither a file nor a folder was written, not even for a moment");
    assert_eq!(project.apply(plan("$2b$12$two")).unwrap(), [ChangeKind::Updated; 4]);
    assert_eq!(project.content("login/PASSWORD"), "$2b$12$two\nann\n");
    assert_eq!(project.content(".env"), "TOKEN='$2b$12$two'\n");
}

#[test]
fn a_file_that_is_right_is_not_touched_by_the_commit_of_others() {
    let project = Project::new();
    project.write(".env", "TOKEN='two'\n", 0o644);
    project.write("login/PASSWORD", "one\nann\n", 0o600);
    let facts = |stamps: &[(PathBuf, u64, i64, i64)]| stamps.iter().find(|stamp| stamp.0.ends_with(".env")).cloned().unwrap();
    let before = facts(&project.stamps());
    let kinds = project.apply(project.plan("two")).unwrap();
    assert_eq!(kinds, [ChangeKind::Unchanged, ChangeKind::Created, ChangeKind::Updated]);
    assert_eq!(facts(&project.stamps()), before);
    assert_eq!(project.mode(".env"), 0o644);
}

#[test]
fn a_plan_alone_changes_nothing() {
    let project = Project::new();
    assert!(project.plan("t").steps().iter().all(|step| step.kind() == ChangeKind::Created));
    assert_eq!(std::fs::read_dir(project.0.path()).unwrap().count(), 0);
}

#[test]
fn modes_are_tightened_and_new_files_are_private() {
    let project = Project::new();
    for (before, after) in [(0o644, 0o640), (0o666, 0o640), (0o604, 0o600), (0o600, 0o600), (0o400, 0o400)] {
        project.write(".env", "TOKEN='old'\n", before);
        project.apply(project.plan(&format!("{before:o}"))).unwrap();
        assert_eq!(project.mode(".env"), after, "from {before:o}");
        assert_eq!(project.mode("deep/er/.env"), 0o600);
    }
}

#[test]
fn owner_and_group_are_kept() {
    if rustix::process::geteuid().as_raw() != 0 {
        return; // only root can make another's file
    }
    let project = Project::new();
    project.write(".env", "TOKEN='old'\n", 0o640);
    std::os::unix::fs::chown(project.at(".env"), Some(1234), Some(5678)).unwrap();
    project.apply(project.plan("new")).unwrap();
    let metadata = std::fs::metadata(project.at(".env")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), project.mode(".env")), (1234, 5678, 0o640));
}

#[test]
fn a_password_file_with_carriage_returns_is_rewritten() {
    let project = Project::new();
    project.write("login/PASSWORD", "t\r\nann\r\n", 0o600);
    project.apply(project.plan("t")).unwrap();
    assert_eq!(project.content("login/PASSWORD"), "t\nann\n");
}

#[test]
fn if_one_file_fails_none_is_changed() {
    let project = Project::new();
    project.write(".env", "TOKEN='old'\n", 0o644);
    project.write("login/PASSWORD", "old\nann\n", 0o600);
    drop(project.open());
    let plan = project.plan("new");
    // Between plan and commit a folder takes the second target's place.
    std::fs::create_dir_all(project.at("deep/er/.env/in-the-way")).unwrap();
    let before: Vec<_> = project.stamps().into_iter().map(|(path, number, ..)| (path, number)).collect();
    assert_eq!(project.apply(plan).unwrap_err().kind(), ErrorKind::NotAFile);
    let after: Vec<_> = project.stamps().into_iter().map(|(path, number, ..)| (path, number)).collect();
    assert_eq!(after, before, "the same files, and no other");
    assert_eq!((project.content(".env").as_str(), project.mode(".env")), ("TOKEN='old'\n", 0o644));
}

#[test]
fn what_somebody_changed_since_the_plan_is_not_overwritten() {
    for change in ["TOKEN='old'\nNEW=1\n", "TOKEN='old'\n# a remark\n"] {
        let project = Project::new();
        project.write(".env", "TOKEN='old'\n", 0o600);
        let plan = project.plan("new");
        project.write(".env", change, 0o600);
        let error = project.apply(plan).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed);
        assert!(error.to_string().contains(".env`") && !error.hints().is_empty());
        assert_eq!(project.content(".env"), change);
        assert!(!project.at("login/PASSWORD").exists() && !project.at("deep").exists());
        project.apply(project.plan("new")).unwrap();
        assert_eq!(project.content(".env"), change.replace("old", "new"));
    }
}

#[test]
fn a_link_is_refused_unless_it_is_allowed_and_then_its_end_is_replaced() {
    let project = Project::new();
    project.write("real/env", "A=1\nTOKEN='old'\n", 0o600);
    symlink("real/env", project.at(".env")).unwrap();
    let targets = [project.env(".env", "TOKEN")];
    let error = Plan::make(&token("new"), "ann", &targets).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotAFile);
    assert!(error.to_string().contains("symbolic link"), "{error}");

    assert!(matches!(targets[0].read(), crate::Reading::Unreadable(_)));
    let targets = targets.map(Target::through_link);
    assert!(targets[0].read().holds(&token("old")), "what is read is what is replaced");
    let plan = || Plan::make(&token("new"), "ann", &targets).unwrap();
    assert_eq!(project.apply(plan()).unwrap(), [ChangeKind::Updated]);
    assert_eq!(project.content("real/env"), "A=1\nTOKEN='new'\n");
    assert!(std::fs::symlink_metadata(project.at(".env")).unwrap().is_symlink(), "the link stays");
    assert_eq!(project.apply(plan()).unwrap(), [ChangeKind::Unchanged]);

    // A link that takes a file's place between plan and commit is not followed.
    project.write("victim", "TOKEN='x'\n", 0o600);
    project.write("app.env", "TOKEN='old'\n", 0o600);
    let plan = Plan::make(&token("new"), "ann", &[project.env("app.env", "TOKEN")]).unwrap();
    std::fs::remove_file(project.at("app.env")).unwrap();
    symlink("victim", project.at("app.env")).unwrap();
    assert_eq!(project.apply(plan).unwrap_err().kind(), ErrorKind::NotAFile);
    assert_eq!(project.content("victim"), "TOKEN='x'\n");
}

#[test]
fn several_keys_of_one_file_are_one_step_however_the_file_is_named() {
    let project = Project::new();
    project.write("a/.env", "ONE='old'\n", 0o600);
    symlink("a", project.at("b")).unwrap();
    let targets = [project.env("a/.env", "ONE"), project.env("b/.env", "TWO"), project.env("a/../a/.env", "THREE")];
    let plan = Plan::make(&token("new"), "ann", &targets).unwrap();
    assert_eq!(plan.steps().len(), 1);
    assert_eq!(project.apply(plan).unwrap(), [ChangeKind::Updated]);
    assert_eq!(project.content("a/.env"), "ONE='new'\nTWO='new'\nTHREE='new'\n");
}

#[test]
fn readers_that_need_different_files_are_told_so() {
    let project = Project::new();
    let both = [project.env("x", "TOKEN"), Target::new(project.at("x"), Dialect::LoginPassword, None).unwrap()];
    let error = Plan::make(&token("t"), "ann", &both).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unwritable | ErrorKind::Syntax), "{error}");
    assert!(!project.at("x").exists());
}

#[test]
fn source_and_targets_change_together() {
    let project = Project::new();
    let file = SourceFile::new(project.at(SourceFile::DEFAULT));
    let plan = |value: &str| {
        let targets = [project.env(".env", "TOKEN")];
        Plan::make(&token(value), "ann", &targets).unwrap().with_source(&file, &source(value)).unwrap()
    };
    assert_eq!(project.apply(plan("one")).unwrap(), [ChangeKind::Created; 2]);
    let facts = file.facts().unwrap().unwrap();
    assert_eq!((facts.file.mode, facts.folder.mode), (0o600, 0o700));

    let next = plan("two");
    std::fs::remove_file(project.at(".env")).unwrap();
    std::fs::create_dir(project.at(".env")).unwrap();
    assert_eq!(project.apply(next).unwrap_err().kind(), ErrorKind::NotAFile);
    assert_eq!(file.load().unwrap().unwrap().token().expose(), "one", "the source stays with its targets");
}

#[test]
fn a_loose_source_is_tightened_and_its_mode_put_back_if_a_target_fails() {
    let project = Project::new();
    let file = SourceFile::new(project.at(SourceFile::DEFAULT));
    let plan = |value: &str| Plan::default().with_source(&file, &source(value)).unwrap();
    project.apply(plan("one")).unwrap();
    for (folder, mode) in [(0o755, 0o600), (0o700, 0o644)] {
        std::fs::set_permissions(file.folder(), std::fs::Permissions::from_mode(folder)).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(project.apply(plan("one")).unwrap(), [ChangeKind::Updated]);
        let facts = file.facts().unwrap().unwrap();
        assert_eq!((facts.file.mode, facts.folder.mode), (0o600, 0o700));
        assert!(plan("one").is_empty());
    }
}

#[test]
fn places_of_our_own_are_no_targets() {
    let project = Project::new();
    let file = SourceFile::new(project.at(SourceFile::DEFAULT));
    let itself = Plan::make(&token("t"), "ann", &[project.env(SourceFile::DEFAULT, "TOKEN")]);
    let error = itself.unwrap().with_source(&file, &source("t")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Target);
    drop(project.open());
    for name in [".secrets/committing.journal", ".secrets/../.secrets/staging.journal"] {
        let plan = Plan::make(&token("t"), "ann", &[project.env(name, "TOKEN")]).unwrap();
        assert_eq!(project.apply(plan).unwrap_err().kind(), ErrorKind::Target, "{name}");
    }
}

#[test]
fn a_file_that_its_reader_refuses_is_not_written() {
    let project = Project::new();
    project.write(".env", "not a pair\n", 0o600);
    let error = Plan::make(&token("t"), "ann", &project.targets()[..1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Syntax);
    assert!(error.to_string().contains(".env`"), "{error}");
}

#[test]
fn debug_shows_no_secret() {
    let project = Project::new();
    project.write(".env", "TOKEN='secret-old'\n", 0o600);
    let shown = format!("{:?}", project.plan("secret-new"));
    assert!(!shown.contains("secret-"), "{shown}");
}

#[test]
fn readers_of_one_file_must_all_read_what_is_written_for_one_of_them() {
    let project = Project::new();
    project.write(".env", "A='$2b$12$x'\nB=$2b$12$x\n", 0o600);
    let quoted = project.env(".env", "A");
    let bare = |path: &str| Target::new(project.at(path), Dialect::DockerEnvFile, Some("B")).unwrap();
    let all = [quoted.clone(), bare("./.env")];
    assert!(all.iter().all(|target| target.read().holds(&token("$2b$12$x"))), "each alone is right");
    let error = Plan::make(&token("$2b$12$x"), "ann", &all).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unwritable);
    let text = error.to_string();
    assert!(text.contains("`docker-run-env-file` take it bare only, `compose-v2-dotenv` need it quoted"), "{text}");
    assert!(Plan::make(&token("$2b$12$x"), "ann", &[quoted.clone(), bare("b.env")]).is_ok());

    // Where a spelling for both exists, both keys have it.
    let systemd = Target::new(project.at(".env"), Dialect::SystemdEnvironmentFile, Some("B")).unwrap();
    project.apply(Plan::make(&token("$2b$12$y"), "ann", &[quoted, systemd]).unwrap()).unwrap();
    assert_eq!(project.content(".env"), "A='$2b$12$y'\nB='$2b$12$y'\n");
}

#[test]
fn a_folder_that_is_swapped_after_the_plan_gets_nothing() {
    let swaps: [fn(&Project); 3] = [
        |project| symlink(project.at("elsewhere"), project.at("a")).unwrap(),
        |project| std::fs::rename(project.at("elsewhere"), project.at("a")).unwrap(),
        |project| {
            std::fs::create_dir(project.at("a")).unwrap();
            std::fs::rename(project.at("moved/b"), project.at("moved/c")).unwrap();
            symlink(project.at("elsewhere"), project.at("a/b")).unwrap();
        },
    ];
    for swap in swaps {
        let project = Project::new();
        project.write("a/b/.env", "TOKEN='old'\n", 0o600);
        project.write("elsewhere/b/.env", "TOKEN='old'\n", 0o600);
        project.write("elsewhere/.env", "TOKEN='old'\n", 0o600);
        let plan =
            Plan::make(&token("new"), "ann", &[project.env("a/b/.env", "TOKEN"), project.env("a/b/new", "TOKEN")]).unwrap();
        std::fs::rename(project.at("a"), project.at("moved")).unwrap();
        swap(&project);
        let error = project.apply(plan).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
        assert!(error.to_string().contains("a/b`, or one above it, was replaced"), "{error}");
        assert!(!project.at(".secrets/staging.journal").exists(), "nothing was begun");
        let files = project.stamps().into_iter().map(|(path, ..)| path).filter(|path| path.is_file());
        let files: Vec<_> = files.filter(|path| !path.ends_with(".genai.lock")).collect();
        assert_eq!(files.len(), 3, "{files:?}");
        assert!(files.iter().all(|path| std::fs::read_to_string(path).unwrap() == "TOKEN='old'\n"));
    }
}

#[test]
fn rights_that_the_owner_has_not_are_not_given() {
    let project = Project::new();
    for (name, mode) in [("a", 0o400), ("b", 0o440), ("c", 0o644)] {
        project.write(name, "TOKEN='old'\n", mode);
    }
    let file = SourceFile::new(project.at(SourceFile::DEFAULT));
    project.write(SourceFile::DEFAULT, "{}", 0o400);
    let plan = Plan::make(&token("new"), "ann", &["a", "b", "c"].map(|name| project.env(name, "TOKEN"))).unwrap();
    project.apply(plan.with_source(&file, &source("new")).unwrap()).unwrap();
    assert_eq!(["a", "b", "c", SourceFile::DEFAULT].map(|name| project.mode(name)), [0o400, 0o440, 0o640, 0o400]);
}
