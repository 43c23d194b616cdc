//! What may lie in a target's place, in every dialect: either the token is written and all else stays, or there is a clear error
//! and every file is as it was.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::{Path, PathBuf},
    time::Duration,
};

use auth_core::{LoginToken, SourceOfTruth};
use token_sync::{Caller, Dialect, Error, ErrorKind, Plan, SourceFile, Surroundings, Target, Workspace};

/// Files of more bytes are not taken for targets.
const LIMIT: usize = 4 << 20;
const TOKEN: &str = "$2b$12$new.token/of$the.test";

struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        // In memory, where that is: hundreds of commits need no disk.
        let project = Self(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap());
        fs::write(project.at("beside.env"), "TOKEN='old'\n").unwrap();
        project
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A good target first, so that the plan has something to take back.
    fn sync(&self, target: &Target) -> Result<(), Error> {
        let beside = Target::new(self.at("beside.env"), Dialect::ComposeV2, Some("TOKEN")).unwrap();
        let token = LoginToken::new(TOKEN).unwrap();
        let caller = Caller::new("test", "now", [7; 16]).wait(Duration::ZERO);
        let mut workspace = Workspace::open(&self.at(".secrets"), &caller)?;
        let applied = workspace.apply(Plan::make(&token, "ann", &[beside, target.clone()])?)?;
        assert!(applied.unfinished.is_none());
        Ok(())
    }

    fn beside(&self) -> String {
        fs::read_to_string(self.at("beside.env")).unwrap()
    }
}

/// A small sound file of the dialect, and the key of the token in it.
fn sound(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::JsonKey => ("{\"other\": \"kept\", \"comfyui\": {\"token\": \"old\"}}\n", "comfyui.token"),
        Dialect::TomlKey => ("other = \"kept\"\n[comfyui]\ntoken = \"old\" # ours\n", "comfyui.token"),
        Dialect::YamlKey => ("other: kept\ncomfyui:\n  token: old # ours\n", "comfyui.token"),
        Dialect::ComposeYamlV1 | Dialect::ComposeYamlV2 => {
            ("services:\n  comfyui:\n    environment:\n      OTHER: kept\n      TOKEN: old\n", "comfyui.TOKEN")
        }
        Dialect::LoginPassword | Dialect::TokenFile => ("old\nann\n", "token"),
        _ => ("# a comment\nOTHER=kept\nTOKEN=old\nLAST=kept\n", "TOKEN"),
    }
}

/// The same file, damaged or odd in one way each.
fn oddities(sound: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = sound.as_bytes();
    let with = |old: &str, new: &[u8]| {
        let at = sound.find(old).unwrap();
        [&bytes[..at], new, &bytes[at + old.len()..]].concat()
    };
    vec![
        ("empty", Vec::new()),
        ("binary", (0..=255).cycle().take(4_000).collect()),
        ("byte order mark", [b"\xef\xbb\xbf", bytes].concat()),
        ("CRLF", sound.replace('\n', "\r\n").into_bytes()),
        ("NUL in a value", with("old", b"o\0ld")),
        ("NUL at the end", [bytes, b"\0"].concat()),
        ("invalid UTF-8 in the value", with("old", b"o\xffld")),
        ("invalid UTF-8 at the end", [bytes, b"\xc3\x28\n"].concat()),
        ("everything twice", [bytes, bytes].concat()),
        ("cut in the value", bytes[..sound.find("old").unwrap() + 1].to_vec()),
        ("an open quote", with("old", b"\"old")),
        // A reader that looks at all of them from each of them would not end.
        ("blank lines", [bytes, &[b'\n'; 100_000]].concat()),
        ("huge", [bytes, &vec![b'#'; LIMIT + 1 - bytes.len()]].concat()),
    ]
}

/// What the dialect reads in these bytes, the token's key and the empty document itself aside.
fn others(dialect: Dialect, key: &str, bytes: &[u8]) -> Option<BTreeMap<String, Option<String>>> {
    let entries = dialect.read(bytes, &Surroundings::new()).ok()?;
    let is_other = |name: &str| !name.is_empty() && name != key && key.rsplit('.').next() != Some(name);
    Some(entries.into_iter().filter(|entry| is_other(&entry.key)).map(|entry| (entry.key, entry.value)).collect())
}

