//! The lock, and what an earlier run left behind.

use std::{
    ffi::OsStr,
    os::unix::fs::{PermissionsExt, symlink},
};

use auth_core::{LoginToken, SourceOfTruth};
use rustix::io::Errno;

use super::*;
use crate::{
    Dialect, Direction, ErrorKind, SourceFile, Target,
    io::faulty::{Fault, Faulty},
};

struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        for name in ["a", "b"] {
            std::fs::write(project.at(name), "TOKEN='old'\n").unwrap();
        }
        project
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn secrets(&self) -> PathBuf {
        self.at(".secrets")
    }

    fn contents(&self) -> [String; 2] {
        ["a", "b"].map(|name| std::fs::read_to_string(self.at(name)).unwrap())
    }

    fn plan(&self) -> Plan {
        let targets = ["a", "b"].map(|name| Target::new(self.at(name), Dialect::ComposeV2, Some("TOKEN")).unwrap());
        Plan::make(&LoginToken::new("new").unwrap(), "ann", &targets).unwrap()
    }

    /// Stops a sync in the call before the journal is first in `phase` and `more` calls have followed.
    fn stop(&self, phase: Phase, more: usize) {
        for at in 1.. {
            let project = Self::new();
            let io = Faulty::new(&[Fault::Stop(at)]);
            let _ = project.sync(io);
            if project.secrets().join(phase.file_name()).exists() {
                let _ = self.sync(Faulty::new(&[Fault::Stop(at + more)]));
                return;
            }
        }
    }

    fn sync(&self, io: Arc<Faulty>) -> Result<Applied, Error> {
        Workspace::open_in(io, &self.secrets(), &caller("stopped"))?.apply(self.plan())
    }

    fn names(&self) -> Vec<String> {
        let names = |path: PathBuf| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names(self.at("")).chain(names(self.secrets())).map(|name| name.into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }
}

fn caller(program: &str) -> Caller {
    Caller::new(program, "2026-01-02T03:04:05Z", [7; 16]).wait(Duration::ZERO)
}

fn contents(a: &str, b: &str) -> [String; 2] {
    [a, b].map(|value| format!("TOKEN='{value}'\n"))
}

const CLEAN: [&str; 4] = [".genai.lock", ".secrets", "a", "b"];

#[test]
fn a_second_caller_is_told_who_holds_the_lock() {
    let project = Project::new();
    let first = Workspace::open(&project.secrets(), &caller("genai-tokens rotate")).unwrap();
    let error = Workspace::open(&project.secrets(), &caller("second").wait(Duration::from_millis(20))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    let holder = format!("in use by pid {}, `genai-tokens rotate`, since 2026-01-02T03:04:05Z", std::process::id());
    assert!(error.to_string().contains(&holder), "{error}");
    assert!(!error.hints().is_empty());
    drop(first);
    Workspace::open(&project.secrets(), &caller("second")).unwrap();
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(project.secrets()), mode(project.secrets().join(".genai.lock"))), (0o700, 0o600));
}

#[test]
fn services_with_sources_of_their_own_share_the_project_s_lock() {
    let project = Project::new();
    let open = |source: &str, program: &str| Workspace::open(&project.at(source), &caller(program).project(project.secrets()));
    let first = open("one", "first").unwrap();
    let error = open("two", "second").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains(".secrets` is in use by") && error.to_string().contains("`first`"), "{error}");
    assert_eq!(open(".secrets", "third").unwrap_err().kind(), ErrorKind::Busy);
    drop(first);
    drop(open("two", "second").unwrap());
    open(".secrets", "the project's own source takes one lock").unwrap();
}

#[test]
fn another_program_s_lock_file_is_left_alone() {
    let project = Project::new();
    std::fs::create_dir(project.secrets()).unwrap();
    std::fs::write(project.secrets().join(".lock"), "not ours").unwrap();
    let _ = project.sync(Faulty::new(&[])).unwrap();
    assert_eq!(std::fs::read_to_string(project.secrets().join(".lock")).unwrap(), "not ours");
}

#[test]
fn a_caller_that_waits_gets_the_lock_when_it_is_free() {
    let project = Project::new();
    let first = Workspace::open(&project.secrets(), &caller("first")).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| Workspace::open(&project.secrets(), &caller("second").wait(Duration::from_secs(60))));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiter.is_finished());
        drop(first);
        assert!(waiter.join().unwrap().is_ok());
    });
}

