//! Real folders, real events.

use std::{
    fs,
    os::unix::fs::symlink,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use super::*;

/// Longer than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done, in words and in deed.
type Change = (&'static str, fn(&Place));

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    fn watch(&self, name: &str) -> (Watch, Receiver<()>) {
        let (tell, told) = channel();
        let watch = Watch::new([self.0.path().join(name)], move || {
            let _ = tell.send(());
        });
        assert!(watch.blind().is_none(), "{watch:?}");
        (watch, told)
    }
}

#[test]
fn every_way_to_change_a_file_is_told_and_leaves_the_watch_fresh() {
    let changes: &[Change] = &[
        ("written in place", |place| place.write("a/file", "new")),
        ("replaced by a rename", |place| {
            place.write("a/temporary", "new");
            fs::rename(place.at("a/temporary"), place.at("a/file")).unwrap();
        }),
        ("removed", |place| fs::remove_file(place.at("a/file")).unwrap()),
        ("made", |place| place.write("a/file", "again")),
        ("its rights", |place| {
            fs::set_permissions(place.at("a/file"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }),
    ];
    let place = Place::new();
    fs::create_dir(place.at("a")).unwrap();
    place.write("a/file", "old");
    for (what, change) in changes {
        let (watch, told) = place.watch("a/file");
        change(&place);
        assert!(told.recv_timeout(PATIENCE).is_ok(), "{what}");
        assert!(!watch.is_stale(), "{what}");
    }
}

#[test]
fn what_is_told_and_what_makes_the_watch_stale() {
    use notify::{
        Event,
        event::{AccessMode, CreateKind, DataChange, Flag, ModifyKind, RemoveKind},
    };
    let access = |kind| EventKind::Access(kind);
    let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    let cases = [
        (written, "/a/file", true, false),
        (access(AccessKind::Close(AccessMode::Write)), "/a/file", true, false),
        (access(AccessKind::Open(AccessMode::Any)), "/a/file", false, false),
        (access(AccessKind::Close(AccessMode::Read)), "/a/file", false, false),
        (access(AccessKind::Open(AccessMode::Any)), "/a", false, false),
        (written, "/a/other", false, false),
        (EventKind::Create(CreateKind::Folder), "/a", true, true),
        (EventKind::Remove(RemoveKind::Folder), "/a", true, true),
    ];
    for (kind, path, told, stale) in cases {
        let ways = Ways::default();
        ways.add(Path::new("/a"), Role::Step);
        ways.add(Path::new("/a/file"), Role::File);
        assert_eq!(ways.concerns(Ok(Event::new(kind).add_path(path.into()))), told, "{kind:?} {path}");
        assert_eq!(ways.stale.load(Ordering::Acquire), stale, "{kind:?} {path}");
    }
    for lost in [Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)), Err(notify::Error::generic("x"))] {
        let ways = Ways::default();
        assert!(ways.concerns(lost) && ways.stale.load(Ordering::Acquire), "events that were lost may have been about anything");
    }
}

#[test]
fn a_way_that_changes_makes_the_watch_stale() {
    let changes: &[Change] = &[
        ("a folder above goes away", |place| fs::rename(place.at("a"), place.at("gone")).unwrap()),
        ("and is made again", |place| fs::create_dir(place.at("a")).unwrap()),
        ("the next one is made", |place| fs::create_dir(place.at("a/b")).unwrap()),
        ("it becomes a link", |place| {
            fs::remove_dir(place.at("a/b")).unwrap();
            symlink("../gone/b", place.at("a/b")).unwrap();
        }),
        ("the link's end goes away", |place| fs::remove_dir_all(place.at("gone")).unwrap()),
    ];
    let place = Place::new();
    fs::create_dir_all(place.at("a/b")).unwrap();
    for (what, change) in changes {
        let (watch, told) = place.watch("a/b/file");
        change(&place);
        while !watch.is_stale() {
            assert!(told.recv_timeout(PATIENCE).is_ok(), "{what}");
        }
    }
}

#[test]
fn a_file_behind_links_is_watched_where_it_is() {
    let place = Place::new();
    fs::create_dir_all(place.at("real/folder")).unwrap();
    symlink(place.at("real"), place.at("absolute")).unwrap();
    symlink("absolute/folder/../folder", place.at("relative")).unwrap();
    symlink("loop", place.at("loop")).unwrap();
    let (watch, told) = place.watch("relative/file");
    place.write("real/folder/file", "x");
    told.recv_timeout(PATIENCE).unwrap();
    assert!(!watch.is_stale());
    place.watch("loop/file");
}

#[test]
fn what_the_system_does_not_tell_is_said() {
    let watch = Watch::new(["/proc/self/status"], || {});
    let error = watch.blind().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unwatchable);
    assert!(error.to_string().contains("is on procfs"), "{error}");
    assert_eq!(Watch::new(["relative"], || {}).blind().map(Error::kind), Some(ErrorKind::Target));
    let full = unwatchable(Path::new("/x"), notify::Error::new(notify::ErrorKind::MaxFilesWatch));
    assert!(full.kind() == ErrorKind::Unwatchable && full.hints()[0].contains("max_user_watches"));
}
