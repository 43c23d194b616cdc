//! What Docker Compose itself makes of a project that we brought up.

use std::process::Command;

use docker_ops::{Readiness, render};
use libtest_mimic::Trial;

use crate::{
    project::{Project, SERVICE},
    rig::Rig,
};

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    // The older one must be there; the newer one is asked where it is.
    let newer = Command::new("docker").args(["compose", "version"]).output().is_ok_and(|done| done.status.success());
    let with = |name: &'static str, program: &'static [&'static str]| {
        rig.trial(&format!("{name} lists, reads and removes what we brought up"), move |rig| recognised(rig, program))
    };
    let mut trials = vec![with("docker-compose", &["docker-compose"])];
    if newer {
        trials.push(with("docker compose", &["docker", "compose"]));
    }
    trials
}

async fn recognised(rig: &'static Rig, program: &'static [&'static str]) {
    let project = Project::new(rig, program.join("-").as_str()).await;
    std::fs::write(project.path().join("compose.yaml"), render::compose(&project.spec)).unwrap();
    std::fs::copy(project.path().join("compose.yaml"), project.path().join("docker-compose.yml")).unwrap();
    project.up().await.unwrap();
    assert_eq!(project.wait().await, Readiness::Healthy);
    let compose = |args: &[&str]| {
        let done = Command::new(program[0])
            .args(&program[1..])
            .args(["--project-name", &project.spec.project])
            .args(args)
            .current_dir(project.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{args:?}: {text}");
        text
    };
    let listed = compose(&["ps"]);
    assert!(listed.contains(&project.name()) && listed.contains("healthy"), "{listed}");
    let image = rig.docker(&["ps", "--filter", &format!("name={}", project.name()), "--format", "{{.Image}}"]);
    assert_eq!(image, project.spec.services[SERVICE].image.reference(), "not the digits of its id");
    let logs = compose(&["logs"]);
    assert!(logs.contains("The embedded ComfyUI answers"), "{logs}");
    assert!(compose(&["top"]).contains("genai-comfy"));
    compose(&["down"]);
    assert_eq!(project.count(), 0);
    let networks = rig.docker(&["network", "ls", "--quiet", "--filter", &format!("name={}", project.spec.network())]);
    assert_eq!(networks, "");
}
