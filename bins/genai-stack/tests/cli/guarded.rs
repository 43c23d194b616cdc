//! ComfyUI fails open: without its plugin, or with a PASSWORD that the plugin can't read, it starts and asks nobody for anything. What `up`
//! does about that, on a real engine. The stand-in for a ComfyUI without a login is a busybox that serves a file.
//!
//! Takes the image of the engine tests of `docker-ops`.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener},
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixStream,
    },
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

/// A project whose server is open to all; its objects go with it.
pub(crate) struct Project {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) name: String,
    port: u16,
}

impl Project {
    pub(crate) fn new(name: &str, mounts: &str) -> Self {
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
        let project = Self { folder, name, port };
        fs::write(project.password(), "made-up\nann\n").unwrap();
        fs::set_permissions(project.password(), fs::Permissions::from_mode(0o644)).unwrap();
        project
    }

    pub(crate) fn password(&self) -> std::path::PathBuf {
        self.folder.path().join("ComfyUI/login/PASSWORD")
    }

    /// The report of `up`, and its exit code.
    pub(crate) fn up(&self) -> (Value, i32) {
        self.reported(&["up"])
    }

    pub(crate) fn reported(&self, args: &[&str]) -> (Value, i32) {
        let done = stack(self.folder.path(), &[args, &["--format", "json"]].concat());
        (serde_json::from_slice(&done.stdout).unwrap(), done.status.code().unwrap())
    }

    /// Puts another text into genai.toml.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let path = self.folder.path().join("genai.toml");
        let toml = fs::read_to_string(&path).unwrap();
        assert!(toml.contains(from), "{toml}");
        fs::write(path, toml.replace(from, to)).unwrap();
    }

    /// Puts another program into its container: a script of `sh`.
    pub(crate) fn run(&self, script: &str) {
        let path = self.folder.path().join("genai.toml");
        let toml = fs::read_to_string(&path).unwrap();
        let (before, rest) = toml.split_once("command = [").unwrap();
        let (_, after) = rest.split_once('\n').unwrap();
        fs::write(path, format!("{before}command = ['sh', '-c', \"{script}\"]\n{after}")).unwrap();
    }

    /// Its container's name.
    pub(crate) fn container(&self) -> String {
        format!("{}-comfyui-qwen-1", self.name)
    }

    /// Its containers, each with its state.
    pub(crate) fn containers(&self) -> String {
        let filter = format!("label=com.docker.compose.project={}", self.name);
        docker(&["ps", "--all", "--filter", &filter, "--format", "{{.State}}"])
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let down = stack(self.folder.path(), &["down"]);
        assert!(thread::panicking() || down.status.success(), "{}", String::from_utf8_lossy(&down.stdout));
    }
}

pub(crate) fn stack(project: &Path, args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_genai-stack")).args(args).arg("--project").arg(project).output().unwrap()
}

