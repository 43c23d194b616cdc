//! Trees of files: what is searched, what is left out, and what can't be read.

use std::{
    fs,
    num::NonZeroUsize,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use token_sync::{
    ErrorKind,
    scan::{Allow, Allowlist, Control, Day, Place, Progress, Scan, SkipReason, Stage, Tree},
};

use super::{scanner, stranger, token};

fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The paths with matches, below `root`.
fn paths(scan: &Scan, root: &Path) -> Vec<String> {
    let below = |place: &Place| place.path().unwrap().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    scan.matches.iter().map(|found| below(&found.place)).collect()
}

#[test]
fn hidden_binary_and_leftover_files_are_searched_and_ignored_ones_only_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let token = token(1);
    let line = token.expose();
    write(root, ".gitignore", "*.log\n.env*\n*.bak\n*~\n*.swp\nvendor/\n");
    for path in
        [".hidden/x", "a.log", ".env", ".env.old", "a/b/c.txt", "a/x.bak", "a/x.py~", "a/.x.swp", "vendor/y", "vendor/y.bak"]
    {
        write(root, path, line);
    }
    write(root, "image.bin", [&[0, 159, 146, 150][..], line.as_bytes(), &[0, 0]].concat());
    write(root, ".git/config", line);
    write(root, "sub/.git", line);
    symlink(root.join("a.log"), root.join("link")).unwrap();
    symlink(root, root.join("a/loop")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("fifo"), 0o600.into()).unwrap();

    let scanner = scanner(&[token]);
    let scan = scanner.tree(&Tree::new(root), &Control::silent()).unwrap();
    assert_eq!(paths(&scan, root), [".env.old", ".hidden/x", "a/.x.swp", "a/b/c.txt", "a/x.bak", "a/x.py~", "image.bin"]);
    assert!(scan.is_complete());
    assert_eq!((scan.counts.ignored, scan.counts.links, scan.counts.special), (3, 2, 1));

    let all = scanner.tree(&Tree::new(root).no_ignore(true), &Control::silent()).unwrap();
    let more = [
        ".env",
        ".env.old",
        ".hidden/x",
        "a/.x.swp",
        "a/b/c.txt",
        "a/x.bak",
        "a/x.py~",
        "a.log",
        "image.bin",
        "vendor/y",
        "vendor/y.bak",
    ];
    assert_eq!((paths(&all, root), all.counts.ignored), (more.map(str::to_owned).to_vec(), 0));
}

#[test]
fn many_files_are_found_in_the_same_order_by_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let token = token(2);
    for number in 0..500 {
        write(
            root,
            &format!("{}/{number}", number % 3),
            format!("{number}\n{}", if number % 7 == 0 { token.expose() } else { "" }),
        );
    }
    let scanner = scanner(&[token]);
    let scans: Vec<Scan> = [1, 2, 7]
        .map(|threads| Tree::new(root).threads(NonZeroUsize::new(threads).unwrap()))
        .iter()
        .map(|tree| scanner.tree(tree, &Control::silent()).unwrap())
        .collect();
    assert_eq!((scans[0].matches.len(), scans[0].counts.files, scans[0].counts.folders), (72, 500, 4));
    assert!(scans.iter().all(|scan| *scan == scans[0]));
}

