//! `up`: from nothing to a guarded server; and what it does to what is there already.

use docker_ops::{ContainerState, ErrorKind, Image, Mount, MountRole, Plan, Readiness, Step, Wish};
use libtest_mimic::Trial;

use crate::{
    project::{Project, free_port, token},
    rig::Rig,
};

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![
        rig.trial("up: from nothing to healthy, closed without and open with the token", from_nothing),
        rig.trial("up: what differs is made anew, and nothing else", drift),
        rig.trial("up, down: what lies in a nameless volume comes along, and goes if that is said", nameless_volume),
        rig.trial("up: a container whose network was removed while it was stopped is made anew", without_network),
        rig.trial("up: a stopped, a halted and a never started container run again", not_running),
        rig.trial("up: a successor that does not start leaves the old one running", rolled_back),
        rig.trial("up: a successor that ends at once leaves the old one running", crashed),
        rig.trial("up, down: what Compose would have made is left alone", foreign),
        rig.trial("up: at each start nothing compiled lies beside the plugin's files", compiled),
        rig.trial("up: no token in what the engine tells of the container", no_token_in_inspect),
        rig.trial("down: all of the project goes, and the second finds nothing", down),
        rig.trial("restart: the same container, started again", restart),
    ]
}

async fn from_nothing(rig: &'static Rig) {
    let project = Project::new(rig, "new").await;
    let done = project.up().await.unwrap();
    assert!(matches!(done.steps[..], [Step::CreateNetwork { .. }, Step::Create { .. }]), "{:?}", done.steps);
    assert_eq!(project.wait().await, Readiness::Healthy);
    assert_eq!(project.status(None), 401);
    assert_eq!(project.status(Some(&token())), 200);
    let before = project.container().await;
    assert_eq!(before.drift, [], "an engine fills in fields: each is known");
    assert_eq!(project.up().await.unwrap(), Plan::default(), "the second changes nothing");
    let after = project.container().await;
    assert_eq!((before.id, before.started_at), (after.id, after.started_at));
}

async fn drift(rig: &'static Rig) {
    let mut project = Project::new(rig, "drift").await;
    let workspace = project.path().join("workspace");
    std::fs::create_dir(&workspace).unwrap();
    let service = project.service();
    // Everything that can be said at once, so that what an engine makes of it is compared.
    service.environment.insert("MODE".into(), "fast".into());
    service.flags = vec!["--step-time".into(), "1".into()];
    service.limits.memory = Some(256 << 20);
    service.limits.shm = Some(32 << 20);
    service.limits.milli_cpus = Some(1500);
    service.limits.pids = Some(200);
    service.capabilities = vec!["CHOWN".into(), "NET_BIND_SERVICE".into()];
    service.user = Some("0:0".into());
    service.read_only_root = true;
    service.mounts.insert(0, Mount { role: MountRole::Workspace, source: workspace, target: "/comfy".into(), read_only: false });
    service.restart = docker_ops::Restart::OnFailure(Some(3));
    project.up().await.unwrap();
    assert_eq!(project.wait().await, Readiness::Healthy);
    let before = project.container().await;
    assert_eq!(before.drift, []);
    project.service().limits.memory = Some(128 << 20);
    let seen = rig.engine.observe(&project.spec).await.unwrap();
    let fields: Vec<_> = seen.of("ui").unwrap().drift.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["memory", "memory and swap"]);
    let done = project.up().await.unwrap();
    assert!(matches!(done.steps[..], [Step::Replace { .. }]), "{:?}", done.steps);
    let after = project.container().await;
    assert_eq!((after.drift, after.state, project.count()), (vec![], ContainerState::Running, 1));
    assert_ne!(before.id, after.id);
    assert_eq!(rig.docker(&["inspect", "--format", "{{.HostConfig.Memory}}", &project.name()]), (128 << 20).to_string());
}

