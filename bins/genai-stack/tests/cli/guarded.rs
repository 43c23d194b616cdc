//! ComfyUI fails open: without its plugin, or with a PASSWORD that the plugin can't read, it starts and asks nobody for anything. What `up`
//! does about that, on a real engine. The stand-in for a ComfyUI without a login is a busybox that serves a file.
//!
//! Runs only with `GENAI_LIVE_DOCKER=1`, as the tests of `docker-ops` do, and takes their image.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::Command,
};

use serde_json::Value;

/// A project whose server is open to all; its objects go with it.
struct Project {
    folder: tempfile::TempDir,
    name: String,
}

impl Project {
    fn new(name: &str, mounts: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("guarded-{name}-{}", std::process::id());
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        for made in ["ComfyUI/login", "ComfyUI/custom_nodes", "www"] {
            fs::create_dir_all(folder.path().join(made)).unwrap();
        }
        fs::write(folder.path().join("www/queue"), "{}").unwrap();
        let toml = format!(
            "[stack]\nproject = '{name}'\nimage = 'genai-ops-test:busybox'\npull = 'never'\nport = {port}\nmemory = '64MiB'\n\
            command = ['busybox', 'httpd', '-f', '-p', '8188', '-h', '/www']\nstop_grace = '1s'\n\
            [stack.health]\nprobe = 'host'\n[stack.mounts]\nmodels = false\noutputs = false\ninput = false\nuser = false\n{mounts}\
            extra = [{{ source = 'www', target = '/www' }}]\n"
        );
        fs::write(folder.path().join("genai.toml"), toml).unwrap();
        let project = Self { folder, name };
        fs::write(project.password(), "made-up\nann\n").unwrap();
        fs::set_permissions(project.password(), fs::Permissions::from_mode(0o644)).unwrap();
        project
    }

    fn password(&self) -> std::path::PathBuf {
        self.folder.path().join("ComfyUI/login/PASSWORD")
    }

    /// The report of `up`, and its exit code.
    fn up(&self) -> (Value, i32) {
        let project = self.folder.path();
        let done = stack(project, &["up", "--format", "json"]);
        (serde_json::from_slice(&done.stdout).unwrap(), done.status.code().unwrap())
    }

    /// Its containers, each with its state.
    fn containers(&self) -> String {
        let filter = format!("label=com.docker.compose.project={}", self.name);
        docker(&["ps", "--all", "--filter", &filter, "--format", "{{.State}}"])
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let down = stack(self.folder.path(), &["down"]);
        assert!(std::thread::panicking() || down.status.success(), "{}", String::from_utf8_lossy(&down.stdout));
    }
}

fn stack(project: &Path, args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_genai-stack")).args(args).arg("--project").arg(project).output().unwrap()
}

fn docker(args: &[&str]) -> String {
    let done = Command::new("docker").args(args).output().unwrap();
    assert!(done.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
}

fn has_engine() -> bool {
    std::env::var("GENAI_LIVE_DOCKER").is_ok_and(|set| set == "1")
}

/// How the check ended, and all of its finding.
fn finding(report: &Value, check: &str) -> (String, String) {
    let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no `{check}` in {report}"));
    (found["outcome"].as_str().unwrap().to_owned(), found.to_string())
}

#[test]
fn what_would_start_without_a_login_is_not_started() {
    if !has_engine() {
        return;
    }
    // The folder is mounted and holds no plugin.
    let project = Project::new("absent", "");
    let (report, code) = project.up();
    let (outcome, text) = finding(&report, "plugin-intact");
    assert!(code == 3 && outcome == "fail" && text.contains("genai-stack plugin install"), "{text}");
    assert_eq!(project.containers(), "");

    // The container's root is stopped by permissions, since it keeps no capability.
    let project = Project::new("unreadable", "custom_nodes = false\n");
    fs::set_permissions(project.password(), fs::Permissions::from_mode(0o600)).unwrap();
    if chown(project.password(), Some(1234), Some(1234)).is_err() {
        assert_ne!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(project.password()).unwrap()), 0);
    }
    let (report, code) = project.up();
    let (outcome, text) = finding(&report, "password-readable-in-container");
    assert!(code == 3 && outcome == "fail" && text.contains("sudo chown 0:0"), "{text}");
    assert_eq!((finding(&report, "plugin-intact").0.as_str(), project.containers().as_str()), ("skipped", ""));
}

