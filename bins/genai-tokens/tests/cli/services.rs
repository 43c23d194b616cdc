//! Several services in one project: those with a source of truth of their own are kept apart.

use crate::drift::Place;

const A: &str = "the-token-of-a";
const B: &str = "the-token-of-b";

/// Two services, each with a source of its own; `b` has drifted.
fn two() -> Place {
    let place = Place::empty();
    let section = |name: &str| format!("[service.{name}]\nsource = \".secrets/{name}.conf\"\ncomfy_dir = \"{name}\"\n");
    place.write("genai.toml", &(section("a") + &section("b")));
    for (service, token) in [("a", A), ("b", B)] {
        let env = format!("docker-configurations/services/{service}/.env");
        let source = format!(
            r#"{{"version": "2", "bcrypt_hash": "{token}", "targets": [
            {{"path": "{env}", "dialect": "compose-v2-dotenv", "key": "COMFYUI_API_TOKEN"}}]}}"#
        );
        place.write(&format!(".secrets/{service}.conf"), &source);
        place.write(&env, &format!("COMFYUI_API_TOKEN={token}\n"));
        place.write(&format!("{service}/login/PASSWORD"), &format!("{token}\nann"));
    }
    place.write("docker-configurations/services/b/.env", "COMFYUI_API_TOKEN=drifted\n");
    place
}

#[test]
fn each_command_tells_the_services_apart() {
    let place = two();
    assert_eq!(place.run(&["check", "--service", "a"]).0, 3, "a source that others can read fails its check");
    let (_, json, _) = place.run(&["check", "--service", "all", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let drift = report["findings"].as_array().unwrap().iter().filter(|finding| finding["check"] == "targets-in-sync");
    let drift: Vec<_> =
        drift.map(|finding| (finding["service"].as_str().unwrap(), finding["outcome"].as_str().unwrap())).collect();
    assert_eq!(drift, [("a", "pass"), ("b", "fail")]);
}

#[test]
fn unify_leaves_the_other_services_places_alone() {
    let place = two();
    let (code, out, err) = place.run(&["unify", "--service", "a", "--from", ".secrets/a.conf", "--yes"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(place.read("docker-configurations/services/b/.env").contains("drifted"));
    assert!(place.read(".secrets/b.conf").contains(B));
    assert!(place.read("b/login/PASSWORD").contains(B));
    let source = place.read(".secrets/a.conf");
    assert!(source.contains("a/login/PASSWORD") && !source.contains("b/"), "{source}");
    let (code, _, err) = place.run(&["unify", "--service", "all", "--from", ".secrets/a.conf", "--yes"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("--service NAME"), "{err}");
}

/// What belongs to another service is no leak of this one's.
#[test]
fn a_scan_of_one_service_knows_the_others_places() {
    let place = two();
    let (_, out, _) = place.run(&["scan", "--service", "a", "--no-ignore"]);
    assert!(!out.contains("no-leak                      b/") && !out.contains(".secrets/b.conf:"), "{out}");
    let (code, out, err) = place.run(&["scan", "--service", "a", "nowhere"]);
    assert_eq!(code, 2, "{out}{err}");
}

/// The older shapes of the source of truth have no user: the login keeps the one it has.
#[test]
fn the_logins_name_is_kept_where_the_source_names_none() {
    let place = Place::empty();
    place.write(
        ".secrets/comfyui_auth_tokens.conf",
        r#"{"raw_token": null, "bcrypt_hash": "new-token", "created_at": "then", "targets": ["PASSWORD"]}"#,
    );
    place.write("PASSWORD", "old-token\nann");
    let (_, out, err) = place.run(&["sync"]);
    assert_eq!(place.read("PASSWORD"), "new-token\nann\n", "{out}{err}");
    assert!(out.contains("1 of 1 read back byte-equal"), "{out}");
}
