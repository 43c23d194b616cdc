//! Real processes against one project: killed at any moment, and eight at once.
//!
//! The test program starts itself again as a worker; a worker is a test that is ignored unless its job comes by stdin.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use auth_core::{LoginToken, SourceOfTruth};
use token_sync::{Caller, Dialect, Direction, Plan, SourceFile, Surroundings, Target, Workspace};

const KILLS: usize = 250;
const WORKERS: usize = 8;
const UPDATES: usize = 40;

/// The project of a test: a source of truth, and targets beside it.
struct Project(PathBuf);

impl Project {
    fn secrets(&self) -> PathBuf {
        self.0.join(".secrets")
    }

    fn source(&self) -> SourceFile {
        SourceFile::new(self.0.join(SourceFile::DEFAULT))
    }

    fn env(&self, name: &str, key: &str) -> Target {
        Target::new(self.0.join(name), Dialect::ComposeV2, Some(key)).unwrap()
    }

    fn password(&self) -> Target {
        Target::new(self.0.join("login/PASSWORD"), Dialect::LoginPassword, None).unwrap()
    }

    fn targets(&self) -> [Target; 4] {
        [self.env(".env", "TOKEN"), self.env("app/.env", "TOKEN"), self.env("deep/er/.env", "TOKEN"), self.password()]
    }

    /// The number in the token of the source of truth; 0 if there is none yet.
    fn number(&self) -> usize {
        self.source().load().unwrap().map_or(0, |source| number_of(source.token()))
    }

    /// Source and targets with the token of that number.
    fn write(&self, workspace: &mut Workspace, number: usize, targets: &[Target]) {
        let token = token(number);
        let source = SourceOfTruth::new(None, token.clone(), "ann", "2026-01-02T03:04:05Z", Vec::new());
        let plan = Plan::make(&token, "ann", targets).unwrap().with_source(&self.source(), &source).unwrap();
        let applied = workspace.apply(plan).unwrap();
        assert!(applied.unfinished.is_none(), "{applied:?}");
    }

    /// Every file, by its name below the project.
    fn files(&self) -> BTreeMap<String, u32> {
        let mut files = BTreeMap::new();
        let mut todo = vec![self.0.clone()];
        while let Some(folder) = todo.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
                if path.is_dir() {
                    todo.push(path);
                } else {
                    files.insert(path.strip_prefix(&self.0).unwrap().to_str().unwrap().to_owned(), mode);
                }
            }
        }
        files
    }
}

fn token(number: usize) -> LoginToken {
    LoginToken::new(format!("$2b$12$made-up.{number}")).unwrap()
}

fn number_of(token: &LoginToken) -> usize {
    token.expose().rsplit_once('.').unwrap().1.parse().unwrap()
}

fn caller(program: &str, chance: u64) -> Caller {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&chance.to_be_bytes());
    Caller::new(program, "2026-01-02T03:04:05Z", bytes).wait(Duration::from_secs(60))
}

/// A folder in memory, where there is one: a kill there takes back nothing that was written, as on a disk.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Starts this program again as a worker that does `job` in `project`.
fn start(job: &str, project: &Path, id: usize) -> Child {
    #[expect(clippy::disallowed_methods, reason = "what is tested is what real processes do to each other")]
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let mut worker = command
        .args(["--exact", "worker", "--ignored", "--nocapture", "--test-threads=1", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(worker.stdin.take().unwrap(), "{job}\n{id}\n{}", project.display()).unwrap();
    worker
}

#[test]
#[ignore = "a process of the other tests of this file"]
fn worker() {
    let mut job = String::new();
    std::io::stdin().read_to_string(&mut job).unwrap();
    let words: Vec<&str> = job.lines().collect();
    let [job, id, project] = words[..] else { return };
    let (id, project) = (id.parse().unwrap(), Project(project.into()));
    match job {
        "rotate" => rotate_for_ever(&project, id),
        "share" => share(&project, id),
        "mask" => {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o777));
            let mut workspace = Workspace::open(&project.secrets(), &caller("mask", 1)).unwrap();
            project.write(&mut workspace, 1, &[project.env(".env", "TOKEN")]);
        }
        _ => update(&project, id),
    }
}

/// Writes one token after the other, and says which one is written.
fn rotate_for_ever(project: &Project, id: usize) {
    for round in 0.. {
        let mut workspace = Workspace::open(&project.secrets(), &caller("rotate", (id * 1_000_000 + round) as u64)).unwrap();
        let next = project.number() + 1;
        project.write(&mut workspace, next, &project.targets());
        let mut said = std::io::stdout().lock();
        writeln!(said, "wrote {next}").unwrap();
        said.flush().unwrap();
    }
}

/// Adds keys of its own to the file that all share, and counts the source of truth up.
fn update(project: &Project, id: usize) {
    for round in 0..UPDATES {
        let mut workspace = Workspace::open(&project.secrets(), &caller("update", (id * 1_000 + round) as u64)).unwrap();
        assert!(workspace.recovered().is_none());
        let targets = [project.env(".env", &format!("KEY_{id}_{round}")), project.password()];
        let next = project.number() + 1;
        project.write(&mut workspace, next, &targets);
    }
}

