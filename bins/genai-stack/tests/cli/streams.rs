//! `logs`, `stats` and `exec` on a real engine, from outside.

use std::{
    io::{Read as _, Write as _},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

/// Made by the engine tests of `docker-ops`, which run before these.
const IMAGE: &str = "genai-ops-test:busybox";

/// One container of a project of its own; it is removed when this is.
struct Stage {
    project: String,
    folder: tempfile::TempDir,
    container: String,
}

impl Stage {
    fn new(name: &str, script: &str) -> Self {
        Self::labelled(name, script, &[])
    }

    fn labelled(name: &str, script: &str, more: &[&str]) -> Self {
        let project = format!("cli-{name}-{}", std::process::id());
        let label = |name: &str, value: &str| format!("--label=com.docker.compose.{name}={value}");
        let labels = [label("project", &project), label("service", "comfyui"), label("oneoff", "False")];
        let [one, two, three] = &labels;
        let container = docker(&[&["run", "--detach", "--init", one, two, three], more, &[IMAGE, "sh", "-c", script]].concat());
        Self { project, folder: tempfile::tempdir().unwrap(), container }
    }

    /// The program with these arguments; killed, with code 137, if it does not end.
    fn begin(&self, args: &[&str]) -> Child {
        let (command, rest) = args.split_first().unwrap();
        Command::new("timeout")
            .args(["--signal=KILL", "60", env!("CARGO_BIN_EXE_genai-stack")])
            .args([command, "--project-name", &self.project])
            .args(rest)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(std::env::vars().filter(|(name, _)| name == "DOCKER_HOST"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn run(&self, args: &[&str], input: &str) -> Output {
        let mut child = self.begin(args);
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.container]);
    }
}

fn docker(args: &[&str]) -> String {
    let done = Command::new("docker").args(args).output().unwrap();
    assert!(done.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Of a bcrypt line's shape, put together here so that no file holds one.
fn token() -> String {
    format!("$2b$12${}", "abcdefghijkl/ABCDEFGHIJKL.".repeat(2) + "x")
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_is_shown_holds_no_token() {
    let token = token();
    let script =
        format!("echo 'Bearer {token}'; echo 'url?token={}' >&2; printf '1%%\\r2%%\\n'; sleep 600", token.replace('$', "%24"));
    let stage = Stage::new("logs", &script);
    docker(&["exec", &stage.container, "sleep", "0.2"]);
    let done = stage.run(&["logs"], "");
    let shown = text(&done.stdout);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(!shown.contains(&token[7..]) && shown.contains("comfyui-1 | Bearer [unknown bcrypt "), "{shown}");
    assert!(shown.contains("comfyui-1 ! url?token=[unknown bcrypt ") && shown.contains("comfyui-1 | 2%\n"), "{shown}");
    let done = stage.run(&["logs", "--format", "json"], "");
    let mut lines = done.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let line = lines.find(|line| line["text"] == "2%").unwrap();
    assert_eq!((&line["event"], &line["channel"]), (&"log".into(), &"stdout".into()));
    let done = stage.run(&["exec", "comfyui", "--", "sh", "-c", "cat; exit 5"], "");
    assert_eq!((done.status.code(), done.stdout.len()), (Some(5), 0), "without `--interactive` it has no input");
    let done = stage.run(&["exec", "comfyui", "-i", "--", "cat"], &format!("x {token} y"));
    assert!(!text(&done.stdout).contains(&token[7..]) && text(&done.stdout).ends_with("] y"), "{}", text(&done.stdout));
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_project_of_the_same_name_in_another_folder_is_not_meant() {
    let other = "--label=com.docker.compose.project.working_dir=/another/folder";
    let stage = Stage::labelled("folder", "echo hello; sleep 600", &[other]);
    let folder = stage.folder.path().join(&stage.project);
    std::fs::create_dir(&folder).unwrap();
    for args in [&["logs"][..], &["stats"], &["exec", "comfyui", "--", "true"], &["doctor"]] {
        let done = Command::new(env!("CARGO_BIN_EXE_genai-stack")).args(args).current_dir(&folder).output().unwrap();
        let said = text(&[done.stdout, done.stderr].concat());
        assert!(!done.status.success() && said.contains("in `/another/folder`"), "{args:?}: {said}");
    }
    assert!(text(&stage.run(&["logs"], "").stdout).contains("hello"), "it is named");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_command_ends_as_it_ended() {
    let stage = Stage::new("exec", "sleep 600");
    let code = |args: &[&str]| {
        let done = stage.run(&[&["exec"], args].concat(), "");
        (done.status.code().unwrap(), text(&done.stderr))
    };
    // What the command says is its own, whatever it is.
    for own in [0, 1, 5, 125, 126, 127, 255] {
        let (found, said) = code(&["comfyui", "--", "sh", "-c", &format!("exit {own}")]);
        assert_eq!((found, said.contains("error:")), (own, false), "{said}");
    }
    assert_eq!(code(&["comfyui", "--", "sh", "-c", "kill -9 $$"]).0, 137);
    assert_eq!(code(&["comfyui", "--", "sh", "-c", "kill -15 $$"]).0, 143);
    let (found, said) = code(&["comfyui", "--", "/tmp"]);
    assert!(found == 126 && said.starts_with("error: `/tmp` in `comfyui` can't be run"), "{found}: {said}");
    let (found, said) = code(&["comfyui", "--workdir", "/nowhere", "--", "true"]);
    assert!(found == 126 && said.contains("has no folder `/nowhere`"), "{found}: {said}");
    let (found, said) = code(&["comfyui", "--", "nope"]);
    assert!(found == 127 && said.starts_with("error: there is no program `nope` in `comfyui`"), "{found}: {said}");
    let (found, said) = code(&["comfyui", "--user", "nobody-here", "--", "true"]);
    assert!(found == 126 && said.contains("has no user `nobody-here`"), "{found}: {said}");
    let (found, said) = code(&["comfyui", "--env", &format!("T={}", token()), "--", "env"]);
    assert!(found == 2 && said.contains("the variable `T` holds a secret") && !said.contains(&token()[7..]), "{found}: {said}");
    let (found, said) = code(&["other", "--", "true"]);
    assert!(found == 3 && said.contains("it has `comfyui`"), "{found}: {said}");
    docker(&["pause", &stage.container]);
    let (found, said) = code(&["comfyui", "--", "true"]);
    assert!(found == 126 && said.starts_with("error: `comfyui` is paused"), "{found}: {said}");
    docker(&["unpause", &stage.container]);
    docker(&["kill", &stage.container]);
    let (found, said) = code(&["comfyui", "--", "true"]);
    assert!(found == 126 && said.starts_with("error: `comfyui` does not run"), "{found}: {said}");
    let (found, said) = code(&["comfyui", "--host", "unix:///nowhere.sock", "--", "true"]);
    assert!(found == 5 && said.starts_with("error: "), "{found}: {said}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn who_does_not_read_holds_up_nobody() {
    let stage = Stage::new("unread", "sleep 600");
    let mut closed = stage.begin(&["exec", "comfyui", "--", "yes"]);
    closed.stdout.take().unwrap().read_exact(&mut [0; 2]).unwrap();
    assert_eq!(closed.wait().unwrap().code(), Some(141));
    let mut unread = stage.begin(&["exec", "--timeout", "1", "comfyui", "--", "yes"]);
    assert_eq!(unread.wait().unwrap().code(), Some(124), "its output is full, and nobody reads it");
    let said = text(&unread.wait_with_output().unwrap().stderr);
    assert!(said.starts_with("error: `yes` in `comfyui` did not end within 1s"), "{said}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn figures_are_a_table_or_lines() {
    let stage = Stage::new("stats", "sleep 600");
    let done = stage.run(&["stats"], "");
    let (shown, beside) = (text(&done.stdout), text(&done.stderr));
    assert!(shown.trim_start().starts_with("NAME") && beside.contains("· engine unix://"), "{shown}{beside}");
    let line: Value = serde_json::from_slice(&stage.run(&["stats", "--format", "json"], "").stdout).unwrap();
    assert_eq!(line["event"], "stats");
    assert!(line["memory_bytes"].as_u64().unwrap() > 0);
    docker(&["kill", &stage.container]);
    let line: Value = serde_json::from_slice(&stage.run(&["stats", "--format", "json"], "").stdout).unwrap();
    assert_eq!(line["event"], "not-running");
}
