//! Real repositories, made by git: the index, the history, what nothing leads to any more, and what git ignores.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use token_sync::{
    ErrorKind,
    scan::{Control, Git, GitStanding, ObjectId, ObjectKind, Origin, Place, Scan},
};

use super::{scanner, stranger, token};

struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let new = Self(tempfile::tempdir().unwrap());
        new.git(&["init", "--quiet", "--initial-branch=main"]);
        new
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    #[expect(clippy::disallowed_methods, reason = "the test makes repositories as people do")]
    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.path())
            .args(["-c", "user.name=ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false", "-c", "gc.auto=0"])
            .args(arguments)
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn asked(&self) -> Git {
        Git::new("git", self.path())
    }
}

fn origin(scan: &Scan, at: usize) -> (ObjectKind, &Origin) {
    match &scan.matches[at].place {
        Place::Object { kind, origin, .. } => (*kind, origin),
        other => panic!("{other}"),
    }
}

#[test]
fn the_index_is_searched_as_it_stands() {
    let repository = Repository::new();
    let token = token(1);
    repository.write("a/token", token.expose());
    repository.write("b", token.expose());
    repository.git(&["add", "--all"]);
    repository.write("a/token", "replaced since");
    repository.write("not-added", token.expose());
    let inner = Git::new("git", repository.path().join("a"));
    for git in [repository.asked(), inner] {
        let scan = scanner(std::slice::from_ref(&token)).git_index(&git, &Control::silent()).unwrap();
        let paths: Vec<_> = scan.matches.iter().map(|found| found.place.path().unwrap().to_str().unwrap()).collect();
        assert_eq!(paths, ["a/token", "b"]);
        assert_eq!(scan.counts.files, 1, "equal files are one object");
        assert!(matches!(scan.matches[0].place, Place::Index { .. }));
    }
}

#[test]
fn the_history_is_searched_with_path_and_oldest_commit() {
    let repository = Repository::new();
    let token = token(4);
    repository.commit("empty");
    repository.write("conf/my token.txt", &format!("# mine\n{}\n", token.expose()));
    let leak = repository.commit("adds it");
    repository.write("conf/my token.txt", "gone");
    repository.commit("removes it");
    let told = repository.commit(&format!("says {}", stranger().expose()));
    repository.git(&["tag", "--annotate", "--message", token.expose(), "v1"]);

    let check = || {
        let scan = scanner(std::slice::from_ref(&token)).git_history(&repository.asked(), &Control::silent()).unwrap();
        assert_eq!(scan.matches.len(), 3);
        let by_kind = |wanted| (0..3).find(|at| origin(&scan, *at).0 == wanted).unwrap();
        let (blob, commit, tag) = (by_kind(ObjectKind::Blob), by_kind(ObjectKind::Commit), by_kind(ObjectKind::Tag));
        assert_eq!(origin(&scan, blob).1.path.as_deref(), Some(Path::new("conf/my token.txt")));
        assert_eq!(origin(&scan, blob).1.commit.as_ref().unwrap().as_str(), leak);
        assert_eq!(scan.matches[blob].region.line, 2);
        assert_eq!(origin(&scan, commit).1.commit.as_ref().unwrap().as_str(), told);
        assert_eq!(scan.matches[commit].owner.fingerprint(), Some(&stranger().fingerprint(&super::key())));
        assert!([blob, commit, tag].iter().all(|at| origin(&scan, *at).1.reachable == Some(true)));
    };
    check();
    repository.git(&["repack", "-a", "-d", "--quiet"]);
    check();
}

#[test]
fn an_object_that_nothing_leads_to_is_found() {
    let repository = Repository::new();
    repository.commit("empty");
    let token = token(2);
    repository.write("leak", token.expose());
    let id = repository.git(&["hash-object", "-w", "leak"]);
    fs::remove_file(repository.path().join("leak")).unwrap();
    let scan = scanner(&[token]).git_history(&repository.asked(), &Control::silent()).unwrap();
    assert_eq!(scan.matches.len(), 1);
    let Place::Object { object, .. } = &scan.matches[0].place else { panic!("no object") };
    assert_eq!(object.as_str(), id);
    assert_eq!(*origin(&scan, 0).1, Origin { reachable: Some(false), path: None, commit: None });
}

#[test]
fn a_commit_that_was_amended_away_is_still_reached_by_the_reflog() {
    let repository = Repository::new();
    let token = token(2);
    repository.write("leak", token.expose());
    let leak = repository.commit("oops");
    repository.write("leak", "clean");
    repository.git(&["add", "--all"]);
    repository.git(&["commit", "--quiet", "--amend", "--message", "clean"]);
    let scan = scanner(&[token]).git_history(&repository.asked(), &Control::silent()).unwrap();
    assert_eq!(origin(&scan, 0).1.commit.as_ref().map(ObjectId::as_str), Some(leak.as_str()));
    assert_eq!(origin(&scan, 0).1.path, Some(PathBuf::from("leak")));
}

