//! What counts as a place of the token, and what is left alone.

use crate::drift::Place;

/// A well-formed bcrypt line; put together here, since a whole one has no place in a file of ours.
fn line(tail: char) -> String {
    format!("$2b$12${}.{}", "E".repeat(21), tail.to_string().repeat(31))
}

/// A project whose PASSWORD holds a token, with `.env` as given.
fn project(env: &str) -> Place {
    let place = Place::empty();
    place.write("login/PASSWORD", &format!("{}\nann\n", line('m')));
    place.write(".env", env);
    place
}

const PLAIN: &str = "MODELS=/opt/comfyui/models/checkpoints\nBACKUP_PROVIDER=b2\nREV=b2f4a9c0aa\nBUCKET=y2k\n";

#[test]
fn settings_that_look_like_damaged_tokens_are_left_alone() {
    let wireguard = format!("WG_PASSWORD_HASH='{}'\n", line('w'));
    let place = project(&format!("{PLAIN}{wireguard}"));
    let (_, out, _) = place.run(&["audit"]);
    assert!(!out.contains("MODELS") && !out.contains("BUCKET"), "{out}");
    assert!(out.contains(".env WG_PASSWORD_HASH: a bcrypt line, and nothing says that it is this service's"), "{out}");
    let (code, out, err) = place.run(&["unify", "--from", "login/PASSWORD", "--yes"]);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(place.read(".env"), format!("{PLAIN}{wireguard}"));
    assert!(out.contains("left alone: `.env WG_PASSWORD_HASH`"), "{out}");
    let (code, out, err) = place.run(&["unify", "--from", "login/PASSWORD", "--also", ".env WG_PASSWORD_HASH", "--yes"]);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(place.read(".env"), format!("{PLAIN}WG_PASSWORD_HASH='{}'\n", line('m')));
    assert_eq!(place.run(&["unify", "--also", "nowhere", "--yes"]).0, 2);
}

#[test]
fn copies_under_any_name_are_ours_whole_or_damaged() {
    let token = line('m');
    let place =
        project(&format!("API='{token}'\nEATEN={}\nDOUBLED='{}'\n", &token[token.len() - 20..], token.replace('$', "$$")));
    let (code, out, err) = place.run(&["unify", "--from", "login/PASSWORD", "--yes"]);
    assert_eq!(code, 0, "{out}{err}");
    let quoted = |key: &str| format!("{key}='{token}'\n");
    assert_eq!(
        place.read(".env"),
        [quoted("API"), format!("EATEN={}\n", &token[token.len() - 20..]), quoted("DOUBLED")].concat()
    );
}

#[test]
fn the_best_known_key_is_a_place_whatever_it_holds() {
    let place = project("COMFYUI_API_TOKEN=plain-machine-token\n");
    let (code, out, _) = place.run(&["audit"]);
    assert_eq!(code, 3, "{out}");
    assert!(out.contains(".env COMFYUI_API_TOKEN") && out.contains("2 distinct tokens"), "{out}");
    let (code, _, err) = place.run(&["unify", "--from", "login/PASSWORD"]);
    assert_eq!(code, 6, "nobody was asked: {err}");
    assert_eq!(place.run(&["unify", "--from", "login/PASSWORD", "--yes"]).0, 0);
    assert_eq!(place.run(&["audit"]).0, 0);
    assert!(place.read(".env").contains(&line('m')));
}

#[test]
fn what_a_reader_refuses_is_not_overwritten_unasked() {
    let place = project("");
    place.write("docker.env", "COMFYUI_API_TOKEN=two words\n");
    let (code, _, err) = place.run(&["unify", "--from", "login/PASSWORD"]);
    assert_eq!(code, 6, "{err}");
    assert!(place.read("docker.env").contains("two words"));
}