/// The same for a service whose source of truth is in a folder of its own.
fn share(project: &Project, id: usize) {
    for round in 0..UPDATES {
        let caller = caller("share", (id * 1_000 + round) as u64).project(project.secrets());
        let mut workspace = Workspace::open(&project.0.join(format!("service-{id}")), &caller).unwrap();
        let plan = Plan::make(&token(round), "ann", &[project.env(".env", &format!("KEY_{id}_{round}"))]).unwrap();
        let _ = workspace.apply(plan).unwrap();
    }
}

#[test]
fn killed_at_any_moment_it_is_all_old_or_all_new_after_the_next_start() {
    let folder = scratch();
    let project = Project(folder.path().to_owned());
    // On a disk a commit takes a hundred times as long as in memory.
    let longest = if folder.path().starts_with("/dev/shm") { 2_500 } else { 40_000 };
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    let (mut back, mut forward, mut untouched, mut rotations) = (0, 0, 0, 0);
    for kill in 0..KILLS {
        let mut worker = start("rotate", &project.0, kill);
        let mut said = BufReader::new(worker.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut wrote = || said.by_ref().find_map(|line| line.strip_prefix("wrote ")?.parse::<usize>().ok());
        let first = wrote().expect("the worker gets to its first commit");
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        std::thread::sleep(Duration::from_micros(chance % longest));
        worker.kill().unwrap();
        worker.wait().unwrap();
        let said = std::iter::from_fn(wrote).last().unwrap_or(first);

        for name in [".env", "app/.env", "deep/er/.env", "login/PASSWORD", SourceFile::DEFAULT] {
            let length = std::fs::metadata(project.0.join(name)).map(|metadata| metadata.len());
            assert!(length.is_ok_and(|length| length > 10), "kill {kill}: `{name}` is missing or empty");
        }
        match Workspace::open(&project.secrets(), &caller("next", 0)).unwrap().recovered() {
            None => untouched += 1,
            Some(recovery) => {
                assert!(recovery.left.is_empty() && recovery.program == "rotate", "kill {kill}: {recovery:?}");
                *(if recovery.direction == Direction::Back { &mut back } else { &mut forward }) += 1;
            }
        }
        let number = project.number();
        assert!((said..=said + 1).contains(&number), "kill {kill}: {said} was said to be written, {number} is there");
        rotations = number;
        for target in project.targets() {
            assert!(target.read().holds(&token(number)), "kill {kill}: `{}` differs from the source", target.path().display());
        }
        let files = project.files();
        assert_eq!(files.len(), 6, "kill {kill}: {files:?}");
        assert!(files.values().all(|mode| *mode == 0o600), "kill {kill}: {files:?}");
    }
    println!("{KILLS} kills, {rotations} rotations: {back} taken back, {forward} completed, {untouched} between two commits");
    assert!(back > 0 && forward > 0, "no kill hit a commit");
}

#[test]
fn eight_processes_lose_no_update() {
    let folder = scratch();
    let project = Project(folder.path().to_owned());
    let workers: Vec<_> = (0..WORKERS).map(|id| start("update", &project.0, id)).collect();
    for worker in workers {
        let ended = worker.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    }
    let bytes = std::fs::read(project.0.join(".env")).unwrap();
    let entries = Dialect::ComposeV2.read(&bytes, &Surroundings::new()).unwrap();
    let kept: BTreeMap<_, _> = entries.into_iter().map(|entry| (entry.key, entry.value.unwrap())).collect();
    let tokens: std::collections::BTreeSet<_> = kept.values().collect();
    println!("{} of {} keys kept, {} distinct tokens", kept.len(), WORKERS * UPDATES, tokens.len());
    assert_eq!((kept.len(), tokens.len(), project.number()), (WORKERS * UPDATES, WORKERS * UPDATES, WORKERS * UPDATES));
    assert!(project.password().read().holds(&token(WORKERS * UPDATES)));
    assert_eq!(project.files().len(), 4, "{:?}", project.files());
}

#[test]
fn services_with_sources_of_their_own_lose_no_update_of_a_file_that_they_share() {
    let folder = scratch();
    let project = Project(folder.path().to_owned());
    let workers: Vec<_> = (0..4).map(|id| start("share", &project.0, id)).collect();
    for worker in workers {
        let ended = worker.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    }
    let bytes = std::fs::read(project.0.join(".env")).unwrap();
    let entries = Dialect::ComposeV2.read(&bytes, &Surroundings::new()).unwrap();
    let kept: BTreeMap<_, _> = entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
    assert_eq!(kept.len(), 4 * UPDATES);
}

#[test]
fn the_mask_of_the_process_takes_no_right_from_the_owner() {
    let folder = scratch();
    let project = Project(folder.path().to_owned());
    std::fs::create_dir(project.secrets()).unwrap();
    std::fs::set_permissions(project.secrets(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let ended = start("mask", &project.0, 0).wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    let files = project.files();
    assert!(files.len() == 3 && files.values().all(|mode| *mode == 0o600), "{files:?}");
}
