//! Values go into files of every dialect and come out as they were, whatever surrounds them.

use auth_core::{BcryptHash, LoginToken, Password};
use proptest::prelude::*;

use crate::{Caller, ChangeKind, Dialect, ErrorKind, Plan, ReadFault, Surroundings, Target, Workspace, dialect::Seen};

/// A hash whose salt starts with a sign of each kind: lower, upper, digit, `.` and `/`, each of which some reader treats
/// differently behind a `$`.
fn hashes() -> Vec<String> {
    // The first six bits of the salt are its first sign in bcrypt's alphabet `./A-Za-z0-9`.
    let password = Password::new("made-up").unwrap();
    let firsts = [28u8, 2, 54, 0, 1];
    let hashes: Vec<String> =
        firsts.iter().map(|first| BcryptHash::of(&password, 4, [first << 2; 16]).unwrap().expose().to_owned()).collect();
    let signs: Vec<char> = hashes.iter().map(|hash| hash.chars().nth(7).unwrap()).collect();
    assert!(signs[0].is_ascii_lowercase() && signs[1].is_ascii_uppercase() && signs[2].is_ascii_digit());
    assert_eq!(signs[3..], ['.', '/']);
    hashes
}

fn target(dialect: Dialect) -> Target {
    Target::new("x", dialect, Some(if dialect.document().is_some() { "comfyui.TOKEN" } else { "TOKEN" })).unwrap()
}

fn seen(dialect: Dialect, bytes: &[u8]) -> Result<Seen, ReadFault> {
    dialect.seen(bytes, &Surroundings::new(), target(dialect).key())
}

/// Files that exist before the token comes, for each kind of file.
fn files(dialect: Dialect) -> Vec<&'static str> {
    match dialect {
        Dialect::JsonKey => {
            vec!["", "{}", "{\"a\": [1, {\"b\": null}],\r\n \"comfyui\": {\"x\": 1.50}}", "{\"comfyui\": {\"TOKEN\": \"old\"}}\n"]
        }
        Dialect::TomlKey => vec!["", "a = 1 # c\n[[l]]\nx = 2026-01-02\n", "[comfyui]\r\n# c\r\nTOKEN = '''old''' # why\r\n"],
        Dialect::YamlKey => vec!["", "a: &x [1, two]\nb: *x # c\n", "comfyui:\r\n  TOKEN: >-\r\n    old\r\n  z: |\r\n    1\r\n"],
        Dialect::ComposeYamlV1 | Dialect::ComposeYamlV2 => vec![
            "services:\n  comfyui:\n    image: x # c\n",
            "services:\r\n  comfyui:\r\n    environment:\r\n      - A=1\r\n      - TOKEN\r\n",
            "services:\n  comfyui:\n    environment: {TOKEN: old, B: \"2\"}\nvolumes:\n",
        ],
        Dialect::LoginPassword | Dialect::TokenFile => vec!["", "old\n", "old\r\nann\r\n"],
        _ => vec!["", "# c\nTOKEN=old\nB='2'\n", "A=1\nTOKEN='old'\n", "TOKEN=\"old\"\nA=x_y\n", "A=1"],
    }
}

#[test]
fn hashes_of_all_salts_come_out_of_every_dialect() {
    for dialect in Dialect::ALL.iter().copied() {
        for hash in hashes() {
            for old in files(dialect) {
                let written = target(dialect).write(Some(old.as_bytes()), &hash, "ann");
                let new = written.unwrap_or_else(|error| panic!("{dialect}, {old:?}: {error}"));
                assert_eq!(seen(dialect, &new).unwrap().value, Some(hash.clone()), "{dialect}, {old:?}");
                let again = target(dialect).write(Some(&new), &hash, "ann").unwrap();
                assert_eq!(again, new, "{dialect}: writing the same once more changes nothing");
                let back = target(dialect).write(Some(&new), "another", "ann").unwrap();
                assert_eq!(seen(dialect, &back).unwrap().value.as_deref(), Some("another"), "{dialect}, {old:?}");
            }
        }
    }
}

#[test]
fn readers_that_quote_share_a_file_and_bare_ones_do_not_join_them() {
    let lines: Vec<_> = Dialect::ALL.iter().copied().filter(|dialect| dialect.is_lines()).collect();
    let bare = [Dialect::ComposeV2EnvFileRaw, Dialect::DockerEnvFile, Dialect::PodmanEnvFile];
    for hash in hashes() {
        let takes = |readers: &[Dialect]| Target::with_readers("x", readers, Some("TOKEN")).unwrap().write(None, &hash, "ann");
        let quoting: Vec<_> =
            lines.iter().copied().filter(|dialect| !bare.contains(dialect) && *dialect != Dialect::NodeDotenvExpand).collect();
        assert_eq!(takes(&quoting).unwrap(), format!("TOKEN='{hash}'\n").into_bytes());
        assert_eq!(takes(&bare).unwrap(), format!("TOKEN={hash}\n").into_bytes());
        let error = takes(&lines).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unwritable);
        assert!(!error.to_string().contains(&hash) && error.hints().iter().all(|hint| !hint.contains(&hash)));
    }
}