async fn nameless_volume(rig: &'static Rig) {
    let mut project = Project::new(rig, "volume").await;
    let Image::Named { reference, .. } = &mut project.service().image else { unreachable!("the stand-in has a name") };
    let tag = format!("genai-ops-test:volume-{}", rig.run);
    let base = rig.docker(&["create", "--label", &rig.label(), reference]);
    rig.docker(&["commit", "--change", "VOLUME /data /old /comfy/login", &base, &tag]);
    tag.clone_into(reference);
    project.up().await.unwrap();
    let volumes = || {
        let each = "{{range .Mounts}}{{if eq .Type \"volume\"}}{{.Destination}} {{.Name}}\n{{end}}{{end}}";
        let mut volumes: Vec<_> =
            rig.docker(&["inspect", "--format", each, &project.name()]).lines().map(str::to_owned).collect();
        volumes.sort();
        volumes
    };
    let before = volumes();
    assert_eq!(before.len(), 2, "{before:?}");
    rig.docker(&["exec", &project.name(), "sh", "-c", "echo kept > /data/file"]);
    for memory in [64, 65] {
        let mut spec = project.spec.clone();
        spec.services.get_mut("ui").unwrap().limits.memory = Some(memory << 20);
        let done = rig.engine.bring_up(&spec, &Wish::default(), &|_| Ok(())).await.unwrap();
        assert!(matches!(done.steps[..], [Step::Replace { .. }]), "{:?}", done.steps);
        assert_eq!(rig.docker(&["exec", &project.name(), "cat", "/data/file"]), "kept");
        assert_eq!(volumes(), before);
        assert_eq!(rig.engine.observe(&spec).await.unwrap().of("ui").unwrap().drift, []);
    }
    let seen = rig.engine.observe(&project.spec).await.unwrap();
    let plan = Plan::down(&project.spec, &seen, &Wish { volumes: true, ..Wish::default() }).unwrap();
    rig.engine.apply(&project.spec, &plan, &|_| Ok(())).await.unwrap();
    let left = rig.docker(&["volume", "ls", "--quiet"]);
    assert!(before.iter().all(|volume| !left.contains(volume.split_once(' ').unwrap().1)), "{left}");
    rig.docker(&["rm", &base]);
    rig.docker(&["rmi", &tag]);
}

async fn without_network(rig: &'static Rig) {
    let project = Project::new(rig, "prune").await;
    project.up().await.unwrap();
    let before = project.container().await;
    rig.docker(&["stop", &project.name()]);
    assert_eq!(project.container().await.drift, [], "the network is there");
    rig.docker(&["network", "rm", &project.spec.network()]);
    let done = project.up().await.unwrap();
    assert!(matches!(done.steps[..], [Step::CreateNetwork { .. }, Step::Replace { .. }]), "{:?}", done.steps);
    assert_eq!((project.wait().await, project.status(None), project.count()), (Readiness::Healthy, 401, 1));
    let after = project.container().await;
    assert_ne!(before.id, after.id);
    assert_eq!((after.drift, project.up().await.unwrap()), (vec![], Plan::default()));
}

async fn not_running(rig: &'static Rig) {
    let project = Project::new(rig, "halted").await;
    project.up().await.unwrap();
    let id = project.container().await.id;
    for (command, state) in [("stop", ContainerState::Exited), ("pause", ContainerState::Paused)] {
        rig.docker(&[command, &project.name()]);
        assert_eq!(project.container().await.state, state);
        assert_eq!(project.up().await.unwrap().steps.len(), 1);
        let after = project.container().await;
        assert_eq!((after.state, &after.id), (ContainerState::Running, &id));
    }
}

async fn rolled_back(rig: &'static Rig) {
    let mut project = Project::new(rig, "back").await;
    project.up().await.unwrap();
    project.wait().await;
    let before = project.container().await;
    let (old, taken) = (project.port(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    project.service().ports[0].host_port = taken.local_addr().unwrap().port();
    let error = project.up().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse, "{error}");
    assert!(error.hints().iter().any(|hint| hint.contains("runs again")), "{:?}", error.hints());
    let after = project.container().await;
    assert_eq!((after.id, after.state, project.count()), (before.id, ContainerState::Running, 1));
    project.service().ports[0].host_port = old;
    assert_eq!(project.wait().await, Readiness::Healthy);
    assert_eq!(project.status(None), 401);
    project.service().ports[0].host_port = free_port();
    project.up().await.unwrap();
    assert_eq!((project.wait().await, project.status(None)), (Readiness::Healthy, 401), "and then it goes on");
}

async fn crashed(rig: &'static Rig) {
    let mut project = Project::new(rig, "crashed").await;
    project.up().await.unwrap();
    project.wait().await;
    let before = project.container().await;
    project.service().flags = vec!["--no-such-flag".into()];
    let error = project.up().await.unwrap_err();
    assert!(error.to_string().contains("ended at once with exit code 2"), "{error}");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("--no-such-flag"), "{error:?}");
    assert!(error.hints().iter().any(|hint| hint.contains("runs again")), "{:?}", error.hints());
    let after = project.container().await;
    assert_eq!((after.id, after.state, project.count()), (before.id, ContainerState::Running, 1));
}

