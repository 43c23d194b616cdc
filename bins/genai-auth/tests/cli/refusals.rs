//! Bad input: each a clear error that names the operand and the next step, the right exit code, nothing half-written.

use std::net::TcpListener;

use crate::place::Place;

/// Exit code and standard error, as a person sees them.
fn refusal(place: &Place, args: &[&str]) -> String {
    let ran = place.run(args);
    format!("exit {}\n{}", ran.code.unwrap(), ran.err)
}

#[test]
fn an_address_that_is_none() {
    insta::assert_snapshot!(refusal(&Place::new(), &["validate", "--url", "ftp://127.0.0.1"]), @"
    exit 4
    error: `ftp://127.0.0.1` is neither http nor https (from flag `--url`)
      next: write it whole, as in `http://127.0.0.1:8188`
    ");
}

#[test]
fn a_server_that_is_not_there() {
    insta::assert_snapshot!(refusal(&Place::new(), &["validate", "--url", "http://127.0.0.1:1"]), @"
    exit 5
    error: can't reach `http://127.0.0.1:1`
      next: start ComfyUI, or name its address with `--url`; then run the same command again
    ");
}

#[test]
fn a_busy_port() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    let text = refusal(&Place::new(), &["demo", "--port", &port]);
    insta::assert_snapshot!(text.replace(&port, "[PORT]"), @"
    exit 6
    error: another program listens on `127.0.0.1:[PORT]`
      next: stop what listens there, or let `--port 0` choose a free port
    ");
}

#[test]
fn a_folder_that_cannot_be_made() {
    let place = Place::new();
    place.write("file", "");
    insta::assert_snapshot!(refusal(&place, &["demo", "--dir", "file/below"]), @"
    exit 6
    error: can't make the folder `[PLACE]/file/below`: Not a directory (os error 20)
      next: choose a folder that you may write to with `--dir`
    ");
    assert_eq!(place.read("file"), "");
}

#[test]
fn a_source_that_is_no_json_is_kept_and_named() {
    let place = Place::new();
    place.write("genai-demo/.secrets/comfyui_auth_tokens.conf", "not json");
    insta::assert_snapshot!(refusal(&place, &["demo"]), @"
    exit 4
    error: can't understand `[PLACE]/genai-demo/.secrets/comfyui_auth_tokens.conf`
      because not JSON: expected ident at line 1 column 2
      next: restore it from a backup, or run `genai-auth setup` with the file moved away
      next: nothing was written; mend the file, or choose another folder with `--dir`
    ");
    assert_eq!(place.read("genai-demo/.secrets/comfyui_auth_tokens.conf"), "not json");
    assert!(!place.at("genai-demo/.env").exists());
}

#[test]
fn a_mangled_token_is_named_and_not_spread() {
    let place = Place::new();
    place.comfyui();
    assert_eq!(place.run(&["setup", "--comfy-dir", "ComfyUI", "--url", "http://127.0.0.1:1"]).code, Some(0));
    let source = place.read(".secrets/comfyui_auth_tokens.conf");
    let password_file = place.read("ComfyUI/login/PASSWORD");
    let token = password_file.lines().next().unwrap();
    // What Docker Compose makes of a bare hash whose salt starts with a letter.
    place.write(".secrets/comfyui_auth_tokens.conf", &source.replace(token, &format!("$2b$12.{}", &token[31..])));
    let text = refusal(&place, &["setup", "--comfy-dir", "ComfyUI"]);
    assert!(!text.contains(&token[31..]), "the error shows the token");
    insta::assert_snapshot!(text, @"
    exit 4
    error: the token in `.secrets/comfyui_auth_tokens.conf` is mangled by Docker Compose's interpolation: the part behind the third `$` was taken for a variable
      next: in a `.env` that Docker Compose reads, write the value in single quotes; in compose.yaml, double each `$`
      next: or make a fresh one with `genai-auth setup --rotate`; nothing was written
    ");
    assert_eq!(place.read("ComfyUI/login/PASSWORD"), password_file, "the mangled token was spread");
}

#[test]
fn a_folder_that_is_not_comfyui() {
    let place = Place::new();
    place.write("elsewhere/x", "");
    let ran = place.run(&["setup", "--comfy-dir", "elsewhere", "--format", "json"]);
    assert_eq!((ran.code, ran.outcome("comfyui-folder-known").as_str()), (Some(3), "fail"));
    assert!(!place.at(".secrets").exists(), "something was written for a folder that is not ComfyUI's");
    insta::assert_snapshot!(refusal(&Place::new(), &["setup"]), @"
    exit 2
    error: ComfyUI's folder is not known
      next: name it with `--comfy-dir DIR`: the folder that holds main.py
    ");
}

#[test]
fn settings_that_cannot_be_used() {
    let place = Place::new();
    place.write("genai.toml", "urll = 'x'\n");
    insta::assert_snapshot!(refusal(&place, &["validate"]), @"
    exit 4
    error: line 1 of `[PLACE]/genai.toml`: unknown field `urll`, expected one of `url`, `user`, `comfy_dir`, `source`, `allow_plain_http`, `service`
    ");
    let report = place.run(&["validate", "--format", "json"]).report();
    assert_eq!((&report["verdict"], &report["exit_code"]), (&"stopped".into(), &4.into()));
}
