//! What is seen of containers that are dead, sick or in doubt.

#![expect(clippy::disallowed_methods, reason = "starts docker and kill, to make what is looked at")]

use std::{
    fs,
    process::{Command, Output},
};

use docker_ops::{
    Identity, ProjectScope,
    autopsy::{Autopsy, MountSource, StartFault},
};
use libtest_mimic::Trial;

use crate::rig::{IMAGE, Rig};

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![
        rig.trial("autopsy: a kill through the engine is told from one that it did not see", killed),
        rig.trial("autopsy: memory that ran out", out_of_memory),
        rig.trial("autopsy: exit codes of ends and of starts that failed", codes),
        rig.trial("autopsy: a port that is taken, and who has it", port_taken),
        rig.trial("autopsy: cards that nobody hands over", no_cards),
        rig.trial("autopsy: a mount's source that went, and one that was replaced", mounts),
        rig.trial("autopsy: a probe that is broken, and a service that is", probes),
        rig.trial("autopsy: everything that inspect shows is looked at", exposed),
        rig.trial("autopsy: containers are found by project", found),
    ]
}

async fn autopsy(rig: &Rig, id: &str) -> Autopsy {
    rig.engine.autopsy(id, &rig.engine.machine().await.unwrap()).await.unwrap()
}

/// Waits for the end and looks.
async fn after_the_end(rig: &Rig, id: &str) -> Autopsy {
    rig.docker(&["wait", id]);
    autopsy(rig, id).await
}

/// What `docker run` says when it may fail; the container stays.
fn try_run(rig: &Rig, name: &str, options: &[&str], command: &[&str]) -> (String, Output) {
    let (name, label) = (format!("{}-{name}", rig.run), rig.label());
    let begin = ["run", "--detach", "--name", &name, "--label", &label];
    let done = Command::new("docker").args([&begin, options, &[IMAGE], command].concat()).output().unwrap();
    (name, done)
}

async fn killed(rig: &'static Rig) {
    let seen = rig.start("killed", &[], &["sleep", "600"]);
    rig.docker(&["kill", &seen]);
    let seen = after_the_end(rig, &seen).await;
    let unseen = rig.start("killed-unseen", &[], &["sleep", "600"]);
    let pid = rig.docker(&["inspect", "--format", "{{.State.Pid}}", &unseen]);
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    let unseen = after_the_end(rig, &unseen).await;
    for (autopsy, signals) in [(&seen, 1), (&unseen, 0)] {
        assert_eq!(
            (autopsy.state.status.as_str(), autopsy.state.exit_code, autopsy.state.oom_killed),
            ("exited", Some(137), false)
        );
        assert_eq!(autopsy.events.iter().filter(|event| event.name == "kill" && event.signal.is_some()).count(), signals);
        assert_eq!(autopsy.events.last().map(|event| (event.name.as_str(), event.exit_code)), Some(("die", Some(137))));
    }
}

async fn out_of_memory(rig: &'static Rig) {
    // The engine hears of want of memory a moment after the start only.
    let script = "until [ -e /go ]; do sleep 0.05; done; echo filling; tail /dev/zero";
    let id = rig.start("memory", &["--memory", "16m", "--memory-swap", "16m"], &["sh", "-c", script]);
    rig.docker(&["exec", &id, "touch", "/go"]);
    let dead = after_the_end(rig, &id).await;
    // Which of the processes the kernel took decides the code; the engine's word and event tell the cause.
    assert!(dead.state.oom_killed && dead.events.iter().any(|event| event.name == "oom"), "{dead:?}");
    assert_eq!((dead.memory.limit, dead.memory.usage), (Some(16 << 20), None));
    assert_eq!(dead.last_lines.first().map(|line| line.text.as_str()), Some("filling"));
}

