//! Bad input: each a clear error that names the operand and the next step, the right exit code, nothing half-written.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
};

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
    place.write("genai-demo/.genai-demo", "");
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
fn the_demo_takes_no_folder_of_somebody_elses() {
    let place = Place::new();
    place.comfyui();
    assert_eq!(place.run(&["setup", "--comfy-dir", "ComfyUI", "--url", "http://127.0.0.1:1"]).code, Some(0));
    let before = place.read("ComfyUI/login/PASSWORD");
    insta::assert_snapshot!(refusal(&place, &["demo", "--dir", "."]), @"
    exit 6
    error: `[PLACE]/.` holds files that are not the demo's
      next: choose a folder that is new or empty with `--dir`; to guard your own ComfyUI use `genai-auth setup`
    ");
    assert_eq!(place.read("ComfyUI/login/PASSWORD"), before, "a real token was rotated");
    insta::assert_snapshot!(refusal(&place, &["demo", "--url", "http://127.0.0.1:1"]), @"
    exit 2
    error: `--url` means nothing to the demo, which brings its own server
      next: choose its folder with `--dir`; to look at your own server use `genai-auth validate`
    ");
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
      next: or take a good one with `genai-tokens unify --from PLACE`, or make a fresh one with `genai-auth setup --rotate`
      next: nothing was written
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
    error: line 1 of `[PLACE]/genai.toml`: unknown field `urll`
      next: nearest: `url`
      next: known here: `url`, `user`, `comfy_dir`, `source`, `allow_plain_http`, `connection`, `engine`, `targets`, `backups`, `policy`, `scan`, `stack`, `service`
    ");
    let report = place.run(&["validate", "--format", "json"]).report();
    assert_eq!((&report["verdict"], &report["exit_code"]), (&"stopped".into(), &4.into()));
}

/// A server that answers every request with `answer`, as long as the test runs.
fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_server_that_is_not_comfyui_gets_no_token() {
    let url = server("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
    let place = Place::new();
    place.write("token", "a-made-up-token\n");
    let ran = place.run(&["validate", "--url", &url, "--token-file", "token", "--format", "json"]);
    assert_eq!((ran.code, ran.outcome("answers-as-comfyui").as_str()), (Some(3), "fail"));
    assert_eq!(ran.outcome("token-accepted"), "absent", "a token was sent to what is not ComfyUI");
}

#[test]
fn a_server_that_redirects_everybody_to_its_login_gets_no_token() {
    let url = server("HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let place = Place::new();
    place.write("token", "a-made-up-token\n");
    let ran = place.run(&["validate", "--url", &url, "--token-file", "token", "--format", "json"]);
    assert_eq!((ran.code, ran.outcome("answers-as-comfyui").as_str()), (Some(3), "unknown"));
    assert_eq!(ran.outcome("token-accepted"), "absent", "a token was sent to a login that is not known");
    let text = place.run(&["validate", "--url", &url, "--token-file", "token"]).out;
    assert!(text.contains("302 to /login") && text.contains("next: check host, port and path"), "{text}");
}

#[test]
fn a_url_with_secrets_in_it_is_not_repeated() {
    for url in ["http://ann:s3cret@127.0.0.1:1", "http://127.0.0.1:1/?token=s3cret", "http://127.0.0.1:1/#s3cret"] {
        let ran = Place::new().run(&["validate", "--url", url, "--format", "json"]);
        assert_eq!(ran.code, Some(4), "{url}");
        assert!(!ran.out.contains("s3cret") && !ran.err.contains("s3cret"), "{url} is repeated: {}{}", ran.out, ran.err);
    }
}

#[test]
fn one_document_even_if_the_report_cannot_be_saved() {
    let ran =
        Place::new().run(&["validate", "--url", "http://127.0.0.1:1", "--format", "json", "--report", "absent/report.json"]);
    assert_eq!((ran.code, &ran.report()["verdict"]), (Some(5), &"stopped".into()));
}

#[test]
fn what_a_server_says_does_not_reach_the_terminal_raw() {
    let url = server("HTTP/1.1 404 Not Found\r\ncontent-type: a\u{9b}2Jb\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let ran = Place::new().run(&["validate", "--url", &url]);
    assert!(!ran.out.contains('\u{9b}') && !ran.err.contains('\u{9b}'), "{}", ran.out);
}

#[test]
fn a_target_that_is_a_folder() {
    let place = Place::new();
    place.comfyui();
    place.write("ComfyUI/login/PASSWORD/in-the-way", "");
    let text = refusal(&place, &["setup", "--comfy-dir", "ComfyUI"]);
    assert!(!place.at(".secrets/comfyui_auth_tokens.conf").exists(), "the source was written without its targets");
    assert!(!place.at(".env").exists(), "one target was written without the others");
    insta::assert_snapshot!(text, @"
    exit 4
    error: `[PLACE]/ComfyUI/login/PASSWORD` is a folder, not a file
      next: move it away, or name another path
    ");
}

#[test]
fn a_folder_without_the_right_to_write() {
    use std::os::unix::{fs::PermissionsExt, process::CommandExt};
    let place = Place::new();
    place.comfyui();
    let mode = |name: &str, mode| std::fs::set_permissions(place.at(name), std::fs::Permissions::from_mode(mode)).unwrap();
    mode("", 0o555);
    mode("ComfyUI", 0o555);
    let mut command = place.command(&["setup", "--comfy-dir", "ComfyUI"]);
    if rustix::process::getuid().is_root() {
        command = place.command_of_a_copy(&["setup", "--comfy-dir", "ComfyUI"]);
        command.uid(65534); // nobody: root may write everywhere
    }
    let ran = place.ran(&command.output().unwrap());
    mode("", 0o755);
    mode("ComfyUI", 0o755);
    assert!(!place.at(".secrets").exists() && !place.at("ComfyUI/login").exists());
    insta::assert_snapshot!(format!("exit {}\n{}", ran.code.unwrap(), ran.err), @"
    exit 6
    error: can't make the folder `[PLACE]/.secrets`
      because Permission denied (os error 13)
      next: see who may write there with `ls -ld '[PLACE]'`; run as that user, or choose another folder
    ");
}