#[test]
fn a_lock_that_is_no_plain_file_is_refused() {
    for make in [
        (|path| symlink("/dev/null", path).unwrap()) as fn(PathBuf),
        |path| std::fs::create_dir(path).unwrap(),
        |path| rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap(),
    ] {
        let project = Project::new();
        std::fs::create_dir(project.secrets()).unwrap();
        make(project.secrets().join(".genai.lock"));
        let error = Workspace::open(&project.secrets(), &caller("x")).unwrap_err();
        assert!(error.to_string().contains(".genai.lock`"), "{error}");
    }
    let project = Project::new();
    std::fs::write(project.secrets(), "").unwrap();
    assert_eq!(Workspace::open(&project.secrets(), &caller("x")).unwrap_err().kind(), ErrorKind::NotAFile);
}

#[test]
fn the_system_s_refusals_are_clear() {
    let cases = [
        (Errno::ACCESS, ErrorKind::Permission, "ls -ld"),
        (Errno::ROFS, ErrorKind::Permission, "ls -ld"),
        (Errno::NOSPC, ErrorKind::Io, "make room"),
        (Errno::DQUOT, ErrorKind::Io, "make room"),
        (Errno::BUSY, ErrorKind::Io, "mounted by itself"),
        (Errno::XDEV, ErrorKind::Io, "mounted by itself"),
    ];
    for (errno, kind, hint) in cases {
        let project = Project::new();
        let errors = (1..60).filter_map(|at| project.sync(Faulty::new(&[Fault::Fail(at, errno)])).err());
        let shown: Vec<_> = errors.filter(|error| error.kind() == kind).map(|error| error.hints().join(" ")).collect();
        assert!(shown.len() > 10 && shown.iter().all(|text| text.contains(hint)), "{errno:?}: {shown:?}");
    }
}

#[test]
fn recovery_says_what_it_did_and_reading_commands_wait_for_nothing() {
    for (phase, direction, after) in [
        (Phase::Staging, Direction::Back, contents("old", "old")),
        (Phase::Committing, Direction::Forward, contents("new", "new")),
    ] {
        let project = Project::new();
        assert!(Workspace::recover(&project.secrets(), &caller("reader")).unwrap().is_none());
        assert!(!project.secrets().exists(), "looking makes nothing");
        project.stop(phase, 6);
        let recovery = Workspace::recover(&project.secrets(), &caller("reader")).unwrap().unwrap();
        assert_eq!((recovery.direction, recovery.program.as_str()), (direction, "stopped"));
        let real = project.0.path().canonicalize().unwrap();
        assert_eq!((recovery.files, recovery.left), (vec![real.join("a"), real.join("b")], vec![]));
        assert_eq!(project.contents(), after);
        assert_eq!(project.names(), CLEAN);
        let held = Workspace::open(&project.secrets(), &caller("holder")).unwrap();
        assert!(held.recovered().is_none());
        assert!(Workspace::recover(&project.secrets(), &caller("reader")).unwrap().is_none(), "no lock is needed to see that");
    }
}

#[test]
fn what_somebody_changed_after_the_crash_is_kept() {
    // Before its rename: going on would lose it, so all others go back.
    let project = Project::new();
    project.stop(Phase::Committing, 1);
    assert_eq!(project.contents(), contents("old", "old"));
    std::fs::write(project.at("b"), "MINE=1\n").unwrap();
    let recovery = Workspace::open(&project.secrets(), &caller("next")).unwrap().recovered().cloned().unwrap();
    assert_eq!((recovery.direction, recovery.left.len()), (Direction::Back, 0));
    assert_eq!(project.contents(), ["TOKEN='old'\n", "MINE=1\n"]);
    assert_eq!(project.names(), CLEAN);

    // After its rename: the others go on.
    let project = Project::new();
    for more in 1.. {
        project.stop(Phase::Committing, more);
        if project.contents() == contents("new", "old") {
            break;
        }
        Workspace::open(&project.secrets(), &caller("next")).unwrap();
        for name in ["a", "b"] {
            std::fs::write(project.at(name), "TOKEN='old'\n").unwrap();
        }
    }
    std::fs::write(project.at("a"), "MINE=1\n").unwrap();
    let recovery = Workspace::open(&project.secrets(), &caller("next")).unwrap().recovered().cloned().unwrap();
    assert_eq!((recovery.direction, recovery.left.len()), (Direction::Forward, 1));
    assert_eq!(project.contents(), ["MINE=1\n", "TOKEN='new'\n"]);
    assert_eq!(project.names(), CLEAN);
}

