//! Every command in every format, and every stream searched for every secret in every encoding: nothing may be there.

use std::{fmt::Write as _, io::Write as _, process::Stdio};

use auth_core::{BcryptHash, FingerprintKey, LoginToken, Password, SourceOfTruth};
use comfy_sim::{Login, Server};
use token_sync::scan::{Control, Scanner, Secret};

use crate::drift::Place;

const SOURCE: &str = ".secrets/comfyui_auth_tokens.conf";
const PASSWORD: &str = "a made-up password";
const FORMATS: &[&[&str]] =
    &[&["--format", "text", "-vv"], &["--format", "json", "-vv", "--log-format", "json"], &["--format", "sarif"]];

fn token(password: &str) -> LoginToken {
    BcryptHash::of(&Password::new(password).unwrap(), 4, [7; 16]).unwrap().into()
}

/// A project where much is wrong: places that drifted, were mangled, or hold the token though they must not.
fn project() -> Place {
    let place = Place::empty();
    let (mine, other) = (token(PASSWORD), token("another made-up password"));
    let (mine, other) = (mine.expose(), other.expose());
    let entry =
        |path: &str, dialect: &str| format!(r#"{{"path": "{path}", "dialect": "{dialect}", "key": "COMFYUI_API_TOKEN"}}"#);
    let source = format!(
        r#"{{"version": "2", "user": "ann", "raw_token": "{PASSWORD}", "bcrypt_hash": "{mine}", "targets": [{}, {},
        {{"path": "ComfyUI/login/PASSWORD", "dialect": "login-password"}}]}}"#,
        entry(".env", "compose-v2-dotenv"),
        entry("app.env", "docker-run-env-file")
    );
    place.write(SOURCE, &source);
    place.write(".env", &format!("COMFYUI_API_TOKEN={mine}\n"));
    place.write("app.env", &format!("COMFYUI_API_TOKEN={}\n", mine.replace('$', "$$")));
    place.write("ComfyUI/login/PASSWORD", &format!("{other}\nann"));
    place.write("ComfyUI/main.py", "");
    place.write("compose.yaml", &format!("services:\n  a:\n    environment:\n      T: '{}'\n", mine.replace('$', "$$")));
    place.write("notes.md", &format!("{PASSWORD}\ncurl '/queue?token={}'\n", mine.replace('$', "%24")));
    place.write(".secrets/old.token", &format!("{other}\n"));
    place
}

/// All secrets that the project has now.
fn secrets(place: &Place) -> Vec<Secret> {
    let source = SourceOfTruth::parse(place.read(SOURCE).as_bytes()).unwrap();
    let now = source.password().map(|password| Secret::password("password", password));
    let tokens = [Some(source.token()), source.previous()];
    let fixed = [Secret::token("first", &token(PASSWORD)), Secret::password("first", &Password::new(PASSWORD).unwrap())];
    let others = [Secret::token("other", &token("another made-up password"))];
    let known = tokens.into_iter().flatten().map(|token| Secret::token("source", token));
    now.into_iter().chain(known).chain(fixed).chain(others).collect()
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
fn the_search_itself_hears() {
    let place = project();
    for text in [PASSWORD.to_owned(), token(PASSWORD).expose().to_owned(), token("unknown").expose().to_owned()] {
        assert_ne!(heard(&secrets(&place), &format!("x {text} y")), "", "{text}");
    }
    assert_eq!(heard(&secrets(&place), "fingerprint 0011223344556677"), "");
}

#[test]
fn no_command_tells_a_secret() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut runs = 0;
    for format in FORMATS {
        let place = project();
        let folder = place.at("ComfyUI");
        let server = runtime.block_on(Server::builder().comfy_dir(folder).login(Login::Plugin).spawn()).unwrap();
        let url = server.url();
        // An exported token that is another's beats every place.
        let clean = if format == &FORMATS[0] { 3 } else { 0 };
        let read = if format == &FORMATS[2] { 2 } else { 0 };
        // Each with its exit code, so that a command that ends before it comes to a secret is seen.
        for (args, code) in [
            (&["check"][..], 3),
            (&["audit", "--url", &url], 3),
            (&["audit", "--token-file", ".secrets/old.token"], 3),
            (&["scan", "--no-ignore"], 3),
            (&["scan", "-"], 3),
            (&["sync", "--dry-run"], 3),
            (&["read", "--dialect", "compose-v2-dotenv", ".env"], read),
            (&["read", "--dialect", "compose-yaml-v2", "compose.yaml"], read),
            (&["unify", "--from", ".secrets/old.token", "--dry-run"], 3),
            (&["unify", "--from", "app.env", "--yes"], 4),
            (&["unify", "--from", SOURCE], 6),
            (&["sync"], 3),
            (&["rotate", "--url", &url], 3),
            (&["rotate", "--url", &url, "--restart", "false"], 6),
            (&["rotate", "--url", &url, "--salt-only"], 3),
            (&["unify", "--password-stdin", "--yes"], clean),
            (&["unify", "--yes"], clean),
            (&["check", "--token-file", "notes.md"], 4),
        ] {
            let before = secrets(&place);
            let input = format!("{PASSWORD}\n{}\n", token("unknown").expose());
            let mut child = place.command(&[args, format].concat());
            if format == &FORMATS[0] {
                child.env("COMFYUI_API_TOKEN", token("another made-up password").expose());
            }
            let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            let output = child.wait_with_output().unwrap();
            let all = [before, secrets(&place)].concat();
            for (name, stream) in [("standard output", &output.stdout), ("standard error", &output.stderr)] {
                let text = String::from_utf8_lossy(stream);
                assert_eq!(heard(&all, &text), "", "{args:?} {format:?} on {name}");
            }
            assert_eq!(output.status.code(), Some(code), "{args:?} {format:?}");
            runs += 1;
        }
        runtime.block_on(server.shutdown());
    }
    assert_eq!(runs, 18 * FORMATS.len());
}
