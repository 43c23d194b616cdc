//! Every command in every format, and every stream searched for every secret in every encoding: nothing may be there.

use std::{fmt::Write as _, io::Write as _, path::Path, process::Stdio};

use auth_core::{FingerprintKey, Password, SourceOfTruth};
use comfy_sim::{Login, Server};
use token_sync::scan::{Control, Scanner, Secret};

use crate::place::Place;

const PASSWORD: &str = "a made-up password";
const FORMATS: &[&[&str]] =
    &[&["--format", "text", "-vv"], &["--format", "json", "-vv", "--log-format", "json"], &["--format", "sarif"]];

/// The secrets of a source of truth.
fn secrets(source: &Path) -> Vec<Secret> {
    let given = Secret::password("given", &Password::new(PASSWORD).unwrap());
    let Ok(bytes) = std::fs::read(source) else { return vec![given] };
    let source = SourceOfTruth::parse(&bytes).unwrap();
    let password = source.password().map(|password| Secret::password("password", password));
    let tokens = [Some(source.token()), source.previous()].into_iter().flatten();
    tokens.map(|token| Secret::token("source", token)).chain(password).chain([given]).collect()
}

/// What of the secrets stands in `text`.
fn heard(secrets: &[Secret], text: &str) -> String {
    let scanner = Scanner::new(secrets, &FingerprintKey::new(b"test"));
    let scan = scanner.stream("output", &mut text.as_bytes(), &Control::silent());
    scan.matches.iter().fold(String::new(), |mut all, found| {
        let _ = write!(all, "{} {:?} at line {}; ", found.encoding.name(), found.owner, found.region.line);
        all
    })
}

#[test]
fn no_command_tells_a_secret() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for format in FORMATS {
        let place = Place::new();
        place.comfyui();
        let (own, demo) =
            (place.at(".secrets/comfyui_auth_tokens.conf"), place.at("genai-demo/.secrets/comfyui_auth_tokens.conf"));
        let run = |args: &[&str]| {
            let before = [secrets(&own), secrets(&demo)].concat();
            let mut child = place.command(&[args, format].concat());
            let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let _ = child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes());
            let output = child.wait_with_output().unwrap();
            let all = [before, secrets(&own), secrets(&demo)].concat();
            for (name, stream) in [("standard output", &output.stdout), ("standard error", &output.stderr)] {
                assert_eq!(heard(&all, &String::from_utf8_lossy(stream)), "", "{args:?} {format:?} on {name}");
            }
            assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{args:?} said nothing at all");
        };
        run(&["setup", "--comfy-dir", "ComfyUI", "--dry-run"]);
        run(&["setup", "--comfy-dir", "ComfyUI", "--password-stdin"]);
        assert_ne!(heard(&secrets(&own), &place.read(".env")), "", "the search itself does not hear");
        let server = Server::builder().comfy_dir(place.at("ComfyUI")).login(Login::Plugin).spawn();
        let server = runtime.block_on(server).unwrap();
        let url = server.url();
        run(&["validate", "--url", &url, "--generate"]);
        run(&["setup", "--comfy-dir", "ComfyUI", "--rotate", "--url", &url]);
        run(&["validate", "--url", &url, "--generate"]); // the server holds the old token still
        run(&["settings"]);
        if format == &FORMATS[1] {
            run(&["demo"]);
            run(&["demo", "--rotate"]);
        }
        place.write(".secrets/comfyui_auth_tokens.conf", &place.read(".secrets/comfyui_auth_tokens.conf").replace('$', "$$"));
        run(&["validate", "--url", &url]);
        run(&["setup", "--comfy-dir", "ComfyUI"]);
        runtime.block_on(server.shutdown());
    }
}