async fn codes(rig: &'static Rig) {
    for (name, options, command, code, fault) in [
        ("absent", &[][..], &["no-such-program"][..], 127, Some("ProgramMissing")),
        ("folder", &[], &["/tmp"], 126, Some("ProgramRefused")),
        ("stranger", &["--user", "comfy"], &["true"], 128, Some("UserMissing")),
        ("shell-absent", &[], &["sh", "-c", "no-such-program"], 127, None),
        ("own", &[], &["sh", "-c", "exit 3"], 3, None),
    ] {
        let (name, _) = try_run(rig, name, options, command);
        rig.docker(&["wait", &name]);
        let dead = autopsy(rig, &name).await;
        let seen = dead.state.start_fault.map(|fault| format!("{fault:?}").split('(').next().unwrap().to_owned());
        assert_eq!((dead.state.exit_code, seen.as_deref()), (Some(code), fault), "{name}");
    }
    let stopped = rig.start("stopped", &["--init"], &["sleep", "600"]);
    rig.docker(&["stop", &stopped]);
    let stopped = autopsy(rig, &stopped).await;
    assert_eq!(stopped.state.exit_code, Some(143));
    assert!(stopped.events.iter().any(|event| event.name == "kill" && event.signal.as_deref() == Some("15")));
}

async fn port_taken(rig: &'static Rig) {
    let holder = rig.start("holder", &["--publish", "127.0.0.1::80"], &["sleep", "600"]);
    let port = rig.docker(&["port", &holder, "80"]);
    let number = port.rsplit(':').next().unwrap();
    let (name, done) = try_run(rig, "second", &["--publish", &format!("127.0.0.1:{number}:80")], &["sleep", "600"]);
    assert!(!done.status.success());
    let second = autopsy(rig, &name).await;
    assert!(matches!(second.state.start_fault, Some(StartFault::PortTaken(_))), "{second:?}");
    assert_eq!((second.state.status.as_str(), second.ports[0].bound.len()), ("created", 0));
    assert_eq!(second.ports[0].taken_by, Some(format!("{}-holder", rig.run)));
    let holder = autopsy(rig, &holder).await;
    assert_eq!((holder.ports[0].bound.as_slice(), &holder.ports[0].taken_by), (&[port][..], &None));
}

async fn no_cards(rig: &'static Rig) {
    if rig.engine.machine().await.unwrap().runtimes.iter().any(|name| name == "nvidia") {
        return; // there the cards are handed over
    }
    let (name, _) = try_run(rig, "cards", &["--gpus", "1"], &["true"]);
    let cards = autopsy(rig, &name).await;
    assert!(matches!(cards.state.start_fault, Some(StartFault::NoGpuDriver(_))), "{cards:?}");
    assert_eq!((cards.state.status.as_str(), cards.state.exit_code, cards.gpu.is_some()), ("created", Some(128), true));
}

async fn mounts(rig: &'static Rig) {
    assert!(rig.engine.machine().await.unwrap().is_here, "these tests run beside their engine");
    let host = tempfile::tempdir().unwrap();
    let (login, file) = (host.path().join("login"), host.path().join("token"));
    fs::create_dir(&login).unwrap();
    fs::write(&file, "old").unwrap();
    let bind = |path: &std::path::Path, target: &str| format!("type=bind,source={},target={target}", path.display());
    let (folder, single) = (bind(&login, "/login"), bind(&file, "/token"));
    let id = rig.start("mounts", &["--mount", &folder, "--mount", &single], &["sleep", "600"]);
    let stale = |autopsy: &Autopsy| -> Vec<Option<bool>> {
        let of = |target: &str| autopsy.mounts.iter().find(|mount| mount.target == target).unwrap().is_stale;
        vec![of("/login"), of("/token")]
    };
    assert_eq!(stale(&autopsy(rig, &id).await), [Some(false), Some(false)]);
    // As an editor, or `token-sync`, replaces a file: beside it, and renamed.
    for replaced in [&file, &login.join("PASSWORD")] {
        fs::write(host.path().join("new"), "new").unwrap();
        fs::rename(host.path().join("new"), replaced).unwrap();
    }
    let running = autopsy(rig, &id).await;
    assert_eq!(stale(&running), [Some(false), Some(true)], "the single file is the old one, the folder shows the new one");
    let root = Identity { uid: 0, gid: 0, groups: Vec::new(), overrides: true };
    assert_eq!(running.mounts[0].seen_by, Some(root.clone()));
    rig.docker(&["rm", "--force", &id]);
    let options = ["--mount", &folder, "--cap-drop", "ALL", "--user", "0", "--group-add", "4321"];
    let id = rig.start("mounts-dropped", &options, &["sleep", "600"]);
    let dropped = autopsy(rig, &id).await;
    let root = Identity { overrides: false, ..root };
    assert_eq!(dropped.user.as_ref(), Some(&root));
    let seen = Identity { groups: vec![4321], ..root };
    assert_eq!(dropped.mounts[0].seen_by, Some(seen), "the process and its description agree");
    rig.docker(&["rm", "--force", &id]);

    let (name, label) = (format!("{}-gone", rig.run), rig.label());
    rig.docker(&["create", "--name", &name, "--label", &label, "--mount", &folder, IMAGE, "true"]);
    fs::remove_dir_all(&login).unwrap();
    let started = Command::new("docker").args(["start", &name]).output().unwrap();
    assert!(!started.status.success());
    // The engine tells the caller why, and keeps nothing of it: only a look at the disk knows it later.
    let gone = autopsy(rig, &name).await;
    assert_eq!((gone.state.status.as_str(), &gone.state.start_fault), ("created", &None));
    assert_eq!(gone.mounts[0].now, Some(MountSource::Gone));
}

