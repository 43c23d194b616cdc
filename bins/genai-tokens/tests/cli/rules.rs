//! What `genai.toml` allows and demands, as every command obeys it.

use std::os::unix::fs::symlink;

use crate::drift::Place;

#[test]
fn a_link_that_is_named_is_followed_and_stays() {
    let place = Place::new();
    place.write("shared/real.env", "COMFYUI_API_TOKEN='another-made-up-one'\n");
    std::fs::remove_file(place.at(".env")).unwrap();
    symlink("shared/real.env", place.at(".env")).unwrap();
    place.write("genai.toml", "[targets]\nlinks = ['.env']\n");
    assert_eq!(place.run(&["check"]).0, 3, "drift is seen through the link");
    assert_eq!(place.run(&["sync"]).0, 0);
    assert_eq!(place.read("shared/real.env"), "COMFYUI_API_TOKEN='a-made-up-token'\n");
    assert!(place.at(".env").symlink_metadata().unwrap().is_symlink());
    for command in ["check", "audit", "scan"] {
        let (code, out, err) = place.run(&[command]);
        assert_eq!(code, 0, "{command}: {out}{err}");
        assert!(!out.contains("does not name"), "the link's end is no place of its own: {out}");
    }
}

#[test]
fn a_place_outside_that_is_named_is_written() {
    let (place, other) = (Place::new(), tempfile::tempdir().unwrap());
    let path = other.path().join("outside.env");
    let source = format!(r#"{{"bcrypt_hash": "a-made-up-token", "targets": [{path:?}]}}"#);
    place.write(".secrets/comfyui_auth_tokens.conf", &source);
    let (code, _, err) = place.run(&["sync"]);
    assert_eq!(code, 4);
    let line = err.split('`').find(|part| part.starts_with("outside = ")).unwrap();
    place.write("genai.toml", &format!("[targets]\n{line}\n"));
    assert_eq!(place.run(&["sync"]).0, 0, "the line that the error gives does it");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "COMFYUI_API_TOKEN='a-made-up-token'\n");
    assert_eq!(place.run(&["check"]).0, 0);
}

#[test]
fn what_sync_replaces_is_kept_where_that_is_wanted_and_git_does_not_see_it() {
    let place = Place::new();
    let drifted = "# was a-made-up-token\nCOMFYUI_API_TOKEN='another-made-up-one'\n";
    place.write(".env", drifted);
    place.write("genai.toml", "[backups]\nkeep = 2\n");
    std::fs::create_dir(place.at(".git")).unwrap();
    let (code, _, err) = place.run(&["sync"]);
    assert_eq!(code, 6, "in what looks like a work tree git must say that it is ignored: {err}");
    assert!(err.contains("git can't say whether it ignores") && err.contains("next: install git"), "{err}");
    assert_eq!(place.read(".env"), drifted);

    std::fs::remove_dir(place.at(".git")).unwrap();
    let (code, out, err) = place.run(&["sync"]);
    assert_eq!(code, 0, "{err}");
    let index = out.split('`').find(|part| part.ends_with("-paths")).unwrap();
    assert_eq!(place.read(&index.replace("paths", "0-.env")), drifted);
    assert!(place.read(index).starts_with("0 "));
    for command in ["check", "audit", "scan"] {
        assert_eq!(place.run(&[command]).0, 0, "{command} takes a copy for a place");
    }
}

#[test]
fn a_leak_that_is_allowed_is_counted_until_its_last_day() {
    let place = Place::new();
    place.write("docs/notes.md", "a-made-up-token\n");
    let scan = |until: &str| {
        let entry = |path: &str| format!("[[scan.allow]]\npath = '{path}'\nreason = 'the reason'\nuntil = {until}\n");
        place.write("genai.toml", &[entry("docs/"), entry("absent/")].concat());
        place.run(&["scan"])
    };
    let (code, out, err) = scan("2999-12-31");
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("1 allowed by `docs/` until 2999-12-31") && out.contains("the reason"), "{out}");
    assert!(out.contains("the entry `absent/` of `scan.allow` fits nothing"), "{out}");
    let (code, out, _) = scan("2020-01-01");
    assert_eq!(code, 3);
    assert!(out.contains("allowed until 2020-01-01, which is over: the reason"), "{out}");
    let (code, _, err) = scan("'soon'");
    assert_eq!(code, 4);
    assert!(err.contains("entry 1 of `scan.allow`") && err.contains("`until`: `soon` is not a date"), "{err}");
}

#[test]
fn a_limit_that_is_written_fails_a_default_warns() {
    let place = Place::new();
    let source = r#"{"bcrypt_hash": "a-made-up-token", "created_at": "2020-01-01T00:00:00Z", "targets": [".env"]}"#;
    place.write(".secrets/comfyui_auth_tokens.conf", source);
    for (rules, expected) in [("", 0), ("[policy]\nmax_age_days = 0\n", 0), ("[policy]\nmax_age_days = 30\n", 3)] {
        place.write("genai.toml", rules);
        for command in ["check", "audit"] {
            let (code, out, _) = place.run(&[command]);
            assert_eq!(code, expected, "{command} {rules}: {out}");
            assert_eq!(out.contains("genai-tokens rotate"), !rules.ends_with("= 0\n"), "{command} {rules}: {out}");
        }
    }
}