pub(crate) fn docker(args: &[&str]) -> String {
    let done = Command::new("docker").args(args).output().unwrap();
    assert!(done.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
}

/// How the check ended, and all of its finding.
pub(crate) fn finding(report: &Value, check: &str) -> (String, String) {
    let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no `{check}` in {report}"));
    (found["outcome"].as_str().unwrap().to_owned(), found.to_string())
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_would_start_without_a_login_is_not_started() {
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
#[ignore = "it needs Docker Engine"]
fn a_dry_run_knows_who_could_not_read_the_password_that_is_to_be_written() {
    let project = Project::new("dry", "custom_nodes = false\n");
    let (root, login) = (project.folder.path(), project.folder.path().join("ComfyUI/login"));
    fs::remove_file(project.password()).unwrap();
    let secrets = root.join(".secrets");
    fs::create_dir(&secrets).unwrap();
    let source = secrets.join("comfyui_auth_tokens.conf");
    fs::write(&source, r#"{"version":"2","user":"ann","raw_token":null,"bcrypt_hash":"made-up","targets":[]}"#).unwrap();
    for (path, mode) in [(&secrets, 0o700), (&source, 0o600), (&login, 0o755)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    // The owner of the folder gets the file, and the container's root keeps no capability.
    if chown(&login, Some(4321), Some(4321)).is_err() {
        assert_ne!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(&login).unwrap()), 0);
    }
    let (report, code) = project.reported(&["up", "--dry-run"]);
    assert_eq!((code, &*finding(&report, "password-readable-in-container").0), (3, "fail"), "{report}");
    assert!(!project.password().exists(), "{report}");
    project.edit("stop_grace", "user = '0:0'\ncapabilities = ['DAC_OVERRIDE']\nstop_grace");
    let (report, code) = project.reported(&["up", "--dry-run"]);
    assert_eq!((code, &*finding(&report, "password-readable-in-container").0), (0, "pass"), "{report}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_can_not_be_looked_at_is_not_started_unless_that_is_said() {
    let project = Project::new("unseen", "");
    let engine = ["--host", &over_tcp(|_| ())];
    let (report, code) = project.reported(&[&["up"][..], &engine].concat());
    for check in ["mounts-usable", "password-before-start", "plugin-intact"] {
        let (outcome, text) = finding(&report, check);
        assert!(outcome == "unknown" && text.contains("--allow-unseen"), "{text}");
    }
    assert_eq!((code, project.containers().as_str()), (3, ""));
    let go_on = [&["up", "--timeout", "5", "--allow-unseen"], &engine[..]].concat();
    let (report, code) = project.reported(&go_on);
    assert_eq!((code, project.containers().as_str(), finding(&report, "plugin-intact").0.as_str()), (3, "running", "skipped"));
    // At the default URL answers this machine, whoever runs there.
    let (outcome, text) = finding(&report, "auth-enforced");
    assert!(outcome == "unknown" && text.contains("can't be asked"), "{text}");
    assert!(report.to_string().contains("is not proven to ask for a credential"), "{report}");
    let (report, code) = project.reported(&[&["restart"][..], &engine].concat());
    assert_eq!((code, finding(&report, "password-before-start").0.as_str()), (3, "unknown"));
    assert!(report.to_string().contains("nothing was changed"), "{report}");
    // Somebody says where it is reached.
    project.edit("[stack]\n", &format!("url = 'http://127.0.0.1:{}'\n[stack]\n", project.port));
    let (report, code) = project.reported(&go_on);
    assert_eq!((code, project.containers().as_str(), finding(&report, "auth-enforced").0.as_str()), (3, "exited", "fail"));
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_token_is_sent_to_nothing_but_comfyui() {
    let project = Project::new("other", "custom_nodes = false\n");
    project.run("exec sleep 600");
    fs::write(project.folder.path().join(".env"), "COMFYUI_API_TOKEN=made-up\n").unwrap();
    // At the URL somebody else asks for a credential.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("url = 'http://{}'\n[stack]\n", listener.local_addr().unwrap());
    project.edit("[stack]\n", &url);
    let heard = Arc::new(Mutex::new(String::new()));
    let hears = Arc::clone(&heard);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, hears) = (BufReader::new(client.unwrap()), Arc::clone(&hears));
            // One that says nothing holds up nobody.
            thread::spawn(move || {
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && client.read_line(&mut head).is_ok_and(|length| length > 0) {}
                hears.lock().unwrap().push_str(&head);
                drop(client.get_mut().write_all(b"HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
            });
        }
    });
    let (report, code) = project.reported(&["up", "--timeout", "30", "--allow-unseen", "--host", &over_tcp(|_| ())]);
    assert_eq!((code, &*finding(&report, "answers-as-comfyui").0), (3, "unknown"), "{report}");
    assert_eq!(finding(&report, "token-accepted").0, "skipped", "{report}");
    let heard = heard.lock().unwrap();
    assert!(heard.contains("GET /queue ") && !heard.contains("made-up"), "{heard}");
    assert_eq!(project.reported(&["status"]).0["services"][0]["unproven"], true);
}

#[test]
#[ignore = "it needs Docker Engine"]
fn who_lets_guests_in_is_not_started_or_does_not_stay() {
    let project = Project::new("guests", "login = 'guarded'\ncustom_nodes = false\n");
    let (login, switch) = (project.folder.path().join("guarded"), project.folder.path().join("guarded/GUEST_MODE"));
    fs::rename(project.password().parent().unwrap(), login).unwrap();
    let asks =
        "until [ -e /tmp/go ]; do sleep 0.1; done; echo '/:ann:pw' > /tmp/conf; exec httpd -f -p 8188 -h /www -c /tmp/conf";
    project.run(asks);
    fs::write(&switch, "").unwrap();
    let (report, code) = project.reported(&["up", "--timeout", "5"]);
    let (outcome, text) = finding(&report, "guest-mode-off");
    assert!(code == 3 && outcome == "fail" && text.contains(&format!("rm '{}'", switch.display())), "{report}");
    assert_eq!(project.containers(), "", "{report}");
    fs::remove_file(&switch).unwrap();
    let run = project.begin();
    let status = |wanted: &str| {
        let checks = &project.reported(&["status"]).0["services"][0]["checks"];
        let is_guests = |check: &&Value| check["check"] == "guest-mode-off";
        assert_eq!(checks.as_array().unwrap().iter().find(is_guests).unwrap()["outcome"], wanted);
    };
    status("pass");
    // Somebody lets them in while the run waits.
    fs::write(&switch, "").unwrap();
    docker(&["exec", &project.container(), "touch", "/tmp/go"]);
    let ended = run.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.code() == Some(3) && told.contains("stood open to everybody"), "{told}");
    assert_eq!(project.containers(), "exited", "{told}");
    status("fail");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_swarm_gets_nothing_that_would_start_without_a_login() {
    let project = Project::new("swarm", "");
    let swarm = |args: &[&str]| {
        let done = stack(project.folder.path(), &[&["swarm"], args].concat());
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let (code, told) = swarm(&["up"]);
    assert!(code == Some(4) && told.contains("nothing would look from inside"), "{told}");
    project.edit("probe = 'host'", "probe = ['busybox', 'true']");
    let (code, told) = swarm(&["up"]);
    assert!(code == Some(3) && told.contains("plugin-intact") && told.contains("genai-stack plugin install"), "{told}");
    fs::remove_file(project.password()).unwrap();
    project.edit("[stack.mounts]", "[stack.mounts]\ncustom_nodes = false");
    let (code, told) = swarm(&["up", "--dry-run"]);
    assert!(code == Some(3) && told.contains("password-before-start"), "{told}");
    // The engine is no Swarm's: that is found out later.
    let lock = project.folder.path().join(".secrets/.genai-stack.lock");
    fs::remove_file(&lock).unwrap();
    swarm(&["down"]);
    assert!(fs::read_to_string(lock).unwrap().starts_with("pid "));
}

/// The engine as one that may be on another machine: a port of this one that leads to its socket. What is asked of it is changed on the way.
pub(crate) fn over_tcp(change: impl Fn(&mut [u8]) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let engine = UnixStream::connect(socket.trim_start_matches("unix://")).unwrap();
            let change = change.clone();
            let (mut up, mut down) = ((client.try_clone().unwrap(), engine.try_clone().unwrap()), (engine, client));
            thread::spawn(move || {
                let mut piece = vec![0; 64 << 10];
                while let Ok(length @ 1..) = up.0.read(&mut piece) {
                    change(&mut piece[..length]);
                    up.1.write_all(&piece[..length])?;
                }
                up.1.shutdown(Shutdown::Write)
            });
            thread::spawn(move || io::copy(&mut down.0, &mut down.1).and_then(|_| down.1.shutdown(Shutdown::Write)));
        }
    });
    host
}

#[test]
#[ignore = "it needs Docker Engine"]
fn a_container_without_the_login_folder_is_not_started_again() {
    let project = Project::new("unmounted", "custom_nodes = false\n");
    project.up();
    project.edit("stop_grace", "comfy_path = '/elsewhere'\nstop_grace");
    let (report, code) = project.reported(&["restart"]);
    let (outcome, text) = finding(&report, "password-before-start");
    assert!(code == 3 && outcome == "fail" && text.contains("mounts no `login` folder"), "{text}");
    assert_eq!(project.containers(), "exited");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn the_plugin_is_where_the_container_has_it_whatever_is_written_now() {
    let project = Project::new("moved", "");
    let plugin = project.folder.path().join("ComfyUI/custom_nodes/ComfyUI-Login");
    fs::create_dir(&plugin).unwrap();
    for (file, text) in [("__init__.py", "import password\n"), ("password.py", "# guards\n"), ("login.html", "<form>")] {
        fs::write(plugin.join(file), text).unwrap();
    }
    let sums = "sha256sum __init__.py login.html password.py | sha256sum | cut -d ' ' -f 1 | tr -d '\\n'";
    let digest = Command::new("sh").args(["-c", sums]).current_dir(&plugin).output().unwrap().stdout;
    let digest = String::from_utf8(digest).unwrap();
    project.edit("[stack.health]", &format!("[stack.plugin]\ndigest = '{digest}'\n[stack.health]"));
    let (report, _) = project.up();
    assert_eq!((&*finding(&report, "plugin-intact").0, &*project.containers()), ("pass", "exited"), "{report}");
    fs::write(plugin.join("password.py"), "# lets everybody in\n").unwrap();
    project.edit("[stack.mounts]", "[stack.mounts]\ncustom_nodes = false");
    let (report, code) = project.reported(&["restart"]);
    assert_eq!((code, &*finding(&report, "plugin-intact").0, &*project.containers()), (3, "fail", "exited"), "{report}");
    assert!(report.to_string().contains("nothing was changed"), "{report}");
    // The same folder at the same place, by another key.
    project.edit("extra = [", "extra = [{ source = 'ComfyUI/custom_nodes', target = '/opt/ComfyUI/custom_nodes' }, ");
    let (report, code) = project.up();
    assert_eq!((code, &*finding(&report, "plugin-intact").0, &*project.containers()), (3, "fail", "exited"), "{report}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn who_the_container_is_and_not_who_it_would_be_must_read_the_password() {
    let project = Project::new("who", "custom_nodes = false\n");
    project.up();
    fs::set_permissions(project.password(), fs::Permissions::from_mode(0o600)).unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(project.password()).unwrap());
    project.edit("stop_grace", "user = '4321:4321'\nstop_grace");
    let readable = || finding(&project.reported(&["restart", "--dry-run"]).0, "password-readable-in-container").0;
    assert_eq!(readable(), if owner == 0 { "pass" } else { "fail" }, "its container is root");
    if chown(project.password(), Some(4321), Some(4321)).is_ok() {
        assert_eq!(readable(), "fail");
    }
}

#[test]
#[ignore = "it needs Docker Engine"]
fn without_a_probe_it_is_the_port_that_must_ask_for_a_credential() {
    let up = |name: &str, script: &str| {
        let project = Project::new(name, "custom_nodes = false\n");
        // An engine that starts it again forgets how it ended.
        project.edit("stop_grace = '1s'", "stop_grace = '1s'\nrestart = 'no'");
        project.run(script);
        project.reported(&["up", "--timeout", "8"]).0
    };
    let (outcome, text) = finding(&up("silent", "exec sleep 600"), "container-healthy");
    assert!(outcome == "unknown" && text.contains("does not ask for a credential yet"), "{text}");
    let (outcome, text) = finding(&up("ending", "exit 3"), "container-healthy");
    assert!(outcome == "fail" && text.contains("code 3"), "{text}");
    // The stand-in for a proxy whose server is not there yet, and then for the login.
    let busy =
        "printf 'HTTP/1.0 503 Busy\\r\\nContent-Length: 0\\r\\n\\r\\n' > /tmp/busy; timeout 2 nc -ll -p 8188 -e cat /tmp/busy";
    let login = "echo '/:ann:pw' > /tmp/conf; exec httpd -f -p 8188 -h /www -c /tmp/conf";
    let report = up("late", &format!("{busy}; {login}"));
    assert_eq!((&*finding(&report, "container-healthy").0, &*finding(&report, "auth-enforced").0), ("pass", "pass"), "{report}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_stands_open_is_stopped_again_unless_it_ran_before() {
    let project = Project::new("open", "custom_nodes = false\n");
    let (report, code) = project.up();
    let (outcome, text) = finding(&report, "auth-enforced");
    assert!(code == 3 && outcome == "fail", "{text}");
    assert_eq!(project.containers(), "exited");
    assert!(report.to_string().contains("was stopped again"), "{report}");
    let policy = docker(&["inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", &project.container()]);
    assert_eq!(policy, "no", "else an engine would start it again after a reboot");
    docker(&["update", "--restart", "unless-stopped", &project.container()]);
    docker(&["start", &project.container()]);
    let (report, code) = project.up();
    assert_eq!((code, project.containers().as_str()), (3, "running"));
    assert!(report.to_string().contains("was left running"), "{report}");
    let restarted = stack(project.folder.path(), &["restart", "--format", "json"]);
    assert_eq!((restarted.status.code(), project.containers().as_str()), (Some(3), "exited"), "it was this run that started it");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_stands_open_is_stopped_also_where_another_service_does_not_start() {
    let project = Project::new("half", "custom_nodes = false\n");
    let toml = project.folder.path().join("genai.toml");
    let services = "[service.a]\n[service.b.stack]\nport = 0\nuser = 'nobody-here'\n";
    fs::write(&toml, fs::read_to_string(&toml).unwrap() + services).unwrap();
    let (report, code) = project.reported(&["up", "--service", "all"]);
    assert!(code != 0 && report["stopped"].to_string().contains("nobody-here"), "{report}");
    assert_eq!(finding(&report, "auth-enforced").0, "fail", "{report}");
    assert!(!project.containers().contains("running"), "{}", project.containers());
}

#[test]
#[ignore = "it needs Docker Engine"]
fn what_ends_before_it_answers_is_not_waited_for() {
    let project = Project::new("ends", "custom_nodes = false\n");
    project.edit("stop_grace = '1s'", "stop_grace = '1s'\nrestart = 'no'");
    project.run("echo no card; exit 3");
    let done = stack(project.folder.path(), &["up", "--timeout", "30", "--format", "json"]);
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    let (outcome, text) = finding(&report, "container-healthy");
    assert!(outcome == "fail" && text.contains("ended: code 3") && text.contains("no card"), "{text}");
}

#[test]
#[ignore = "it needs Docker Engine"]
fn the_lock_lies_beside_the_secrets() {
    let project = Project::new("lock", "custom_nodes = false\n");
    project.up();
    let names = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert!(names(&project.folder.path().join(".secrets")).contains(&".genai-stack.lock".into()));
    assert!(!names(project.folder.path()).contains(&".genai-stack.lock".into()));
}

#[test]
#[ignore = "it needs Docker Engine"]
fn the_doctor_looks_at_every_service_of_the_project() {
    let project = Project::new("two", "custom_nodes = false\n");
    let folder = project.folder.path();
    let toml = fs::read_to_string(folder.join("genai.toml")).unwrap();
    fs::write(folder.join("genai.toml"), format!("{toml}[service.qwen]\n[service.video.stack]\nport = 0\n")).unwrap();
    stack(folder, &["up", "--service", "qwen"]);
    // It was open, and was stopped for good.
    docker(&["update", "--restart", "unless-stopped", &format!("{}-qwen-1", project.name)]);
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
