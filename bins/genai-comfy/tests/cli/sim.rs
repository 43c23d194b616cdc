//! `genai-comfy sim` as a process.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

#[expect(clippy::disallowed_methods, reason = "the test runs the binary that it tests")]
fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_genai-comfy"));
    command.arg("sim").args(args).current_dir(folder).env_clear();
    command
}

/// A server that runs, and its line of JSON.
struct Running {
    child: Child,
    said: Value,
}

impl Running {
    fn start(folder: &Path, args: &[&str]) -> Self {
        let args = [&["--port", "0", "--format", "json"], args].concat();
        let mut child = command(folder, &args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { child, said: serde_json::from_str(&line).unwrap() }
    }

    /// The status of the answer to a `GET`.
    fn get(&self, path: &str, header: &str) -> String {
        self.ask("GET", path, header, "").split(' ').nth(1).unwrap().to_owned()
    }

    /// The whole answer.
    fn ask(&self, method: &str, path: &str, header: &str, body: &str) -> String {
        let address = self.said["url"].as_str().unwrap().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        let head = format!("Host: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{header}");
        write!(stream, "{method} {path} HTTP/1.1\r\n{head}\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Ends it as Ctrl-C does; whether it ended well.
    fn stop(self) -> bool {
        self.stop_by(rustix::process::Signal::INT)
    }

    fn stop_by(mut self, signal: rustix::process::Signal) -> bool {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Running {
    /// A test that failed leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn it_says_where_it_answers_and_leaves_nothing() {
    let folder = folder();
    let server = Running::start(folder.path(), &[]);
    assert_eq!((&server.said["version"], &server.said["login"]), (&Value::from(1), &Value::from(false)));
    assert_eq!(server.get("/queue", ""), "200");
    let files = server.said["comfy_dir"].as_str().unwrap().to_owned();
    assert!(Path::new(&files).join("output").is_dir());
    assert!(server.stop(), "Ctrl-C is the right end");
    assert!(!Path::new(&files).exists());
}

#[test]
fn a_terminal_that_closes_leaves_nothing_either() {
    let folder = folder();
    let server = Running::start(folder.path(), &[]);
    let files = server.said["comfy_dir"].as_str().unwrap().to_owned();
    assert!(server.stop_by(rustix::process::Signal::HUP));
    assert!(!Path::new(&files).exists());
}

#[test]
fn a_person_is_told_how_to_go_on() {
    let folder = folder();
    let mut child = command(folder.path(), &["--port", "0", "--comfy-dir", "c"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told = [lines.next().unwrap(), lines.next().unwrap(), lines.next().unwrap()].join("\n");
    assert!(told.starts_with("The embedded ComfyUI answers at http://127.0.0.1:"), "{told}");
    assert!(told.contains("until you press Ctrl-C.") && told.contains("--password-file"), "{told}");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(folder.path().join("c/output").is_dir(), "a folder that was named stays");
}

#[test]
fn a_checkpoint_that_was_named_is_listed_and_its_sampler_takes_its_time() {
    let folder = folder();
    let server = Running::start(folder.path(), &["--checkpoint", "a.ckpt", "--checkpoint", "b.ckpt", "--step-time", "600000"]);
    assert!(server.ask("GET", "/models/checkpoints", "", "").ends_with(r#"["a.ckpt", "b.ckpt"]"#));
    let prompt = r#"{"prompt": {
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 2, "cfg": 7, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1, "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "b.ckpt"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lake", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}}}"#;
    let answer = server.ask("POST", "/prompt", "", prompt);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(server.ask("GET", "/prompt", "", "").ends_with(r#"{"exec_info": {"queue_remaining": 1}}"#), "it runs for minutes");
    assert!(server.stop());
}

#[test]
fn without_a_password_the_first_login_sets_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(folder.path(), &["--plugin", "--comfy-dir", "c"]);
    assert_eq!(server.said["login"], true);
    assert_eq!((server.get("/queue", ""), folder.path().join("c/login/PASSWORD").exists()), ("401".to_owned(), false));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let welcome = server.ask("POST", "/login", form, "username=me&password=open+sesame");
    assert!(welcome.contains("Location: /\r\n"), "{welcome}");
    let refused = server.ask("POST", "/login", form, "username=me&password=another");
    assert!(refused.contains("Location: /login?wrong_password=1\r\n"), "{refused}");
    assert!(server.stop());
}

#[test]
fn a_password_turns_the_login_on_and_the_file_it_makes_serves_again() {
    let folder = folder();
    std::fs::write(folder.path().join("password"), "open sesame\n").unwrap();
    let args = ["--password-file", "password", "--comfy-dir", "c"];
    let made = folder.path().join("c/login/PASSWORD");
    let mut token = String::new();
    // The second start finds what the first one made, the third is given it.
    for args in [&args[..], &args[..], &["--password-file", "c/login/PASSWORD", "--comfy-dir", "c"]] {
        let server = Running::start(folder.path(), args);
        let file = std::fs::read_to_string(&made).unwrap();
        let (line, user) = file.split_once('\n').unwrap();
        assert!(token.is_empty() || token == line, "the token changed");
        token = line.to_owned();
        assert_eq!((user.trim_end(), &server.said["login"]), ("comfy", &Value::from(true)));
        assert_eq!(server.get("/queue", ""), "401");
        assert_eq!(server.get("/queue", &format!("Authorization: Bearer {token}\r\n")), "200");
        assert!(!server.said.to_string().contains(&token));
        assert!(server.stop());
    }
    std::fs::write(folder.path().join("other"), "another password\n").unwrap();
    let (code, err) = refused(folder.path(), &["--password-file", "other", "--comfy-dir", "c"]);
    assert_eq!(code, 6, "{err}");
    assert_eq!(std::fs::read_to_string(&made).unwrap().lines().next(), Some(token.as_str()), "it was overwritten");
}

#[test]
fn a_scenario_comes_true() {
    let folder = folder();
    let text = "[[faults]]\nfault = { refuse = { route = \"GET /queue\", status = 503 } }\ntimes = 1\n";
    std::fs::write(folder.path().join("faults.toml"), text).unwrap();
    let server = Running::start(folder.path(), &["--scenario", "faults.toml"]);
    assert_eq!((server.get("/queue", ""), server.get("/queue", "")), ("503".to_owned(), "200".to_owned()));
    assert!(server.stop());
}

/// Exit code and complaint of a start that must not succeed.
fn refused(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = command(folder, args).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("wrong.toml", "[[faults]]\nfault = \"sleep\"\n");
    write("damaged", "$2b$12$tooshort\ncomfy\n");
    write("empty", "");
    let taken = Running::start(folder.path(), &[]);
    let port = taken.said["url"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    for (args, code, part) in [
        (&["--port", &port][..], 6, "--port 0"),
        (&["--scenario", "wrong.toml"], 4, "line 2"),
        (&["--scenario", "absent.toml"], 4, "absent.toml"),
        (&["--password-file", "absent"], 4, "absent"),
        (&["--password-file", "damaged"], 4, "damaged"),
        (&["--password-file", "empty"], 4, "password"),
        (&["--url", "http://127.0.0.1:1"], 2, "--url"),
        (&["--format", "sarif"], 2, "sarif"),
    ] {
        let (got, err) = refused(folder.path(), args);
        assert_eq!(got, code, "{args:?}: {err}");
        assert!(err.contains(part) && err.contains("next:") || part == "absent.toml", "{args:?}: {err}");
        assert!(!err.contains("tooshort"), "a token is shown");
        assert!(!err.contains(r"\n"), "lines that nobody can read: {err}");
    }
    assert!(taken.stop());
}
