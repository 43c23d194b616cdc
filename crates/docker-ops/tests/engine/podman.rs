//! Podman, which speaks the engine's language and leaves words out.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use docker_ops::{Endpoint, Engine, Gpu, GpuProof, GpuTrouble, device_requests_json, gpu_facts, gpu_trouble, prove};
use libtest_mimic::{Completion, Trial};
use serde_json::json;

use crate::{
    private,
    rig::{self, IMAGE, Rig},
};

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    let name = "Podman drops a request for cards, and that is found out";
    if Command::new("podman").arg("--version").output().is_err() {
        return vec![Trial::ignorable_test(name, || Ok(Completion::ignored_with("podman is not installed")))];
    }
    vec![rig.trial(name, |_| dropped())]
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
        let service = command(&home, &["system", "service", "--time", "0", &format!("unix://{}/socket", home.path().display())])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Podman { home, service }
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

fn command(home: &tempfile::TempDir, args: &[&str]) -> Command {
    let mut command = Command::new("podman");
    command.arg("--root").arg(home.path().join("root")).arg("--runroot").arg(home.path().join("run"));
    command.args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"]).args(args);
    command
}

async fn dropped() {
    let podman = Podman::start();
    let engine = podman.engine().await;
    let image = podman.home.path().join("image.tar");
    rig::docker(&["save", "--output", &image.to_string_lossy(), IMAGE]);
    let loaded = command(&podman.home, &["load", "--quiet", "--input", &image.to_string_lossy()]).output().unwrap();
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));

    for asked in [Gpu::Count(1), Gpu::Cdi(vec!["nvidia.com/gpu=all".to_owned()])] {
        assert_eq!(gpu_trouble(&asked, &gpu_facts(&engine).await.unwrap(), None), Some(GpuTrouble::PodmanDropsRequests));
        let asks = json!({"Image": IMAGE, "Cmd": ["true"], "HostConfig": {"DeviceRequests": device_requests_json(&asked)}});
        let (status, made) = private::post(&podman.home.path().join("socket"), "/containers/create", &asks);
        assert_eq!(status, 201, "{made}");
        assert_eq!(prove(&engine, made["Id"].as_str().unwrap(), &asked).await.unwrap(), GpuProof::Dropped);
    }
}