#[test]
fn a_plan_writes_every_dialect_and_then_leaves_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let token = LoginToken::new(hashes()[0].as_str()).unwrap();
    for dialect in Dialect::ALL.iter().copied() {
        let place = folder.path().join(dialect.name());
        std::fs::write(&place, files(dialect)[1]).unwrap();
        let plain = target(dialect);
        let target = Target::new(&place, dialect, plain.key()).unwrap();
        let apply = || {
            let caller = Caller::new("test", "now", [7; 16]);
            let mut workspace = Workspace::open(&folder.path().join(".secrets"), &caller).unwrap();
            workspace.apply(Plan::make(&token, "ann", std::slice::from_ref(&target)).unwrap()).unwrap().changes[0].kind
        };
        assert_eq!((apply(), apply()), (ChangeKind::Updated, ChangeKind::Unchanged), "{dialect}");
        assert!(target.read().holds(&token), "{dialect}");
    }
}

/// Lines that every reader of lines takes.
const HARMLESS: &str = "(A=1\n|# c\n|B='x y'\n|\n|LONG_NAME=abc\n|#TOKEN=X\n){0,4}";

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(value in "[ -~]{1,40}|[$'\"`\\\\a{}()#~ ]{1,12}|[a-z$é中'\"]{1,20}", before in HARMLESS, old in "[a-z0-9]{0,8}", after in HARMLESS) {
        for dialect in Dialect::ALL.iter().copied().filter(|dialect| dialect.is_lines()) {
            for file in [format!("{before}TOKEN={old}\n{after}"), format!("{before}{after}")] {
                // Bare readers and direnv refuse nothing here; blanks in names would be refused.
                let Ok(new) = target(dialect).write(Some(file.as_bytes()), &value, "ann") else { continue };
                let read = seen(dialect, &new).unwrap();
                prop_assert_eq!(read.value.as_deref(), Some(&*value), "{}", dialect);
                let at = file.find(&format!("TOKEN={old}\n")).filter(|at| *at == 0 || file.as_bytes()[at - 1] == b'\n');
                let (head, tail) = at.map_or((file.as_str(), ""), |at| (&file[..at], &file[at + 7 + old.len()..]));
                prop_assert!(new.starts_with(head.as_bytes()) && new.ends_with(tail.as_bytes()), "{}", dialect);
            }
        }
    }

    #[test]
    fn documents_and_files_take_any_text(value in "[ -~é中]{1,40}|[$'\"\\\\a:#{}\\[\\] -]{1,12}") {
        for dialect in Dialect::ALL.iter().copied().filter(|dialect| dialect.document().is_some() || dialect.compose_yaml().is_some()) {
            for old in files(dialect) {
                let new = target(dialect).write(Some(old.as_bytes()), &value, "ann").unwrap();
                prop_assert_eq!(seen(dialect, &new).unwrap().value, Some(value.clone()), "{} {:?}", dialect, old);
            }
        }
        if LoginToken::new(value.as_str()).is_ok() && value.trim() == value {
            let new = target(Dialect::TokenFile).write(Some(b"old\n"), &value, "ann").unwrap();
            prop_assert_eq!(seen(Dialect::TokenFile, &new).unwrap().value, Some(value));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "([ABK]|export |[=:'\"`\\\\$ #\r\n\t{}~;]|\\$\\{|\\$\\(|é|[a-z]|- ){0,60}") {
        for dialect in Dialect::ALL.iter().copied() {
            for input in [bytes.as_slice(), text.as_bytes()] {
                if let Ok(entries) = dialect.read(input, &Surroundings::new()) {
                    for entry in entries {
                        prop_assert!(input.get(entry.span.clone()).is_some(), "{}: {:?} of {}", dialect, entry.span, input.len());
                    }
                }
            }
        }
    }

    #[test]
    fn any_file_is_written_rightly_or_not_at_all(text in "(TOKEN=|A=|export |[=:'\"`\\\\$ #\r\n\t{}~;]|\\$\\{|é|[a-z]|\n){0,40}") {
        let hash = &hashes()[0];
        for dialect in Dialect::ALL.iter().copied().filter(|dialect| *dialect != Dialect::LoginPassword) {
            if let Ok(new) = target(dialect).write(Some(text.as_bytes()), hash, "ann") {
                prop_assert_eq!(seen(dialect, &new).unwrap().value, Some(hash.clone()), "{}", dialect);
                prop_assert!(target(dialect).same_neighbours(text.as_bytes(), &new), "{}", dialect);
            }
        }
    }
}