#[test]
fn what_stands_open_is_stopped_again_unless_it_ran_before() {
    if !has_engine() {
        return;
    }
    let project = Project::new("open", "custom_nodes = false\n");
    let (report, code) = project.up();
    let (outcome, text) = finding(&report, "auth-enforced");
    assert!(code == 3 && outcome == "fail", "{text}");
    assert_eq!(project.containers(), "exited");
    assert!(report.to_string().contains("was stopped again"), "{report}");
    docker(&["start", &format!("{}-comfyui-qwen-1", project.name)]);
    let (report, code) = project.up();
    assert_eq!((code, project.containers().as_str()), (3, "running"));
    assert!(report.to_string().contains("was left running"), "{report}");
    let restarted = stack(project.folder.path(), &["restart", "--format", "json"]);
    assert_eq!((restarted.status.code(), project.containers().as_str()), (Some(3), "exited"), "it was this run that started it");
}

#[test]
fn what_ends_before_it_answers_is_not_waited_for() {
    if !has_engine() {
        return;
    }
    let project = Project::new("ends", "custom_nodes = false\n");
    let toml = project.folder.path().join("genai.toml");
    let serves = "command = ['busybox', 'httpd', '-f', '-p', '8188', '-h', '/www']";
    let ends = "command = ['busybox', 'sh', '-c', 'echo no card; sleep 1; exit 3']";
    fs::write(&toml, fs::read_to_string(&toml).unwrap().replace(serves, ends)).unwrap();
    let done = stack(project.folder.path(), &["up", "--timeout", "30", "--format", "json"]);
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    let (outcome, text) = finding(&report, "container-healthy");
    assert!(outcome == "fail" && text.contains("ended: code 3") && text.contains("no card"), "{text}");
}

#[test]
fn the_lock_lies_beside_the_secrets() {
    if !has_engine() {
        return;
    }
    let project = Project::new("lock", "custom_nodes = false\n");
    project.up();
    let names = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert!(names(&project.folder.path().join(".secrets")).contains(&".genai-stack.lock".into()));
    assert!(!names(project.folder.path()).contains(&".genai-stack.lock".into()));
}

#[test]
fn the_doctor_looks_at_every_service_of_the_project() {
    if !has_engine() {
        return;
    }
    let project = Project::new("two", "custom_nodes = false\n");
    let folder = project.folder.path();
    let toml = fs::read_to_string(folder.join("genai.toml")).unwrap();
    fs::write(folder.join("genai.toml"), format!("{toml}[service.qwen]\n[service.video.stack]\nport = 0\n")).unwrap();
    stack(folder, &["up", "--service", "qwen"]);
    let examined = |args: &[&str]| {
        let done = stack(folder, &[&["doctor", "--format", "json"], args].concat());
        serde_json::from_slice::<Value>(&done.stdout).unwrap()
    };
    let report = examined(&[]);
    let of_video = "the engine has no container of service `video`";
    assert!(report.to_string().contains(of_video), "{report}");
    let (outcome, text) = finding(&report, "stack-in-sync");
    assert!(outcome == "warn" && text.contains("`video` has no container") && !text.contains("memory"), "{text}");
    // The one that is not meant says nothing.
    let report = examined(&["--service", "qwen"]);
    assert_eq!(finding(&report, "stack-in-sync").0, "pass", "{report}");
    assert!(!report.to_string().contains(of_video), "{report}");
    fs::write(folder.join("genai.toml"), toml.replace("64MiB", "65MiB") + "[service.qwen]\n").unwrap();
    let (outcome, text) = finding(&examined(&[]), "stack-in-sync");
    assert!(outcome == "warn" && text.contains("memory is 67108864 bytes, must be 68157440 bytes"), "{text}");
}
