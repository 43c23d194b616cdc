//! A fault at every system call of a sync: one after the other, until a run gets through.

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use auth_core::{LoginToken, SourceOfTruth};
use rustix::io::Errno;

use super::*;
use crate::{
    Backups, Dialect, GitView, Plan, SourceFile, Target, Workspace,
    io::{
        PowerModel,
        faulty::{Fault, Faulty},
    },
};

const OLD: &str = "$2b$12$old";
const NEW: &str = "$2b$12$new";

/// What a sync finds, and how much it does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Source and four targets, one of them new, and backups.
    Whole,
    /// Source and two targets, one of them new.
    Small,
    /// The first sync of a project: nothing is there.
    First,
}

/// A project whose source and targets hold the old token.
struct Project {
    folder: tempfile::TempDir,
    kind: Kind,
}

/// Of which folders the changes of names are lost.
type Lost = fn(&Path) -> bool;

/// Every file and folder, with its bytes and rights; the lock's file aside.
type Tree = BTreeMap<PathBuf, (Option<String>, u32)>;

impl Project {
    fn new(kind: Kind) -> Self {
        let project = Self { folder: scratch(), kind };
        if kind == Kind::First {
            return project;
        }
        for folder in ["app", "login", ".secrets"] {
            std::fs::create_dir(project.root().join(folder)).unwrap();
            let mode = if folder == ".secrets" { 0o700 } else { 0o755 };
            std::fs::set_permissions(project.root().join(folder), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let source = String::from_utf8(source(OLD).to_bytes().to_vec()).unwrap();
        for (name, content, mode) in [
            (".env", format!("# one\nOTHER=1\nTOKEN='{OLD}'\n"), 0o644),
            ("app/.env", format!("TOKEN='{OLD}'\n"), 0o640),
            ("login/PASSWORD", format!("{OLD}\nann\n"), 0o600),
            (SourceFile::DEFAULT, source, 0o600),
        ] {
            let path = project.root().join(name);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        project
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn targets(&self) -> Vec<Target> {
        let env = |name: &str| Target::new(self.root().join(name), Dialect::ComposeV2, Some("TOKEN")).unwrap();
        let password = Target::new(self.root().join("login/PASSWORD"), Dialect::LoginPassword, None).unwrap();
        let all = vec![env("app/.env"), env("new/er/.env"), env(".env"), password];
        all.into_iter().take(if self.kind == Kind::Small { 2 } else { 4 }).collect()
    }

    fn plan(&self) -> Plan {
        let token = LoginToken::new(NEW).unwrap();
        let file = SourceFile::new(self.root().join(SourceFile::DEFAULT));
        let plan = Plan::make(&token, "ann", &self.targets()).unwrap().with_source(&file, &source(NEW)).unwrap();
        if self.kind != Kind::Whole {
            return plan;
        }
        let backups = Backups::new(self.root().join(".secrets/backups"));
        plan.with_backups(&backups, "2026-01-02T03:04:05Z".parse().unwrap(), |_| Ok(GitView::Outside)).unwrap()
    }

    /// A sync of all targets; the plan is made before, so that every call counted is one of the commit.
    fn sync(&self, io: &Arc<Faulty>) -> Result<crate::Applied, Error> {
        let plan = self.plan();
        Workspace::open_in(Arc::clone(io) as Arc<dyn Io>, &self.root().join(".secrets"), &caller())?.apply(plan)
    }

    fn recover(&self) -> Option<Recovery> {
        let io = Faulty::new(&[]); // the real system, but it waits for no disk
        Workspace::open_in(io, &self.root().join(".secrets"), &caller()).unwrap().recovered().cloned()
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut todo = vec![self.root().to_owned()];
        while let Some(folder) = todo.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
                let name = path.strip_prefix(self.root()).unwrap().to_owned();
                if path.is_dir() {
                    todo.push(path);
                    tree.insert(name, (None, mode));
                } else if name != Path::new(".secrets/.genai.lock") {
                    let content = std::fs::read_to_string(path).unwrap();
                    tree.insert(name, (Some(content.replace(&*self.root().to_string_lossy(), "ROOT")), mode));
                }
            }
        }
        tree
    }
}

/// A folder in memory, where there is one: thousands of runs need no disk.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn source(token: &str) -> SourceOfTruth {
    SourceOfTruth::new(None, LoginToken::new(token).unwrap(), "ann", "2026-01-02T03:04:05Z", vec![])
}

fn caller() -> Caller {
    Caller::new("test", "2026-01-02T03:04:05Z", [7; 16]).wait(std::time::Duration::ZERO)
}

/// What all-old and all-new look like.
struct Expected {
    old: Tree,
    new: Tree,
}

impl Expected {
    fn of(kind: Kind) -> Self {
        let project = Project::new(kind);
        let mut old = project.tree();
        if kind == Kind::First {
            old.insert(".secrets".into(), (None, 0o700)); // the lock's, which stays
        }
        let applied = project.sync(&Faulty::new(&[])).unwrap();
        assert!(applied.unfinished.is_none());
        Self { old, new: project.tree() }
    }

