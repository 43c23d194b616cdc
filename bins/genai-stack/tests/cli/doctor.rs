//! The doctor on containers of a real engine: killed, out of memory, without a PASSWORD, with a token for all to see.
//!
//! Takes the image of the engine tests of `docker-ops`.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;

use super::guarded::over_tcp;

/// The image of the engine tests of `docker-ops`: a static busybox.
const IMAGE: &str = "genai-ops-test:busybox";

/// A project whose containers go with it.
struct Project {
    folder: tempfile::TempDir,
    name: String,
}

impl Project {
    fn new(name: &str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), name: format!("doctor-{name}-{}", std::process::id()) }
    }

    /// A container of the project; its name.
    fn start(&self, options: &[&str], command: &[&str]) -> String {
        self.start_nth(1, options, command)
    }

    fn start_nth(&self, nth: u32, options: &[&str], command: &[&str]) -> String {
        let name = format!("{}-comfyui-{nth}", self.name);
        let project = format!("com.docker.compose.project={}", self.name);
        let number = format!("com.docker.compose.container-number={nth}");
        let labels = ["--label", &project, "--label", "com.docker.compose.oneoff=False", "--label", &number];
        docker(&[&["run", "--detach", "--name", &name], &labels[..], options, &[IMAGE], command].concat());
        name
    }

    /// What the doctor finds: outcome, summary and all of a finding as text, by check; and its exit code.
    fn examined(&self) -> (impl Fn(&str) -> (String, String) + use<>, i32) {
        let (report, code) = self.report(&[]);
        let finding = move |check: &str| {
            let of_check = |finding: &&Value| finding["check"] == check;
            let finding = report["findings"].as_array().unwrap().iter().find(of_check).unwrap();
            (finding["outcome"].as_str().unwrap().to_owned(), finding.to_string())
        };
        (finding, code)
    }

    fn report(&self, more: &[&str]) -> (Value, i32) {
        let doctor = Command::new(env!("CARGO_BIN_EXE_genai-stack"))
            .args(["doctor", "--format", "json", "--project-name", &self.name, "--project"])
            .arg(self.folder.path())
            .args(more)
            .output()
            .unwrap();
        (serde_json::from_slice(&doctor.stdout).unwrap(), doctor.status.code().unwrap())
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let filter = format!("label=com.docker.compose.project={}", self.name);
        let ids = docker(&["ps", "--all", "--quiet", "--filter", &filter]);
        ids.lines().for_each(|id| drop(docker(&["rm", "--force", id])));
    }
}