#[test]
fn a_damaged_object_leaves_a_scan_that_says_it_is_not_complete() {
    let repository = Repository::new();
    let token = token(2);
    for number in 0..30 {
        repository.write(&format!("file {number}"), &format!("{number} {}\n", token.expose()));
    }
    repository.commit("all");
    let id = repository.git(&["rev-parse", "HEAD:file 7"]);
    let path = repository.path().join(".git/objects").join(&id[..2]).join(&id[2..]);
    let whole = fs::read(&path).unwrap();
    for damaged in [whole[..whole.len() - 20].to_vec(), b"garbage".to_vec()] {
        fs::remove_file(&path).unwrap();
        fs::write(&path, damaged).unwrap();
        let scan = scanner(std::slice::from_ref(&token)).git_history(&repository.asked(), &Control::silent());
        // What stands before the damaged object was found; where git lists that one first, there is nothing but the error.
        let Ok(scan) = scan else { continue };
        assert!(!scan.is_complete() && scan.matches.len() < 30, "{:?}", scan.counts);
    }
}

#[test]
fn a_file_name_that_is_a_token_is_found_and_not_shown() {
    let repository = Repository::new();
    let line = "a-token-of-a-different-kind";
    repository.write(line, "x");
    repository.commit("named");
    let known = auth_core::LoginToken::new(line).unwrap();
    let scan = scanner(&[known]).git_history(&repository.asked(), &Control::silent()).unwrap();
    assert_eq!((scan.matches.len(), origin(&scan, 0).0), (1, ObjectKind::Tree));
    assert!(!format!("{scan:?}").contains(line));
}

#[test]
fn an_empty_repository_holds_nothing() {
    let repository = Repository::new();
    let (scanner, git) = (scanner(&[token(0)]), repository.asked());
    assert!(scanner.git_index(&git, &Control::silent()).unwrap().matches.is_empty());
    assert!(scanner.git_history(&git, &Control::silent()).unwrap().matches.is_empty());
}

#[test]
fn without_git_or_a_repository_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let scanner = scanner(&[token(0)]);
    let nowhere = Git::new("git", folder.path());
    let no_git = Git::new(folder.path().join("no-git"), folder.path());
    for (git, kind) in [(nowhere, ErrorKind::Target), (no_git, ErrorKind::Absent)] {
        assert_eq!(scanner.git_index(&git, &Control::silent()).unwrap_err().kind(), kind);
        assert_eq!(scanner.git_history(&git, &Control::silent()).unwrap_err().kind(), kind);
        let error = git.standing(&["x".into()]).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!error.hints().is_empty());
    }
}

#[test]
fn git_says_what_it_ignores_and_tracks() {
    let repository = Repository::new();
    repository.write(".gitignore", "# secrets\n.env*\n!.env.example\n.secrets/\n");
    repository.write(".env.tracked", "x");
    repository.write("plain", "x");
    repository.git(&["add", "--force", "--all"]);
    let outside = tempfile::tempdir().unwrap();
    let absolute = repository.path().canonicalize().unwrap().join(".env");
    let ask = |paths: &[PathBuf]| repository.asked().standing(paths).unwrap();
    let paths: Vec<PathBuf> = [".env", ".env.tracked", ".env.example", ".secrets/token", "plain", "new"]
        .map(PathBuf::from)
        .into_iter()
        .chain([absolute])
        .collect();

    let facts = |standing: &GitStanding| match standing {
        GitStanding::Inside { tracked, ignored_by } => (*tracked, ignored_by.as_ref().map(|rule| rule.line)),
        GitStanding::Outside => panic!("outside"),
    };
    let expected =
        [(false, Some(2)), (true, Some(2)), (false, None), (false, Some(4)), (true, None), (false, None), (false, Some(2))];
    let inside = ask(&paths);
    assert_eq!(inside.iter().map(facts).collect::<Vec<_>>(), expected);
    let kept_out: Vec<bool> = inside.iter().map(GitStanding::is_kept_out).collect();
    assert_eq!(kept_out, [true, false, false, true, false, false, true]);

    let with_outside: Vec<PathBuf> = paths.into_iter().chain([outside.path().join("x")]).collect();
    let all = ask(&with_outside);
    assert_eq!(all[..7], inside[..]);
    assert_eq!(all[7], GitStanding::Outside);
    assert_eq!(ask(&[]), []);
    let GitStanding::Inside { ignored_by: Some(rule), .. } = &all[0] else { panic!("{:?}", all[0]) };
    assert_eq!((rule.source.to_str().unwrap(), rule.pattern.as_str()), (".gitignore", ".env*"));
}