    /// Old, new and only these; in the middle of things each file alone, at the end all alike.
    fn each_is_old_or_new(&self, tree: &Tree, at: &str) {
        for (name, expected) in &self.old {
            let Some(seen) = tree.get(name) else {
                assert!(name == Path::new(".secrets"), "{at}: `{}` is missing", name.display());
                continue;
            };
            assert!(seen == expected || Some(seen) == self.new.get(name), "{at}: `{}` is {seen:?}", name.display());
        }
        for (name, (_, mode)) in tree.iter().filter(|(_, (content, _))| content.is_some()) {
            let known = self.old.contains_key(name) || self.new.contains_key(name);
            // What will replace a file that a group reads has that group's right too; a copy gets its file's rights back just
            // before it takes its place again.
            let more = if name.as_os_str().as_encoded_bytes().ends_with(b"-old") { 0o133 } else { 0o137 };
            assert!(known || *mode & more == 0, "{at}: `{}` is open to others: {mode:o}", name.display());
        }
    }

    fn is_new(&self, tree: &Tree, at: &str) -> bool {
        if *tree == self.new {
            return true;
        }
        // Stopped before it made the folder for the lock, the first sync has made nothing at all.
        assert!(*tree == self.old || tree.is_empty(), "{at}: neither all old nor all new: {tree:#?}");
        false
    }
}

/// Runs `run` with 1, 2, 3 … until it says that its fault did not happen; how often it ran.
fn until_through(mut run: impl FnMut(usize) -> bool) -> usize {
    (1..10_000).find(|at| !run(*at)).expect("the run never got through") - 1
}

#[test]
fn stopped_at_every_call_it_is_all_old_or_all_new_after_the_next_start() {
    for kind in [Kind::Whole, Kind::First] {
        let expected = Expected::of(kind);
        let (mut olds, mut news) = (0, 0);
        let calls = until_through(|at| {
            let project = Project::new(kind);
            let io = Faulty::new(&[Fault::Stop(at)]);
            let outcome = project.sync(&io);
            let place = format!("stopped at call {at} ({:?})", io.last());
            expected.each_is_old_or_new(&project.tree(), &place);
            let recovery = project.recover();
            let is_new = expected.is_new(&project.tree(), &place);
            if let Some(recovery) = recovery {
                assert_eq!(recovery.direction == Direction::Forward, is_new, "{place}");
                assert!(recovery.left.is_empty() && recovery.program == "test", "{place}: {recovery:?}");
            }
            assert!(outcome.is_err() || is_new, "{place}: said to be done and is not");
            *(if is_new { &mut news } else { &mut olds }) += 1;
            assert!(project.recover().is_none(), "{place}: a second start finds nothing to do");
            io.fired() > 0
        });
        assert!(calls > 80 && olds > 50 && news > 15, "{calls} calls, {olds} old, {news} new");
    }
}

#[test]
fn a_call_that_fails_leaves_all_old_and_no_trace_or_all_new() {
    let expected = Expected::of(Kind::Whole);
    for error in [Errno::IO, Errno::NOSPC, Errno::ACCESS, Errno::ROFS, Errno::XDEV] {
        let calls = until_through(|at| {
            let project = Project::new(Kind::Whole);
            let io = Faulty::new(&[Fault::Fail(at, error)]);
            let outcome = project.sync(&io);
            let place = format!("{error:?} at call {at} ({:?})", io.last());
            match outcome {
                // Without any recovery, in the very run that failed.
                Err(failure) => {
                    let journal = project.root().join(".secrets/staging.journal");
                    // The one exception: the journal itself could not be taken away. The next start does it.
                    if journal.exists() {
                        project.recover();
                    }
                    assert!(!expected.is_new(&project.tree(), &place), "{place}: {failure}");
                    assert!(!failure.to_string().contains("$2b$"), "{failure}");
                }
                Ok(applied) => {
                    if let Some(unfinished) = applied.unfinished {
                        expected.each_is_old_or_new(&project.tree(), &place);
                        project.recover();
                        assert!(!unfinished.to_string().is_empty());
                    }
                    assert!(expected.is_new(&project.tree(), &place));
                }
            }
            io.fired() > 0
        });
        assert!(calls > 100, "{calls}");
    }
}

#[test]
fn a_disk_that_is_full_from_any_call_on_leaves_all_old_and_no_trace() {
    let expected = Expected::of(Kind::Whole);
    let calls = until_through(|at| {
        let project = Project::new(Kind::Whole);
        let io = Faulty::new(&[Fault::Full(at)]);
        let outcome = project.sync(&io);
        let place = format!("full from call {at} ({:?})", io.last());
        assert_eq!(expected.is_new(&project.tree(), &place), outcome.is_ok(), "{place}");
        if let Err(error) = outcome {
            assert!(error.hints().iter().any(|hint| hint.contains("make room")), "{place}: {error} {:?}", error.hints());
        }
        io.fired() > 0
    });
    assert!(calls > 50, "{calls}");
}

#[test]
fn a_recovery_that_is_stopped_at_every_call_is_taken_up_by_the_next() {
    let expected = Expected::of(Kind::Small);
    let mut runs = 0;
    until_through(|first| {
        let mut happened = false;
        until_through(|second| {
            runs += 1;
            let project = Project::new(Kind::Small);
            let io = Faulty::new(&[Fault::Stop(first)]);
            let _ = project.sync(&io);
            happened = io.fired() > 0;
            let io = Faulty::new(&[Fault::Stop(second)]);
            let _ = Workspace::open_in(Arc::clone(&io) as Arc<dyn Io>, &project.root().join(".secrets"), &caller());
            let place = format!("stopped at call {first}, its recovery at call {second} ({:?})", io.last());
            expected.each_is_old_or_new(&project.tree(), &place);
            project.recover();
            expected.is_new(&project.tree(), &place);
            io.fired() > 0
        });
        happened
    });
    assert!(runs > 500, "{runs}");
}

#[test]
fn putting_back_that_is_stopped_at_every_call_is_taken_up_by_the_next_start() {
    let expected = Expected::of(Kind::Small);
    let mut runs = 0;
    until_through(|first| {
        let mut happened = false;
        until_through(|more| {
            runs += 1;
            let project = Project::new(Kind::Small);
            let io = Faulty::new(&[Fault::Fail(first, Errno::IO), Fault::Stop(first + more)]);
            let outcome = project.sync(&io);
            happened = io.calls() >= first;
            let place = format!("failed at call {first}, stopped {more} calls later ({:?})", io.last());
            expected.each_is_old_or_new(&project.tree(), &place);
            project.recover();
            let is_new = expected.is_new(&project.tree(), &place);
            assert!(outcome.is_err() || is_new, "{place}");
            io.fired() > 1
        });
        happened
    });
    assert!(runs > 500, "{runs}");
}

/// Of the names that nobody waited for: all lost, all kept, or lost in some folders only.
const MIXTURES: [(&str, Lost); 5] = [
    ("all lost", |_| true),
    ("none lost", |_| false),
    ("the targets' lost", |folder| !folder.ends_with(".secrets")),
    ("the journal's lost", |folder| folder.ends_with(".secrets")),
    ("half of the targets' lost", |folder| folder.ends_with("app") || folder.ends_with("new")),
];

/// A sync with these faults, then a loss of power, then the next start; whether all is new, and how many faults happened.
#[cfg(target_os = "linux")] // the model asks /proc which file is meant
fn without_power(expected: &Expected, kind: Kind, faults: &[Fault], (mixture, lost): (&str, Lost)) -> (bool, Arc<Faulty>) {
    let project = Project::new(kind);
    let root = project.root().canonicalize().unwrap();
    let model = Arc::new(PowerModel::new(&root));
    let io = Faulty::on_model(faults, Arc::clone(&model));
    let outcome = project.sync(&io);
    model.fail(&root, lost);
    let place = format!("power lost with {faults:?} ({:?}), {mixture}", io.last());
    project.recover();
    let is_new = expected.is_new(&project.tree(), &place);
    assert!(outcome.is_err() || is_new, "{place}: said to be done, and the power took it back");
    (is_new, io)
}

#[test]
#[cfg(target_os = "linux")]
fn a_loss_of_power_at_every_call_leaves_all_old_or_all_new() {
    for kind in [Kind::Whole, Kind::First] {
        let expected = Expected::of(kind);
        for mixture in MIXTURES {
            let (mut olds, mut news) = (0, 0);
            let calls = until_through(|at| {
                let (is_new, io) = without_power(&expected, kind, &[Fault::Stop(at)], mixture);
                *(if is_new { &mut news } else { &mut olds }) += 1;
                io.fired() > 0
            });
            assert!(calls > 80 && olds > 50 && news > 10, "{}: {calls} calls, {olds} old, {news} new", mixture.0);
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_loss_of_power_while_putting_back_leaves_all_old_or_all_new() {
    let expected = Expected::of(Kind::Small);
    let mut runs = 0;
    until_through(|first| {
        let mut happened = false;
        until_through(|more| {
            runs += 1;
            let faults = [Fault::Fail(first, Errno::IO), Fault::Stop(first + more)];
            let (_, io) = without_power(&expected, Kind::Small, &faults, MIXTURES[runs % MIXTURES.len()]);
            happened = io.calls() >= first;
            io.fired() > 1
        });
        happened
    });
    assert!(runs > 500, "{runs}");
}