#[test]
fn what_can_not_be_read_is_told_and_the_rest_is_searched() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let token = token(2);
    write(root, "good", token.expose());
    write(root, "closed", token.expose());
    fs::set_permissions(root.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    let scan = scanner(&[token]).tree(&Tree::new(root), &Control::silent()).unwrap();
    if rustix::process::geteuid().is_root() {
        assert_eq!(paths(&scan, root), ["closed", "good"], "root reads everything");
        return;
    }
    assert_eq!(paths(&scan, root), ["good"]);
    assert_eq!(scan.skipped[0].reason, SkipReason::Permission);
    assert!(!scan.is_complete());
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_fails_while_it_is_read_is_skipped() {
    let path = Path::new("/proc/self/mem");
    let scan = scanner(&[token(0)]).file(path, &Control::silent()).unwrap();
    assert_eq!((scan.skipped.len(), scan.skipped[0].reason), (1, SkipReason::Unreadable));
    assert!(!scan.is_complete() && scan.matches.is_empty());
}

#[test]
fn a_root_that_is_no_tree_is_an_error_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let token = token(2);
    let scanner = scanner(std::slice::from_ref(&token));
    write(root, "file", token.expose());
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("fifo"), 0o600.into()).unwrap();
    let kind = |path: &str| scanner.tree(&Tree::new(root.join(path)), &Control::silent()).unwrap_err().kind();
    assert_eq!((kind("absent"), kind("fifo")), (ErrorKind::Absent, ErrorKind::NotAFile));
    assert_eq!(scanner.tree(&Tree::new(root.join("file")), &Control::silent()).unwrap().matches.len(), 1);
    assert_eq!(scanner.file(&root.join("file"), &Control::silent()).unwrap().matches.len(), 1);
}

#[test]
fn a_huge_file_is_searched_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(2);
    let mut content = vec![b'x'; 5 << 20];
    content.extend_from_slice(format!("\n{}\n", token.expose()).as_bytes());
    fs::write(folder.path().join("huge"), &content).unwrap();
    let scan = scanner(&[token]).tree(&Tree::new(folder.path()), &Control::silent()).unwrap();
    assert_eq!((scan.matches[0].region.line, scan.matches[0].region.offset), (2, (5 << 20) + 1));
    assert_eq!(scan.counts.bytes, content.len() as u64);
}

#[test]
fn a_scan_tells_how_far_it_is_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..3_000 {
        write(folder.path(), &number.to_string(), "x");
    }
    let (events, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
    let control = |stop_at: u64| {
        let (events, flag) = (events.clone(), stop.clone());
        let sink = move |event| {
            events.lock().unwrap().push(event);
            if matches!(event, Progress::Advanced { files, .. } if files >= stop_at) {
                flag.store(true, Ordering::Relaxed);
            }
        };
        Control::new(sink, stop.clone())
    };
    let scanner = scanner(&[token(1)]);
    let all = scanner.tree(&Tree::new(folder.path()), &control(u64::MAX)).unwrap();
    assert!(!all.stopped && all.counts.files == 3_000);
    let seen = std::mem::take(&mut *events.lock().unwrap());
    assert_eq!(seen.first(), Some(&Progress::Began(Stage::Files)));
    assert_eq!(
        seen[seen.len() - 2..],
        [Progress::Advanced { files: 3_000, bytes: 3_000, matches: 0 }, Progress::Ended(Stage::Files)]
    );
    let stopped = scanner.tree(&Tree::new(folder.path()), &control(1)).unwrap();
    assert!(stopped.stopped && !stopped.is_complete() && stopped.counts.files < 3_000);
}

#[test]
fn an_allowlist_lets_pass_what_it_names_until_its_day() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "tests/data.json", stranger().expose());
    write(root, "src/main.py", token(1).expose());
    let scan = scanner(&[token(1)]).tree(&Tree::new(root), &Control::silent()).unwrap();
    let list = Allowlist::new(root, vec![Allow::new(Some("tests/"), None, "made up", "2026-12-31").unwrap()]);
    let judge = |day: &str| list.judge(scan.matches.clone(), Day::parse(day).unwrap());
    let (before, after) = (judge("2026-12-31"), judge("2027-01-01"));
    assert_eq!((before.matches.len(), before.allowed.len(), before.expired.len()), (1, 1, 0));
    assert_eq!((after.matches.len(), after.allowed.len(), after.expired.len(), after.expired[0].1), (1, 0, 1, 0));
    assert_eq!(list.entry(0).unwrap().reason(), "made up");
}