fn docker(args: &[&str]) -> String {
    let done = Command::new("docker").args(args).output().unwrap();
    assert!(done.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
}

#[test]
#[ignore = "it needs Docker Engine"]
fn killed_and_out_of_memory_are_told_apart() {
    let killed = Project::new("killed");
    docker(&["kill", &killed.start(&[], &["sleep", "600"])]);
    let (finding, code) = killed.examined();
    let (outcome, text) = finding("container-running");
    assert!(code == 3 && outcome == "fail" && text.contains("killed through the engine"), "{text}");
    assert_eq!(finding("memory-sufficient").0, "pass");

    let full = Project::new("full");
    // The engine hears of want of memory a moment after the start only.
    let script = "until [ -e /go ]; do sleep 0.05; done; exec tail /dev/zero";
    let name = full.start(&["--memory", "16m", "--memory-swap", "16m"], &["sh", "-c", script]);
    docker(&["exec", &name, "touch", "/go"]);
    docker(&["wait", &name]);
    let (outcome, text) = full.examined().0("memory-sufficient");
    assert!(outcome == "fail" && text.contains("its memory limit of 16 MiB"), "{text}");

    let unseen = Project::new("unseen");
    let name = unseen.start(&[], &["sleep", "600"]);
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", &name]);
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    docker(&["wait", &name]);
    let (outcome, text) = unseen.examined().0("memory-sufficient");
    assert!(outcome == "unknown" && text.contains("--kernel-log"), "{text}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_password_that_went_is_named_and_no_token_is_shown() {
    let project = Project::new("password");
    let login = project.folder.path().join("login");
    fs::create_dir(&login).unwrap();
    let token = format!("$2b$12${}O{}", "x".repeat(21), "y".repeat(31));
    fs::write(login.join("PASSWORD"), format!("{token}\nann\n")).unwrap();
    let mount = format!("{}:/comfy/login", login.display());
    let variable = format!("COMFYUI_API_TOKEN={token}");
    project.start(&["--volume", &mount, "--env", &variable], &["sleep", "600"]);
    let (finding, _) = project.examined();
    assert_eq!(finding("password-in-place").0, "unknown", "there is no source of truth");
    let (outcome, text) = finding("no-token-in-inspect");
    assert!(outcome == "fail" && text.contains("the variable `COMFYUI_API_TOKEN`") && !text.contains(&token), "{text}");
    fs::remove_file(login.join("PASSWORD")).unwrap();
    let (outcome, text) = project.examined().0("password-in-place");
    assert!(outcome == "fail" && text.contains("owns the server"), "{text}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_plugin_that_is_not_mounted_is_looked_at_in_the_container() {
    let project = Project::new("inside");
    let on_host = project.folder.path().join("ComfyUI");
    for made in ["login", "custom_nodes/ComfyUI-Login"] {
        fs::create_dir_all(on_host.join(made)).unwrap();
    }
    fs::write(project.folder.path().join("genai.toml"), "comfy_dir = 'ComfyUI'").unwrap();
    let login = format!("{}:/comfy/login", on_host.join("login").display());
    let name = project.start(&["--volume", &login], &["sleep", "600"]);
    let (outcome, text) = project.examined().0("plugin-intact");
    assert!(outcome == "fail" && text.contains("ComfyUI-Login is not at `/comfy/custom_nodes/ComfyUI-Login`"), "{text}");
    for file in ["__init__.py", "password.py", "login.html"] {
        fs::write(on_host.join("custom_nodes/ComfyUI-Login").join(file), "").unwrap();
    }
    docker(&["cp", &on_host.join("custom_nodes").display().to_string(), &format!("{name}:/comfy/")]);
    docker(&["kill", &name]);
    let (outcome, text) = project.examined().0("plugin-intact");
    assert!(outcome == "fail" && text.contains("`password.py` was changed") && text.contains("build the image"), "{text}");
}

/// Makes every request name a container that is not there: one that vanished.
fn removed(id: &str) -> impl Fn(&mut [u8]) + Clone + use<> {
    let id = id.to_owned();
    move |asked| {
        let found: Vec<_> =
            asked.windows(id.len()).enumerate().filter(|(_, at)| *at == id.as_bytes()).map(|(at, _)| at).collect();
        found.into_iter().for_each(|at| asked[at..at + 12].copy_from_slice(b"000000000000"));
    }
}

#[test]
#[ignore = "it needs Docker Engine"]
fn one_that_vanishes_under_the_look_holds_up_no_other() {
    let project = Project::new("vanished");
    let [one, two] = [1, 2].map(|nth| project.start_nth(nth, &[], &["sleep", "600"]));
    let id = docker(&["inspect", "--format", "{{.Id}}", &one]);
    let (report, code) = project.report(&["--host", &over_tcp(removed(&id))]);
    assert!(code == 3 && report["stopped"].is_null(), "{report}");
    let told = report["findings"].as_array().unwrap().iter().filter(|finding| finding["check"] == "container-running");
    let told: Vec<_> = told.map(|finding| (finding["outcome"].as_str().unwrap(), finding["summary"].to_string())).collect();
    assert!(told[0].0 == "unknown" && told[0].1.contains(&format!("`{one}` vanished")), "{told:?}");
    assert!(told[1].0 == "pass" && told[1].1.contains(&format!("`{two}` runs")), "{told:?}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn the_plugin_of_one_that_vanishes_is_not_known() {
    let project = Project::new("gone");
    let login = project.folder.path().join("login");
    fs::create_dir(&login).unwrap();
    let name = project.start(&["--volume", &format!("{}:/comfy/login", login.display())], &["sleep", "600"]);
    let removed = removed(&docker(&["inspect", "--format", "{{.Id}}", &name]));
    let is_gone = Arc::new(AtomicBool::new(false));
    let from_then_on = move |asked: &mut [u8]| {
        is_gone.fetch_or(asked.windows(9).any(|window| window == b"/archive?"), Ordering::SeqCst);
        if is_gone.load(Ordering::SeqCst) {
            removed(asked);
        }
    };
    let (report, _) = project.report(&["--host", &over_tcp(from_then_on)]);
    let plugin = report["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "plugin-intact").unwrap();
    assert!(plugin["outcome"] == "unknown" && plugin.to_string().contains("vanished while it was looked at"), "{plugin}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_python_that_answers_without_end_is_not_waited_for() {
    let project = Project::new("endless");
    let root = project.folder.path();
    let plugin = root.join("custom_nodes/ComfyUI-Login");
    fs::create_dir_all(&plugin).unwrap();
    for file in ["__init__.py", "password.py", "login.html"] {
        fs::write(plugin.join(file), "").unwrap();
    }
    let sums = "sha256sum __init__.py login.html password.py | sha256sum | cut -d ' ' -f 1 | tr -d '\\n'";
    let digest = Command::new("sh").args(["-c", sums]).current_dir(&plugin).output().unwrap().stdout;
    let digest = String::from_utf8(digest).unwrap();
    let toml = format!("[stack]\nproject = '{}'\nimage = '{IMAGE}'\n[stack.plugin]\ndigest = '{digest}'\n", project.name);
    fs::write(root.join("genai.toml"), toml).unwrap();
    let nodes = format!("{}:/comfy/custom_nodes", root.join("custom_nodes").display());
    let name = project.start(&["--volume", &nodes], &["sleep", "600"]);
    let python = root.join("python3");
    fs::write(&python, "#!/bin/sh\nexec yes\n").unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    docker(&["cp", &python.display().to_string(), &format!("{name}:/bin/python3")]);
    let (outcome, text) = project.examined().0("plugin-intact");
    assert!(outcome == "unknown" && text.contains("writes without end"), "{text}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_project_without_containers_is_a_finding() {
    let (finding, code) = Project::new("empty").examined();
    assert_eq!((code, finding("container-running").0.as_str(), finding("engine-reachable").0.as_str()), (3, "fail", "pass"));
}
