//! What can be wrong with a project's sources and targets: each a clear error, the same for every command, and nothing lost.

use std::{collections::BTreeMap, os::unix::fs::symlink, path::Path};

use crate::drift::Place;

const SOURCE: &str = ".secrets/comfyui_auth_tokens.conf";

/// One thing that is wrong, what every error of it says, and how the commands end.
struct Case {
    name: &'static str,
    prepare: fn(&Place),
    words: &'static str,
    ends: &'static [(&'static [&'static str], i32)],
}

const UNIFY: &[&str] = &["unify", "--from", SOURCE, "--yes"];
/// A source that can't be understood: whoever looks reports it, whoever writes stops.
const BROKEN: &[(&[&str], i32)] = &[(&["check"], 3), (&["audit"], 3), (&["sync"], 4), (&["rotate"], 4), (UNIFY, 4)];
/// A target that is refused: the same.
const REFUSED: &[(&[&str], i32)] =
    &[(&["check"], 3), (&["audit"], 3), (&["sync"], 4), (&["sync", "--dry-run"], 4), (&["rotate"], 4), (UNIFY, 4)];

fn source(place: &Place, rest: &str) {
    place.write(SOURCE, &format!(r#"{{"bcrypt_hash": "a-made-up-token", {rest}}}"#));
}

const CASES: &[Case] = &[
    Case {
        name: "truncated",
        prepare: |place| place.write(SOURCE, r#"{"version": "2", "bcrypt_ha"#),
        words: "not JSON",
        ends: BROKEN,
    },
    Case {
        name: "of a newer version",
        prepare: |place| source(place, r#""version": "3""#),
        words: "version `3` is newer than this program knows",
        ends: BROKEN,
    },
    Case {
        name: "of both older shapes",
        prepare: |place| source(place, r#""version": "1.0", "targets": [".env"], "locations": [{"path": "other.env"}]"#),
        words: "two lists of targets",
        ends: BROKEN,
    },
    Case {
        name: "missing",
        prepare: |place| std::fs::remove_file(place.at(SOURCE)).unwrap(),
        words: "no source of truth",
        ends: &[(&["check"], 3), (&["sync"], 4), (&["rotate"], 4)],
    },
    Case {
        name: "a target outside",
        prepare: |place| source(place, r#""targets": [".env", "../genai-nowhere/.env"]"#),
        words: "lies outside of the project's folder",
        ends: REFUSED,
    },
    Case {
        name: "a target that is a link",
        prepare: |place| {
            std::fs::rename(place.at(".env"), place.at("other.env")).unwrap();
            symlink("other.env", place.at(".env")).unwrap();
        },
        words: "is a symbolic link",
        ends: REFUSED,
    },
    Case {
        name: "two services, two sources, one target",
        prepare: |place| {
            place.write("genai.toml", "[service.a]\n[service.b]\nsource = 'b.conf'\n");
            place.write("b.conf", r#"{"bcrypt_hash": "another-made-up-one", "targets": ["./.env"]}"#);
        },
        words: "has two sources of truth: `.secrets/comfyui_auth_tokens.conf` and `b.conf`",
        ends: &[(&["check", "--service", "a"], 3), (&["audit", "--service", "a"], 3), (&["sync", "--service", "a"], 4)],
    },
    Case {
        name: "two settings that disagree",
        prepare: |place| {
            place.write("genai.toml", "source = 'b.conf'\n");
            place.write("b.conf", r#"{"bcrypt_hash": "another-made-up-one", "targets": [".env"]}"#);
        },
        words: "has two sources of truth: `b.conf` and `.secrets/comfyui_auth_tokens.conf`",
        ends: &[(&["check"], 3), (&["sync"], 4)],
    },
    Case {
        name: "made in the future: a clock was or is wrong",
        prepare: |place| source(place, r#""created_at": "2999-01-01T00:00:00Z", "targets": [".env"]"#),
        words: "the token's date lies in the future",
        ends: &[(&["check"], 3), (&["audit"], 3)],
    },
];

#[test]
fn every_command_says_the_same_and_nothing_is_lost() {
    for case in CASES {
        let place = Place::new();
        place.write("other.env", "COMFYUI_API_TOKEN='a-made-up-token'\n");
        (case.prepare)(&place);
        let before = files(&place.at(""));
        for (args, expected) in case.ends {
            let (code, out, err) = place.run(args);
            let what = format!("{}, {args:?}: {out}{err}", case.name);
            assert_eq!(code, *expected, "{what}");
            assert!(out.contains(case.words) || err.contains(case.words), "{what}");
            assert!(out.contains("next: ") || err.contains("next: "), "no next step: {what}");
            assert!(!what.contains("made-up"), "a secret is shown: {what}");
            assert_eq!(files(&place.at("")), before, "something was written: {what}");
        }
    }
}

/// Every file but the lock's, and where links lead.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            files.extend(self::files(&path));
        } else if entry.file_name() != ".genai.lock" {
            let content = match kind.is_symlink() {
                true => std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                false => std::fs::read(&path).unwrap(),
            };
            files.insert(path.display().to_string(), content);
        }
    }
    files
}
