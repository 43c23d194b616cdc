//! A server behind ComfyUI-Login.

use std::{io::Write, process::Stdio};

use auth_core::{BcryptHash, LoginToken, Password};
use comfy_sim::Login;

use crate::stage::{Stage, said};

const PASSWORD: &str = "s3same-open";

/// A stage whose server wants a login, and its token, which lies in the file `token` too.
fn stage() -> (Stage, String) {
    let token = LoginToken::from(BcryptHash::of(&Password::new(PASSWORD).unwrap(), 4, [0x45; 16]).unwrap()).expose().to_owned();
    let stage = Stage::new(|builder, folder| {
        std::fs::create_dir_all(folder.join("ComfyUI/login")).unwrap();
        std::fs::write(folder.join("ComfyUI/login/PASSWORD"), format!("{token}\nann\n")).unwrap();
        builder.login(Login::Plugin)
    });
    stage.write("token", &token);
    stage.write("password", PASSWORD);
    (stage, token)
}

/// Exit code and words of `status`, with the password on standard input.
fn log_in(stage: &Stage, user: &str, password: &str) -> (i32, String) {
    let mut command = stage.command(&["status", "--login", user]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn the_token_opens_it_and_is_never_said() {
    let (stage, token) = stage();
    let (code, out, err) = said(&mut stage.command(&["status", "--token-file", "token", "-vv"]));
    assert_eq!((code, out.contains("0 running")), (0, true), "{err}");
    assert!(!out.contains(&token) && !err.contains(&token), "{out}{err}");
}

#[test]
fn who_has_no_token_hears_what_to_do() {
    let (stage, _) = stage();
    let (code, out, err) = said(&mut stage.command(&["queue"]));
    assert_eq!((code, out.as_str()), (6, ""));
    assert!(err.contains("wants a login, and there is no token") && err.contains("--token-file"), "{err}");
}

#[test]
fn the_password_is_no_token_and_the_hint_says_so() {
    let (stage, _) = stage();
    let (code, _, err) = said(&mut stage.command(&["queue", "--token-file", "password"]));
    assert_eq!(code, 6);
    assert!(err.contains("no bcrypt line") && err.contains("--login USER"), "{err}");
    assert!(!err.contains(PASSWORD), "{err}");
}

#[test]
fn the_password_opens_it_by_the_form() {
    let (stage, _) = stage();
    assert_eq!(log_in(&stage, "ann", PASSWORD).0, 0);
    let (code, said) = log_in(&stage, "ann", "wrong");
    assert_eq!(code, 6, "{said}");
}
