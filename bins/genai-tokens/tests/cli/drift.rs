//! Drift is seen by `check`, shown by `sync --dry-run`, mended by `sync`; `read` tells why.

use std::{path::PathBuf, process::Command};

pub(crate) struct Place(tempfile::TempDir);

impl Place {
    /// A project with a source of truth (its token is made up and no bcrypt hash) and one target that is right.
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let source = r#"{"version": "2", "bcrypt_hash": "a-made-up-token", "targets": [
            {"path": ".env", "dialect": "compose-v2-dotenv", "key": "COMFYUI_API_TOKEN"}]}"#;
        place.write(".secrets/comfyui_auth_tokens.conf", source);
        place.write(".env", "COMFYUI_API_TOKEN='a-made-up-token'\n");
        for (name, mode) in [(".secrets", 0o700), (".secrets/comfyui_auth_tokens.conf", 0o600)] {
            std::fs::set_permissions(place.at(name), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        }
        place
    }

    /// A folder with nothing in it.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        std::fs::write(self.at(name), text).unwrap();
    }

    /// Exit code, standard output, standard error.
    #[expect(clippy::disallowed_methods, reason = "the test runs the binary that it tests")]
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output =
            Command::new(env!("CARGO_BIN_EXE_genai-tokens")).args(args).current_dir(self.0.path()).env_clear().output().unwrap();
        let text =
            |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(&self.0.path().display().to_string(), "[PLACE]");
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }
}

#[test]
fn drift_is_seen_shown_and_mended() {
    let place = Place::new();
    assert_eq!(place.run(&["check"]).0, 0);
    let drifted = "# ours\nCOMFYUI_API_TOKEN='another-made-up-one' # why\nOTHER=1\n";
    place.write(".env", drifted);
    assert_eq!(place.run(&["check"]).0, 3);

    let (code, shown, _) = place.run(&["sync", "--dry-run"]);
    assert_eq!(code, 3, "a dry run mends nothing");
    assert!(shown.contains("would change `.env`") && shown.contains("- COMFYUI_API_TOKEN = token "), "{shown}");
    assert!(!shown.contains("made-up"), "a secret is shown: {shown}");
    assert_eq!(std::fs::read_to_string(place.at(".env")).unwrap(), drifted);

    assert_eq!(place.run(&["sync"]).0, 0);
    let mended = drifted.replace("another-made-up-one", "a-made-up-token");
    assert_eq!(std::fs::read_to_string(place.at(".env")).unwrap(), mended, "more than the value changed");
    assert_eq!(place.run(&["check"]).0, 0);
}

#[test]
fn sarif_names_the_drift_without_the_token() {
    let place = Place::new();
    place.write(".env", "A=1\n");
    let (code, sarif, _) = place.run(&["check", "--format", "sarif"]);
    assert_eq!(code, 3);
    assert!(sarif.contains("\"ruleId\": \"targets-in-sync\"") && !sarif.contains("made-up"), "{sarif}");
}

#[test]
fn read_shows_what_a_reader_sees() {
    let place = Place::new();
    place.write("x.env", "T=$2b$12$abc.SXf\nALONE\nQ='x y'\n");
    let read = |extra: &[&str]| place.run(&[&["read", "--dialect", "compose-v2-dotenv", "x.env"], extra].concat());
    insta::assert_snapshot!(read(&["--reveal", "--format", "json"]).1, @r#"
    {
      "T": "$2b$12.SXf",
      "ALONE": null,
      "Q": "x y"
    }
    "#);
    insta::assert_snapshot!(read(&[]).1, @r#"
    {
      "T": "…",
      "ALONE": null,
      "Q": "…"
    }
    "#);
    place.write("x.env", "not a pair\n");
    let (code, out, err) = read(&["--reveal"]);
    assert_eq!((code, &*out), (3, ""));
    insta::assert_snapshot!(err, @"error: `compose-v2-dotenv` refuses `x.env`: line 1: a variable name with a blank in it");
    let (code, _, err) = place.run(&["read", "--dialect", "ini", "x.env"]);
    assert_eq!(code, 2);
    assert!(err.contains("`compose-v2-dotenv`"), "{err}");
    assert_eq!(place.run(&["read", "--dialect", "compose-v2-dotenv", "absent"]).0, 5);
}

#[test]
fn a_copy_of_the_token_is_found_by_file_and_line() {
    let place = Place::new();
    assert_eq!(place.run(&["scan"]).0, 0);
    place.write("docs/notes.md", "first\ncurl -H 'Authorization: Bearer a-made-up-token'\n");
    let (code, out, _) = place.run(&["scan"]);
    assert_eq!(code, 3);
    assert!(out.contains("docs/notes.md:2: ") && !out.contains("made-up"), "{out}");
    let (code, sarif, _) = place.run(&["scan", "--format", "sarif"]);
    assert_eq!(code, 3);
    assert!(sarif.contains("\"startLine\": 2") && !sarif.contains("made-up"), "{sarif}");
}

#[test]
fn without_a_source_nothing_is_written() {
    let place = Place::empty();
    assert_eq!(place.run(&["check"]).0, 3);
    assert_eq!(place.run(&["sync"]).0, 4);
    assert_eq!(place.run(&["rotate"]).0, 4);
    assert_eq!(place.run(&["rotate", "--restart", "docker:"]).0, 2);
}
