//! Podman, which speaks the engine's language and leaves words out.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use docker_ops::{
    Endpoint, Engine, ExecCommand, ExecEnd, Gpu, GpuProof, GpuTrouble, NotStarted, device_requests_json, gpu_facts, gpu_trouble,
    prove,
};
use libtest_mimic::{Completion, Trial};
use serde_json::{Value, json};

use crate::{
    exec::{command, run_on},
    private,
    rig::{self, IMAGE, Rig},
};

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    let names =
        ["Podman drops a request for cards, and that is found out", "Podman forgets a command that ended, and its end is known"];
    let is_demanded = rig::variable("CI").as_deref() == Some("true");
    if !is_demanded && Command::new("podman").arg("--version").output().is_err() {
        let ignored = |name| Trial::ignorable_test(name, || Ok(Completion::ignored_with("podman is not installed")));
        return names.map(ignored).into();
    }
    vec![rig.trial(names[0], |_| dropped()), rig.trial(names[1], |_| ended())]
}

/// Podman's service on a socket and a store of its own; ended when it goes out of scope.
struct Podman {
    home: tempfile::TempDir,
    service: Child,
}

impl Drop for Podman {
    fn drop(&mut self) {
        drop(self.service.kill());
        drop(self.service.wait());
    }
}

impl Podman {
    fn start() -> Podman {
        let home = tempfile::tempdir().unwrap();
        let image = home.path().join("image.tar");
        rig::docker(&["save", "--output", &image.to_string_lossy(), IMAGE]);
        let loaded = Command::new("podman").args(flags(&home)).args(["load", "--quiet", "--input"]).arg(image).output();
        let loaded = loaded.expect("Podman is installed");
        assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
        // What watches over its commands would stay for minutes: all of it ends with the service.
        let service = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "podman"])
            .args(flags(&home))
            .args(["system", "service", "--time", "0", &format!("unix://{}/socket", home.path().display())])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Podman { home, service }
    }

    /// Makes a container; its id.
    fn make(&self, asks: &Value) -> String {
        let (status, made) = self.post("/containers/create", asks);
        assert_eq!(status, 201, "{made}");
        made["Id"].as_str().unwrap().to_owned()
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        private::post(&self.home.path().join("socket"), path, body)
    }

    async fn engine(&self) -> Engine {
        let late = Instant::now() + Duration::from_secs(30);
        loop {
            match Engine::connect(&Endpoint::Unix(self.home.path().join("socket"))).await {
                Ok(engine) => return engine,
                Err(error) => assert!(Instant::now() < late, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn flags(home: &tempfile::TempDir) -> Vec<String> {
    let at = |name: &str| home.path().join(name).display().to_string();
    let (root, run) = (at("root"), at("run"));
    ["--root", &root, "--runroot", &run, "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"].map(str::to_owned).into()
}

async fn dropped() {
    let podman = Podman::start();
    let engine = podman.engine().await;
    for asked in [Gpu::Count(1), Gpu::Cdi(vec!["nvidia.com/gpu=all".to_owned()])] {
        assert_eq!(gpu_trouble(&asked, &gpu_facts(&engine).await.unwrap(), None), Some(GpuTrouble::PodmanDropsRequests));
        let asks = json!({"Image": IMAGE, "Cmd": ["true"], "HostConfig": {"DeviceRequests": device_requests_json(&asked)}});
        assert_eq!(prove(&engine, &podman.make(&asks), &asked).await.unwrap(), GpuProof::Dropped);
    }
}

async fn ended() {
    let podman = Podman::start();
    let engine = podman.engine().await;
    // Its own limits may be higher than those of this machine.
    let limits = ["nofile", "nproc"].map(|name| json!({"Name": name, "Soft": 1024, "Hard": 1024}));
    let host = json!({"NetworkMode": "none", "Ulimits": limits});
    let id = podman.make(&json!({"Image": IMAGE, "Cmd": ["sleep", "600"], "HostConfig": host}));
    let (status, said) = podman.post(&format!("/containers/{id}/start"), &json!({}));
    assert_eq!(status, 204, "{said}");
    for (script, code, written) in [
        ("true", 0, ""),
        ("echo hi; exit 3", 3, "hi\n"),
        ("kill -9 $$", 137, ""),
        ("printf 'Error: runc: x'; exit 1", 1, "Error: runc: x"),
    ] {
        let (end, out, _) = run_on(&engine, &id, &command(&["sh", "-c", script]), None).await;
        assert_eq!((end, String::from_utf8(out).unwrap().as_str()), (ExecEnd::Exited(code), written), "{script}");
    }
    let piped = run_on(&engine, &id, &command(&["cat"]), Some(Box::pin(&b"whole"[..]))).await;
    assert_eq!((piped.0, &piped.1[..]), (ExecEnd::Exited(0), &b"whole"[..]));
    let as_nobody = ExecCommand { user: Some("nobody-of-that-name".to_owned()), ..command(&["true"]) };
    let nowhere = ExecCommand { workdir: Some("/nope".to_owned()), ..command(&["true"]) };
    for (command, expected) in [
        (command(&["nope"]), NotStarted::NotFound),
        (command(&["/tmp"]), NotStarted::NotExecutable),
        (as_nobody, NotStarted::UnknownUser),
        (nowhere, NotStarted::UnknownFolder),
    ] {
        let (end, out, err) = run_on(&engine, &id, &command, None).await;
        assert!(matches!(&end, ExecEnd::NotStarted { why, .. } if *why == expected), "{command:?}: {end:?}");
        assert_eq!((out.len(), err.len()), (0, 0));
    }
}
