//! An engine of a test's own, for what would change the shared one: a Swarm, cards, another `PATH`.
//!
//! It has its own folders and socket, and lives in a network and a mount namespace of its own, so that its bridges, its rules and its
//! mounts are nobody else's and vanish with it. It ends with the value, also when the test panics.

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use docker_ops::{Endpoint, Engine};
use serde_json::Value;

use crate::rig;

/// How long an engine may take to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the engine looks for on its `PATH` when it starts, in place of NVIDIA's: it writes down the variables that would choose cards.
const HOOK: &str = r#"#!/bin/sh
bundle=$(/bin/busybox sed -n 's/.*"bundle":"\([^"]*\)".*/\1/p')
/bin/busybox grep -o '"NVIDIA_[^"]*"' "$bundle/config.json" | /bin/busybox tr -d '"' | /bin/busybox sed "s|^|${bundle##*/} |" >>LOG
"#;

/// The script that becomes the engine. Without the tmpfs it would use the system's containerd and see the other engine's containers.
const BECOME: &str =
    r#"mkdir -p /run/containerd && mount -t tmpfs none /run/containerd && /bin/busybox ip link set lo up && exec dockerd "$@""#;

pub(crate) struct Private {
    home: tempfile::TempDir,
    daemon: Option<Child>,
    /// The engine, connected.
    pub(crate) engine: Engine,
}

impl Private {
    /// Starts an engine with these flags besides its own.
    pub(crate) async fn start(flags: &[&str]) -> Private {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("bin")).unwrap();
        let daemon = Ending(Some(begin(home.path(), flags)));
        let engine = connected(home.path()).await;
        let private = Private { home, daemon: daemon.keep(), engine };
        rig::make_image(&["--host", &private.host()]);
        private
    }

    /// Ends the engine and starts it again, with other flags, on the same data.
    pub(crate) async fn restart(&mut self, flags: &[&str]) {
        self.end();
        self.daemon = Some(begin(self.home.path(), flags));
        self.engine = connected(self.home.path()).await;
    }

    /// The `PATH` that the engine was started with, as far as it is the test's own.
    pub(crate) fn path(&self) -> PathBuf {
        self.home.path().join("bin")
    }

    /// Puts the stand-in of NVIDIA's hook on the engine's `PATH`.
    pub(crate) fn install_hook(&self) {
        let hook = self.path().join("nvidia-container-runtime-hook");
        fs::write(&hook, HOOK.replace("LOG", &self.log().to_string_lossy())).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The variables about cards that a container was started with, in order, as the hook saw them.
    pub(crate) fn seen(&self, id: &str) -> Vec<String> {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().filter_map(|line| Some(line.strip_prefix(id)?.trim_start().to_owned())).collect()
    }

    /// The command line's answer.
    pub(crate) fn docker(&self, args: &[&str]) -> String {
        rig::docker(&[&["--host", &self.host()], args].concat())
    }

    /// A request that the command line has no words for: status and answer.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        post(&self.home.path().join("socket"), path, body)
    }

    fn host(&self) -> String {
        format!("unix://{}", self.home.path().join("socket").display())
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("hook.log")
    }

    /// Ends the engine; its containers end with it.
    pub(crate) fn end(&mut self) {
        drop(Ending(self.daemon.take()));
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let host = self.host();
        // Containers first: an engine that ends leaves those that don't listen to it to be killed one by one.
        let docker = |args: &[&str]| Command::new("docker").args(["--host", &host]).args(args).output();
        let left = docker(&["ps", "--all", "--quiet"]).map(|done| String::from_utf8_lossy(&done.stdout).into_owned());
        if let Ok(ids) = left.as_deref() {
            drop(docker(&[&["rm", "--force"][..], &ids.lines().collect::<Vec<_>>()].concat()));
        }
        self.end();
    }
}

/// Ends the process when it goes out of scope.
struct Ending(Option<Child>);

impl Ending {
    fn keep(mut self) -> Option<Child> {
        self.0.take()
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(mut daemon) = self.0.take() else { return };
        drop(Command::new("/bin/busybox").args(["kill", "-TERM", &daemon.id().to_string()]).status());
        let late = Instant::now() + PATIENCE;
        while matches!(daemon.try_wait(), Ok(None)) {
            if Instant::now() > late {
                drop(daemon.kill());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// One request to the engine behind a socket: status and answer.
pub(crate) fn post(socket: &Path, path: &str, body: &Value) -> (u16, Value) {
    let mut socket = UnixStream::connect(socket).unwrap();
    let body = body.to_string();
    let mut request = format!("POST /v1.41{path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\n");
    write!(request, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

fn begin(home: &Path, flags: &[&str]) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(home.join("log")).unwrap();
    let file = |name: &str| home.join(name).to_string_lossy().into_owned();
    let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", file("bin"));
    Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private", "sh", "-c", BECOME, "dockerd"])
        .args(["--host", &format!("unix://{}", file("socket")), "--data-root", &file("data")])
        .args(["--exec-root", &file("run"), "--pidfile", &file("pid")])
        .args(flags)
        .env("PATH", path)
        .env_remove("DOCKER_HOST")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("`unshare`, of util-linux")
}

/// Waits for the first answer.
async fn connected(home: &Path) -> Engine {
    let endpoint = Endpoint::Unix(home.join("socket"));
    let late = Instant::now() + PATIENCE;
    loop {
        match Engine::connect(&endpoint).await {
            Ok(engine) => return engine,
            Err(error) if Instant::now() > late => {
                panic!("{error}:\n{}", fs::read_to_string(home.join("log")).unwrap_or_default())
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