#[test]
fn odd_content_is_written_right_or_refused_and_left_alone_in_every_dialect() {
    let (mut written, mut refused) = (0, 0);
    for dialect in Dialect::ALL {
        let (text, key) = sound(*dialect);
        for (oddity, before) in oddities(text) {
            let place = format!("{dialect}, {oddity}");
            let project = Project::new();
            let path = project.at("target");
            fs::write(&path, &before).unwrap();
            let target = Target::new(&path, *dialect, dialect.has_keys().then_some(key)).unwrap();
            let outcome = project.sync(&target);
            let after = fs::read(&path).unwrap();
            match outcome {
                Ok(()) => {
                    written += 1;
                    assert!(target.read().holds(&LoginToken::new(TOKEN).unwrap()), "{place}");
                    assert!(project.beside().contains(TOKEN), "{place}");
                    if let Some(before) = others(*dialect, key, &before).filter(|_| dialect.has_keys()) {
                        assert_eq!(others(*dialect, key, &after), Some(before), "{place}: another key changed");
                    }
                }
                Err(error) => {
                    refused += 1;
                    assert!(after == before && project.beside() == "TOKEN='old'\n", "{place}: changed though refused");
                    assert!(error.to_string().contains("target`") && !error.to_string().contains(TOKEN), "{place}: {error}");
                    assert!(oddity != "huge" || error.kind() == ErrorKind::TooLarge, "{place}: {error}");
                }
            }
            assert!(oddity != "huge" || after == before, "{place}: it was read though larger than the limit");
        }
    }
    println!("{written} written and read back, {refused} refused and left alone");
    assert!(written > 150 && refused > 50, "{written} {refused}");
}

#[test]
fn a_file_that_would_grow_beyond_what_can_be_read_is_left_alone() {
    let project = Project::new();
    let path = project.at("target");
    let mut before = b"TOKEN=old\n".to_vec();
    before.resize(LIMIT, b'#');
    fs::write(&path, &before).unwrap();
    let error = project.sync(&Target::new(&path, Dialect::ComposeV2, Some("TOKEN")).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "the next start could not read it, nor end what a crash left");
    assert!(fs::read(&path).unwrap() == before && project.beside() == "TOKEN='old'\n");
}

#[test]
fn a_source_of_truth_that_is_odd_or_cut_anywhere_is_read_or_refused_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = SourceFile::new(folder.path().join("source"));
    assert!(file.load().unwrap().is_none(), "nothing is there");
    let load = |bytes: &[u8]| {
        fs::write(file.path(), bytes).unwrap();
        let loaded = file.load();
        assert!(fs::read(file.path()).unwrap() == bytes);
        if let Err(error) = &loaded {
            assert!(error.to_string().contains("source`") && !error.to_string().contains("old"), "{error}");
        }
        loaded.map(|source| source.unwrap().token().expose().to_owned()).map_err(|error| error.kind())
    };
    let source = SourceOfTruth::new(None, LoginToken::new("old").unwrap(), "ann", "2026-01-02T03:04:05Z", vec![]);
    let text = String::from_utf8(source.to_bytes().to_vec()).unwrap();
    for end in 0..text.trim_end().len() {
        assert_eq!(load(&text.as_bytes()[..end]), Err(ErrorKind::Syntax), "cut at {end}");
    }
    for (oddity, bytes) in oddities(&text) {
        let expected = match oddity {
            "byte order mark" | "CRLF" | "blank lines" => Ok("old".to_owned()),
            "huge" => Err(ErrorKind::TooLarge),
            _ => Err(ErrorKind::Syntax),
        };
        assert_eq!(load(&bytes), expected, "{oddity}");
    }
    let newer = text.replace("\"version\": \"2\"", "\"version\": \"3\"");
    assert_eq!(load(newer.as_bytes()), Err(ErrorKind::NewerVersion));
}