#[test]
fn a_lost_folder_does_not_keep_the_next_start_from_work() {
    let project = Project::new();
    project.stop(Phase::Committing, 1);
    for entry in std::fs::read_dir(project.at("")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        std::fs::remove_file(entry).unwrap();
    }
    let recovery = Workspace::open(&project.secrets(), &caller("next")).unwrap().recovered().cloned().unwrap();
    assert_eq!(recovery.left.len(), 2, "both are neither old nor new: they are gone");
    assert_eq!(project.names(), [".genai.lock", ".secrets"]);
}

#[test]
fn a_journal_that_cannot_be_trusted_is_not_followed() {
    let project = Project::new();
    project.stop(Phase::Committing, 1);
    let journal = project.secrets().join(Phase::Committing.file_name());
    let whole = std::fs::read(&journal).unwrap();
    let open = || Workspace::open(&project.secrets(), &caller("next"));

    std::fs::write(&journal, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Syntax);
    std::fs::write(&journal, "genai-auth commit journal 2\n").unwrap();
    assert_eq!(open().unwrap_err().kind(), ErrorKind::NewerVersion);
    std::fs::write(&journal, &whole).unwrap();
    std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o660)).unwrap();
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Permission);
    std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o600)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&journal, Some(1234), None).unwrap();
        assert_eq!(open().unwrap_err().kind(), ErrorKind::Permission);
        std::os::unix::fs::chown(&journal, Some(0), None).unwrap();
    }
    assert_eq!(project.contents(), contents("old", "old"), "nothing was touched so far");
    assert_eq!(open().unwrap().recovered().unwrap().direction, Direction::Forward);
    assert_eq!(project.contents(), contents("new", "new"));
}

#[test]
fn a_first_journal_that_is_cut_short_is_none() {
    let project = Project::new();
    drop(Workspace::open(&project.secrets(), &caller("x")).unwrap());
    for text in ["", "genai-auth comm", "genai-auth commit journal 1\nprogram =x\n"] {
        let journal = project.secrets().join(Phase::Staging.file_name());
        std::fs::write(&journal, text).unwrap();
        std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Workspace::open(&project.secrets(), &caller("x")).unwrap().recovered().is_none());
        assert_eq!(project.names(), CLEAN);
    }
}

#[test]
fn a_journal_holds_no_secret() {
    for phase in [Phase::Staging, Phase::Committing] {
        let project = Project::new();
        project.stop(phase, 0);
        let text = std::fs::read_to_string(project.secrets().join(phase.file_name())).unwrap();
        assert!(!text.contains("TOKEN") && !text.contains("'new'") && !text.contains("'old'"), "{text}");
        assert!(text.contains(project.0.path().file_name().and_then(OsStr::to_str).unwrap()));
    }
}

#[test]
fn what_is_new_belongs_to_the_owner_of_its_folder() {
    use std::os::unix::fs::MetadataExt;
    if !rustix::process::geteuid().is_root() {
        return; // only root can give files away
    }
    let project = tempfile::tempdir().unwrap();
    let comfy = project.path().join("ComfyUI");
    std::fs::create_dir(&comfy).unwrap();
    std::os::unix::fs::chown(&comfy, Some(65534), Some(65534)).unwrap();
    let target = Target::new(comfy.join("login/PASSWORD"), Dialect::LoginPassword, None).unwrap();
    let token = LoginToken::new("t").unwrap();
    let mut workspace = Workspace::open(&project.path().join(".secrets"), &Caller::new("test", "now", [7; 16])).unwrap();
    let _ = workspace.apply(Plan::make(&token, "ann", std::slice::from_ref(&target)).unwrap()).unwrap();
    for path in [comfy.join("login"), comfy.join("login/PASSWORD")] {
        let facts = std::fs::metadata(&path).unwrap();
        assert_eq!((facts.uid(), facts.gid()), (65534, 65534), "{}", path.display());
    }
}

#[test]
fn a_folder_that_is_not_for_secrets_is_not_closed() {
    use std::os::unix::fs::PermissionsExt;
    let project = tempfile::tempdir().unwrap();
    std::fs::set_permissions(project.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = SourceFile::new(project.path().join("tokens.conf"));
    let source = SourceOfTruth::new(None, LoginToken::new("t").unwrap(), "ann", "2026-01-02T03:04:05Z", vec![]);
    let mut workspace = Workspace::open(project.path(), &Caller::new("test", "now", [7; 16])).unwrap();
    let error = workspace.apply(Plan::default().with_source(&file, &source).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exposed);
    assert!(!file.path().exists());
    assert_eq!(std::fs::metadata(project.path()).unwrap().permissions().mode() & 0o777, 0o755);
}