#[test]
fn a_place_is_chosen_by_the_name_that_the_audit_gives() {
    let place = project(&format!("COMFYUI_API_TOKEN='{}'\nCOMFY_OLD='{}'\n", line('a'), line('b')));
    let (code, _, err) = place.run(&["unify", "--from", ".env", "--yes"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("`.env COMFYUI_API_TOKEN`, `.env COMFY_OLD`") || err.contains("`.env COMFY_OLD`, `.env COMFYUI_API_TOKEN`"),
        "{err}"
    );
    let (code, out, err) = place.run(&["unify", "--from", ".env COMFY_OLD", "--yes"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(place.read("login/PASSWORD").starts_with(&line('b')));
}

#[test]
fn links_and_pipes_are_listed_since_nobody_knows_what_they_hold() {
    let place = project("");
    place.write("shared.txt", "COMFYUI_API_TOKEN=another\n");
    std::fs::create_dir(place.at("app")).unwrap();
    std::os::unix::fs::symlink("../shared.txt", place.at("app/.env")).unwrap();
    let (code, json, _) = place.run(&["audit", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["place"]["path"] == "app/.env").unwrap();
    assert_eq!((code, &found["outcome"]), (3, &serde_json::json!("unknown")));
}

#[test]
fn a_stray_password_is_named_and_never_written() {
    let place = project("");
    place.write("ComfyUI/main.py", "");
    place.write("ComfyUI/PASSWORD", "stray\nann\n");
    let (code, out, err) = place.run(&["unify", "--from", "login/PASSWORD", "--yes", "--comfy-dir", "ComfyUI"]);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(place.read("ComfyUI/PASSWORD"), "stray\nann\n");
    assert!(!place.read(".secrets/comfyui_auth_tokens.conf").contains("ComfyUI/PASSWORD"));
    place.write("genai.toml", "comfy_dir = \"ComfyUI\"\n");
    let (code, out, _) = place.run(&["audit"]);
    assert!(code == 3 && out.contains("at its next start"), "{out}");
}

/// What a hint says is a command that does what the hint promises: the token in force stays.
#[test]
fn the_audits_hints_keep_the_token() {
    let place = project(&format!("WG_PASSWORD_HASH='{}'\n", line('w')));
    assert_eq!(place.run(&["unify", "--from", "login/PASSWORD", "--yes"]).0, 0);
    place.write("web/.env", &format!("COMFYUI_API_TOKEN='{}'\n", line('m')));
    let (_, out, _) = place.run(&["audit"]);
    let hints: Vec<&str> = out.split('`').filter(|part| part.starts_with("genai-tokens unify ")).collect();
    assert_eq!(hints.len(), 2, "{out}");
    for hint in hints {
        let mut args: Vec<&str> = Vec::new();
        for (at, part) in hint.trim_start_matches("genai-tokens ").split('\'').enumerate() {
            if at % 2 == 1 { args.push(part) } else { args.extend(part.split_whitespace()) }
        }
        args.push("--yes");
        args.dedup();
        let (code, out, err) = place.run(&args);
        assert_eq!(code, 0, "{hint}: {out}{err}");
        assert!(place.read("login/PASSWORD").starts_with(&line('m')), "{hint} made another token");
    }
    assert!(place.read("web/.env").contains(&line('m')) && place.read(".env").contains(&line('m')));
    assert_eq!(place.run(&["audit"]).0, 0);
}

#[test]
fn copies_of_what_was_replaced_are_no_places_whatever_the_settings_say() {
    let place = project("");
    let copy = ".secrets/backups/20261122T132336Z-2-.env";
    place.write(copy, "COMFYUI_API_TOKEN=old\n");
    assert_eq!(place.run(&["unify", "--from", "login/PASSWORD", "--yes"]).0, 0);
    assert_eq!(place.read(copy), "COMFYUI_API_TOKEN=old\n");
    let (code, out, _) = place.run(&["audit"]);
    assert!(code == 0 && !out.contains("backups"), "{out}");
}

#[test]
fn a_source_of_truth_is_never_a_target() {
    let place = Place::empty();
    place.write("genai.toml", "[service.a]\n[service.b]\nsource = \"b.conf\"\n");
    let other = r#"{"version": "2", "bcrypt_hash": "token-of-b", "targets": []}"#;
    place.write("b.conf", other);
    for target in [".secrets/comfyui_auth_tokens.conf", "b.conf", "genai.toml", "lnk/comfyui_auth_tokens.conf"] {
        let source = format!(
            r#"{{"version": "2", "raw_token": "pw", "bcrypt_hash": "a-token", "targets": [{{"path": "{target}", "dialect": "token-file"}}]}}"#
        );
        place.write(".secrets/comfyui_auth_tokens.conf", &source);
        let _ = std::os::unix::fs::symlink(".secrets", place.at("lnk"));
        for command in ["sync", "rotate"] {
            let (code, out, err) = place.run(&[command, "--service", "a"]);
            assert_eq!(code, 4, "{target}: {out}{err}");
        }
        assert_eq!(place.read(".secrets/comfyui_auth_tokens.conf"), source);
        assert_eq!(place.read("b.conf"), other);
    }
}

#[test]
fn a_source_with_one_field_twice_is_refused() {
    let place = project("");
    place.write(
        ".secrets/comfyui_auth_tokens.conf",
        r#"{"bcrypt_hash": "one", "bcrypt_hash": "two", "targets": ["login/PASSWORD"]}"#,
    );
    let (code, _, err) = place.run(&["sync"]);
    assert!(code == 4 && err.contains("`bcrypt_hash` stands twice"), "{err}");
}

#[test]
fn a_damaged_source_is_not_spread() {
    let place = project("");
    assert_eq!(place.run(&["unify", "--from", "login/PASSWORD", "--yes"]).0, 0);
    let source = place.read(".secrets/comfyui_auth_tokens.conf");
    place.write(".secrets/comfyui_auth_tokens.conf", &source.replace(&line('m'), &line('m')[7..].replace("EEEE", "E$")));
    let source = place.read(".secrets/comfyui_auth_tokens.conf").replace("\"E", "\"$2b$12.");
    place.write(".secrets/comfyui_auth_tokens.conf", &source);
    let (code, out, err) = place.run(&["sync"]);
    assert_eq!(code, 4, "{out}{err}");
    assert!(place.read("login/PASSWORD").starts_with(&line('m')));
}

#[test]
fn nothing_is_made_where_there_is_nothing_to_do() {
    let place = Place::empty();
    for args in [&["sync", "--dry-run"][..], &["sync"], &["unify", "--dry-run"], &["check"], &["audit"]] {
        place.run(args);
        assert_eq!(std::fs::read_dir(place.at("")).unwrap().count(), 0, "{args:?}");
    }
}

#[test]
fn a_scan_that_cannot_know_the_tokens_does_not_pass() {
    let place = project("");
    assert_eq!(place.run(&["unify", "--from", "login/PASSWORD", "--yes"]).0, 0);
    let (code, out, _) = place.run(&["scan", "."]);
    assert_eq!(code, 0, "{out}");
    let name = place.at("").file_name().unwrap().to_str().unwrap().to_owned();
    let (code, out, _) = place.run(&["scan", &format!("../{name}")]);
    assert_eq!(code, 0, "another spelling of the same folder: {out}");
    assert_eq!(place.run(&["scan", "-", "--history"]).0, 2);
    place.write(".secrets/comfyui_auth_tokens.conf", "{");
    let (code, json, _) = place.run(&["scan", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let outcomes: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|finding| (&finding["check"], &finding["outcome"])).collect();
    assert!(code == 3 && outcomes.contains(&(&"no-leak".into(), &"unknown".into())), "{outcomes:?}");
    assert!(outcomes.contains(&(&"source-well-formed".into(), &"fail".into())), "{outcomes:?}");
}