async fn probes(rig: &'static Rig) {
    let probed = |name: &str, probe: &str| {
        rig.start(name, &["--health-cmd", probe, "--health-interval", "200ms", "--health-retries", "2"], &["sleep", "600"])
    };
    for (id, is_broken) in
        [(probed("no-curl", "curl -f http://127.0.0.1:8188/"), true), (probed("sick", "echo 502; exit 1"), false)]
    {
        let health = loop {
            let health = rig.engine.glance(&id).await.unwrap().health.unwrap();
            if health.status == "unhealthy" {
                break health;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        assert!(health.failing >= 2 && health.probes.iter().all(|probe| probe.is_broken() == is_broken), "{health:?}");
    }
    let unprobed = rig.start("unprobed", &[], &["sleep", "600"]);
    assert_eq!(rig.engine.glance(&unprobed).await.unwrap().health, None);
}

async fn exposed(rig: &'static Rig) {
    let options = ["--env", "A=s3cret", "--label", "b=s3cret", "--health-cmd", "true s3cret", "--health-interval", "1h"];
    let id = rig.start("exposed", &options, &["sh", "-c", "sleep 600; : s3cret"]);
    let seen = autopsy(rig, &id).await;
    let places: Vec<_> = seen.exposed.iter().filter(|one| one.text.contains("s3cret")).map(|one| one.place.as_str()).collect();
    let wanted = ["the variable `A`", "the label `b`", "the command line", "the healthcheck", "the command"];
    assert_eq!(places, wanted, "{:?}", seen.exposed);
    assert!(seen.exposed.iter().any(|one| one.from_image), "the image's own variable is there too");
    let (engine, machine) = (seen.image, rig.engine.machine().await.unwrap());
    assert!(engine.is_present && engine.named_now.as_ref() == Some(&engine.id), "{engine:?}");
    assert_eq!((engine.os.as_deref(), engine.architecture), (Some(&*machine.os), Some(machine.architecture)));
}

async fn found(rig: &'static Rig) {
    let project = format!("com.docker.compose.project={}", rig.run);
    let labels = [
        "--label",
        &project,
        "--label",
        "com.docker.compose.oneoff=False",
        "--label",
        "com.docker.compose.service=comfyui",
        "--label",
        "com.docker.compose.project.working_dir=/project/a",
    ];
    let id = rig.start("of-project", &labels, &["true"]);
    let name = format!("{}-of-project", rig.run);
    let of = async |folder: Option<&str>| {
        let project = ProjectScope { folder: folder.map(Into::into), ..ProjectScope::named(&rig.run) };
        rig.engine.members(&project).await.unwrap().into_iter().map(|one| (one.id.to_string(), one.name)).collect::<Vec<_>>()
    };
    for folder in [None, Some("/project/a")] {
        assert_eq!(of(folder).await, [(id.clone(), name.clone())]);
    }
    assert_eq!(of(Some("/project/b")).await, [], "of the same name, in another folder");
    assert_eq!(autopsy(rig, &id).await.service.as_deref(), Some("comfyui"));
    let absent = rig.engine.autopsy("no-such-container", &Default::default()).await.unwrap_err();
    assert_eq!(absent.kind(), docker_ops::ErrorKind::NotFound);
}
