//! Whole journeys through the binary.

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::Stdio,
};

use crate::place::{Place, Ran};

/// No line of a run's output may hold the token or the password of that folder.
fn shows_no_secret(place: &Place, ran: &Ran, source: &str) {
    let source: serde_json::Value = serde_json::from_str(&place.read(source)).unwrap();
    for secret in ["bcrypt_hash", "raw_token"].map(|field| source[field].as_str().unwrap().to_owned()) {
        assert!(!ran.out.contains(&secret) && !ran.err.contains(&secret), "a secret is shown");
    }
    assert!(!ran.out.contains("$2b$"), "a part of a token is shown");
}

#[test]
fn the_demo_proves_all_and_keeps_what_it_made() {
    const SOURCE: &str = "genai-demo/.secrets/comfyui_auth_tokens.conf";
    let place = Place::new();
    let first = place.run(&["demo", "--format", "json"]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    for check in
        ["auth-enforced", "socket-auth-enforced", "token-accepted", "image-generated", "old-token-refused", "token-in-force"]
    {
        assert_eq!(first.outcome(check), "pass", "{check}");
    }
    assert_eq!(first.outcome("every-path-guarded"), "warn");
    shows_no_secret(&place, &first, SOURCE);
    let folder = place.at("").display().to_string();
    let saved = place.read("genai-demo/report.json").replace(folder.trim_end_matches('/'), "[PLACE]");
    let saved: serde_json::Value = serde_json::from_str(&saved).unwrap();
    assert_eq!(saved, first.report());

    let mode = |name: &str| std::fs::metadata(place.at(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(SOURCE), mode("genai-demo/.secrets")), (0o600, 0o700));
    let password_file = place.read("genai-demo/ComfyUI/login/PASSWORD");
    let token = password_file.lines().next().unwrap().to_owned();
    assert_eq!(password_file, format!("{token}\ncomfy\n"));
    assert_eq!(place.read("genai-demo/.env"), format!("COMFYUI_API_TOKEN='{token}'\n"));

    let second = place.run(&["demo"]);
    assert_eq!(second.code, Some(0));
    assert!(second.out.contains("kept the password and token"), "{}", second.out);
    assert_eq!(place.read("genai-demo/ComfyUI/login/PASSWORD"), password_file, "the second run changed the token");
    shows_no_secret(&place, &second, SOURCE);

    let third = place.run(&["demo", "--rotate", "--format", "json"]);
    assert_eq!((third.code, third.outcome("old-token-refused").as_str()), (Some(0), "pass"));
    assert_ne!(place.read("genai-demo/ComfyUI/login/PASSWORD"), password_file);
}

#[test]
fn keep_leaves_the_server_running_until_it_is_told_to_stop() {
    let place = Place::new();
    let mut child = place.command(&["demo", "--keep"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut told = Vec::new();
    for line in lines {
        told.push(line.clone());
        if line.contains("curl") {
            break;
        }
    }
    let url = told.iter().find_map(|line| Some(line.split_once("runs on at ")?.1.split(' ').next()?.to_owned())).unwrap();
    let token = place.at("genai-demo/ComfyUI/login/PASSWORD");
    let validated = place.run(&["validate", "--project", "genai-demo", "--url", &url, "--format", "json", "--generate"]);
    assert_eq!(validated.code, Some(0), "{}", validated.out);
    assert_eq!(validated.outcome("image-generated"), "pass");
    let by_file = place.run(&["validate", "--url", &url, "--token-file", token.to_str().unwrap(), "--format", "json"]);
    assert_eq!((by_file.code, by_file.outcome("source-present").as_str()), (Some(0), "skipped"));

    assert!(told.iter().all(|line| !line.contains("$2b$")), "a token is shown");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    assert!(child.wait().unwrap().success(), "Ctrl-C is the right end of a server that was kept");
    assert_eq!(place.run(&["validate", "--project", "genai-demo", "--url", &url]).code, Some(5), "the server still runs");
}

#[test]
fn setup_writes_before_the_first_start_and_keeps_on_the_second_run() {
    let place = Place::new();
    place.comfyui();
    let args = ["setup", "--backend", "existing", "--comfy-dir", "ComfyUI", "--url", "http://127.0.0.1:1", "--format", "json"];
    let dry = place.run(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, Some(0));
    assert!(!place.at(".secrets").exists() && !place.at("ComfyUI/login").exists(), "a dry run wrote something");

    let first = place.run(&args);
    assert_eq!((first.code, first.outcome("targets-in-sync").as_str()), (Some(0), "pass"), "{}", first.err);
    shows_no_secret(&place, &first, ".secrets/comfyui_auth_tokens.conf");
    let written = place.read("ComfyUI/login/PASSWORD");
    let second = place.run(&args);
    assert_eq!((second.code, place.read("ComfyUI/login/PASSWORD")), (Some(0), written.clone()));
    let third = place.run(&[&args[..], &["--rotate"]].concat());
    assert_eq!(third.code, Some(0));
    assert_ne!(place.read("ComfyUI/login/PASSWORD"), written);
}

#[test]
fn setup_takes_over_the_token_that_the_plugin_holds_already() {
    let place = Place::new();
    place.comfyui();
    assert_eq!(place.run(&["setup", "--comfy-dir", "ComfyUI", "--user", "ann", "--url", "http://127.0.0.1:1"]).code, Some(0));
    let written = place.read("ComfyUI/login/PASSWORD");
    std::fs::remove_dir_all(place.at(".secrets")).unwrap();
    let ran = place.run(&["setup", "--comfy-dir", "ComfyUI", "--url", "http://127.0.0.1:1"]);
    assert!(ran.out.contains("took over the token"), "{}", ran.out);
    assert_eq!(place.read("ComfyUI/login/PASSWORD"), written, "a running server's login was changed");
}

#[test]
fn a_password_of_the_users_own_comes_by_standard_input() {
    use std::io::Write;
    let place = Place::new();
    place.comfyui();
    let setup = |password: &str| {
        let args = ["setup", "--comfy-dir", "ComfyUI", "--url", "http://127.0.0.1:1", "--password-stdin"];
        let mut child = place.command(&args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        place.ran(&child.wait_with_output().unwrap())
    };
    let too_long = setup(&"x".repeat(72));
    assert_eq!(too_long.code, Some(2));
    assert!(too_long.err.contains("72 bytes"), "{}", too_long.err);
    assert!(!place.at(".secrets").exists());
    assert_eq!(setup("a phrase of my own\n").code, Some(0));
    assert!(place.read(".secrets/comfyui_auth_tokens.conf").contains("\"raw_token\": \"a phrase of my own\""));
}

#[test]
fn ctrl_c_in_mid_run_leaves_nothing_half_written() {
    use rustix::process::{Pid, Signal, kill_process};
    let place = Place::new();
    let mut child = place.command(&["demo"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // The rotation hashes a password for a good while after this line.
    let reached = lines.any(|line| line.contains("A rotation"));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert!(reached);
    drop(lines);
    let ended = place.ran(&child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    assert!(ended.err.contains("stopped by the user"), "{}", ended.err);
    for folder in ["genai-demo", "genai-demo/.secrets", "genai-demo/ComfyUI/login"] {
        let left = std::fs::read_dir(place.at(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(left.filter(|name| name.contains("genai-tmp")).count(), 0, "a temporary file is left in {folder}");
    }
    let again = place.run(&["demo", "--format", "json"]);
    assert_eq!((again.code, again.outcome("old-token-refused").as_str()), (Some(0), "pass"), "the rotation was not made up for");
}