async fn foreign(rig: &'static Rig) {
    let project = Project::new(rig, "foreign").await;
    let folder = project.path().display();
    let labels = [("project", project.spec.project.clone()), ("project.working_dir", folder.to_string())].into_iter().chain([
        ("service", "ui".to_owned()),
        ("oneoff", "False".to_owned()),
        ("config-hash", "0a1b2c".to_owned()),
    ]);
    let labels: Vec<_> = labels.map(|(key, value)| format!("--label=com.docker.compose.{key}={value}")).collect();
    let own = format!("--label={}", rig.label());
    let name = format!("{}-db-1", project.spec.project);
    let options: Vec<&str> = labels.iter().map(String::as_str).collect();
    rig.docker(&[&["create", "--name", &name, &own], &options[..], &[crate::rig::IMAGE, "sleep", "60"]].concat());
    let error = project.up().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains(&name) && error.hints()[0].contains("docker compose down"), "{error}");
    assert_eq!(project.down().await, Plan::default());
    assert_eq!(project.count(), 1);
    rig.docker(&["rm", &name]);
}

async fn compiled(rig: &'static Rig) {
    let mut project = Project::new(rig, "compiled").await;
    let (nodes, target) = (project.path().join("custom_nodes"), "/comfy/custom_nodes");
    let planted = nodes.join("ComfyUI-Login/__pycache__/password.cpython-312.pyc");
    std::fs::create_dir_all(planted.parent().unwrap()).unwrap();
    std::fs::write(&planted, "planted").unwrap();
    let role = MountRole::CustomNodes;
    project.service().mounts.push(Mount { role, source: nodes, target: target.into(), read_only: false });
    project.up().await.unwrap();
    assert_eq!(project.container().await.drift, []);
    let look = format!("cd {target}/ComfyUI-Login/__pycache__ && echo * && echo planted > by-the-server.pyc");
    for _ in 0..2 {
        assert_eq!(rig.docker(&["exec", &project.name(), "sh", "-c", &look]), "*");
        // As the engine itself starts it again.
        rig.docker(&["restart", &project.name()]);
    }
    let there: Vec<_> = std::fs::read_dir(planted.parent().unwrap()).unwrap().map(|one| one.unwrap().path()).collect();
    assert_eq!(there, [planted], "the host's folder is as it was");
}

async fn no_token_in_inspect(rig: &'static Rig) {
    let project = Project::new(rig, "inspect").await;
    project.up().await.unwrap();
    let told = rig.docker(&["inspect", &project.name(), &project.spec.network()]);
    assert!(told.contains("/comfy/login") && !told.contains("stand1in"), "{told}");
}

async fn down(rig: &'static Rig) {
    let project = Project::new(rig, "down").await;
    project.up().await.unwrap();
    assert_eq!(project.down().await.steps.len(), 2);
    assert_eq!(project.count(), 0);
    assert_eq!(project.down().await, Plan::default());
    assert!(project.path().join("login/PASSWORD").exists());
}

async fn restart(rig: &'static Rig) {
    let project = Project::new(rig, "again").await;
    project.up().await.unwrap();
    let before = project.container().await;
    let seen = rig.engine.observe(&project.spec).await.unwrap();
    let plan = Plan::restart(&project.spec, &seen, &Wish::default()).unwrap();
    rig.engine.apply(&project.spec, &plan, &|_| Ok(())).await.unwrap();
    let after = project.container().await;
    assert_eq!(before.id, after.id);
    assert_ne!(before.started_at, after.started_at);
    assert_eq!(project.wait().await, Readiness::Healthy);
}