#[test]
fn what_is_no_plain_file_is_refused_by_name_and_nothing_is_changed() {
    type Make = fn(&Path);
    let cases: [(&str, Make); 5] = [
        ("a folder", |path| fs::create_dir(path).unwrap()),
        ("a symbolic link", |path| symlink("beside.env", path).unwrap()),
        ("a symbolic link", |path| symlink("nothing", path).unwrap()),
        ("FIFO", |path| rustix::fs::mkfifoat(rustix::fs::CWD, path, 0o600.into()).unwrap()),
        ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
    ];
    for (what, make) in cases {
        for dialect in Dialect::ALL {
            let project = Project::new();
            let path = project.at("target");
            make(&path);
            let key = dialect.has_keys().then_some(sound(*dialect).1);
            let error = project.sync(&Target::new(&path, *dialect, key).unwrap()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotAFile, "{dialect}: {error}");
            assert!(error.to_string().contains("target`") && error.to_string().contains(what), "{error}");
            assert!(!error.hints().is_empty() && project.beside() == "TOKEN='old'\n");
        }
    }
}

#[cfg(target_os = "linux")]
mod another_disk {
    use std::os::unix::fs::MetadataExt;

    use rustix::{
        io::Errno,
        mount::{MountFlags, UnmountFlags},
    };

    use super::*;

    /// A file system of its own, of 64 KiB.
    struct SmallDisk(PathBuf);

    impl SmallDisk {
        /// `None` where this process may not mount.
        fn mount(at: &Path) -> Option<Self> {
            fs::create_dir(at).unwrap();
            match rustix::mount::mount("tmpfs", at, "tmpfs", MountFlags::empty(), Some(c"size=64k")) {
                Ok(()) => Some(Self(at.to_owned())),
                Err(Errno::PERM | Errno::ACCESS | Errno::NODEV) => None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    impl Drop for SmallDisk {
        fn drop(&mut self) {
            rustix::mount::unmount(&self.0, UnmountFlags::DETACH).unwrap();
        }
    }

    #[test]
    fn a_target_on_another_disk_is_written_and_a_full_or_read_only_one_leaves_all_as_it_was() {
        let project = Project::new();
        let Some(disk) = SmallDisk::mount(&project.at("disk")) else {
            println!("skipped: this process may not mount a file system");
            return;
        };
        let path = disk.0.join(".env");
        let target = Target::new(&path, Dialect::ComposeV2, Some("TOKEN")).unwrap();
        fs::write(&path, "TOKEN='old'\n").unwrap();
        assert_ne!(fs::metadata(&path).unwrap().dev(), fs::metadata(project.at("beside.env")).unwrap().dev());

        let left = |what: &str| {
            assert_eq!(fs::read_to_string(&path).unwrap(), "TOKEN='old'\n", "{what}");
            assert_eq!(project.beside(), "TOKEN='old'\n", "{what}");
            let names = fs::read_dir(&disk.0).unwrap().count() + fs::read_dir(project.at(".secrets")).unwrap().count();
            assert!(names <= 3, "{what}: a trace is left");
        };
        fs::write(disk.0.join("filler"), vec![0; 1 << 20]).unwrap_err(); // as much as there is room for
        let full = project.sync(&target).unwrap_err();
        assert!(full.kind() == ErrorKind::Io && full.hints().join(" ").contains("make room"), "{full} {:?}", full.hints());
        left("full disk");

        fs::remove_file(disk.0.join("filler")).unwrap();
        rustix::mount::mount_remount(&disk.0, MountFlags::RDONLY, c"").unwrap();
        assert_eq!(project.sync(&target).unwrap_err().kind(), ErrorKind::Permission);
        left("read-only disk");

        rustix::mount::mount_remount(&disk.0, MountFlags::empty(), c"").unwrap();
        project.sync(&target).unwrap();
        assert!(target.read().holds(&LoginToken::new(TOKEN).unwrap()) && project.beside().contains(TOKEN));
    }
}
