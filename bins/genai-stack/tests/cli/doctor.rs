//! The doctor on containers of a real engine: killed, out of memory, without a PASSWORD, with a token for all to see.
//!
//! Runs only with `GENAI_LIVE_DOCKER=1`, as the tests of `docker-ops` do, and takes their image.

use std::{fs, process::Command};

use serde_json::Value;

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
        let name = format!("{}-comfyui-1", self.name);
        let project = format!("com.docker.compose.project={}", self.name);
        let labels = ["--label", &project, "--label", "com.docker.compose.oneoff=False"];
        docker(&[&["run", "--detach", "--name", &name], &labels[..], options, &[IMAGE], command].concat());
        name
    }

    /// What the doctor finds: outcome, summary and all of a finding as text, by check; and its exit code.
    fn examined(&self) -> (impl Fn(&str) -> (String, String) + use<>, i32) {
        let doctor = Command::new(env!("CARGO_BIN_EXE_genai-stack"))
            .args(["doctor", "--format", "json", "--project-name", &self.name, "--project"])
            .arg(self.folder.path())
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&doctor.stdout).unwrap();
        let finding = move |check: &str| {
            let of_check = |finding: &&Value| finding["check"] == check;
            let finding = report["findings"].as_array().unwrap().iter().find(of_check).unwrap();
            (finding["outcome"].as_str().unwrap().to_owned(), finding.to_string())
        };
        (finding, doctor.status.code().unwrap())
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

fn has_engine() -> bool {
    std::env::var("GENAI_LIVE_DOCKER").is_ok_and(|set| set == "1")
}

#[test]
fn killed_and_out_of_memory_are_told_apart() {
    if !has_engine() {
        return;
    }
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
fn a_password_that_went_is_named_and_no_token_is_shown() {
    if !has_engine() {
        return;
    }
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
fn a_plugin_that_is_not_mounted_is_looked_at_in_the_container() {
    if !has_engine() {
        return;
    }
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

#[test]
fn a_project_without_containers_is_a_finding() {
    if !has_engine() {
        return;
    }
    let (finding, code) = Project::new("empty").examined();
    assert_eq!((code, finding("container-running").0.as_str(), finding("engine-reachable").0.as_str()), (3, "fail", "pass"));
}
