//! A stack on a Swarm of one machine that offers two cards, and off again.

use std::{collections::BTreeSet, time::Duration};

use docker_ops::{
    ErrorKind, Gpu, Image, Mount, MountRole, Probe, PullPolicy, ServiceSpec, StackSpec, render,
    swarm::{Change, Desired, Event, PasswordFile, Passwords, Plan, Status, observe, plan, remove, roll_out},
};
use libtest_mimic::Trial;

use crate::{
    private::Private,
    rig::{IMAGE, Rig},
};

const CARDS: [&str; 2] = ["GPU-5f3a1c2e-0000-4000-8000-00000000000a", "GPU-5f3a1c2e-0000-4000-8000-00000000000b"];
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![rig.trial("a Swarm runs one replica a card, changes its PASSWORD by version, and is left again", |_| journey())]
}

/// One replica a card, which reads its PASSWORD and says its card.
fn stack() -> StackSpec {
    let image = Image::Named { reference: IMAGE.to_owned(), pull: PullPolicy::Missing };
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let mut service = ServiceSpec::new(image);
    service.command = words(&["/bin/sh", "-c", "while :; do sleep 0.2; done"]);
    service.user = Some("1000:1000".to_owned());
    service.gpu = Gpu::Ids(words(&CARDS));
    service.environment = [("ZETA".to_owned(), "$HOME".to_owned()), ("ALPHA".to_owned(), "2".to_owned())].into();
    service.health.probe = Probe::Command(words(&["/bin/test", "-r", "/comfyui/login/PASSWORD"]));
    service.health.interval = Duration::from_millis(300);
    service.limits.memory = Some(64 << 20);
    service.limits.shm = Some(16 << 20);
    service.limits.milli_cpus = Some(500);
    service.limits.pids = Some(64);
    service.capabilities = words(&["CHOWN"]);
    service.read_only_root = true;
    service.stop_grace = Duration::from_secs(5);
    service.labels = [("team".to_owned(), "art".to_owned())].into();
    let login = Mount {
        role: MountRole::Login,
        source: "/p/comfyui/login".into(),
        target: "/comfyui/login".to_owned(),
        read_only: false,
    };
    service.mounts = vec![login];
    StackSpec { project: "fleet".to_owned(), working_dir: "/p/fleet".into(), services: [("comfyui".to_owned(), service)].into() }
}

fn password(first: &str) -> Passwords {
    [("comfyui".to_owned(), PasswordFile::new(format!("{first}\nartist\n").into_bytes()).unwrap())].into()
}

async fn planned(private: &Private, stack: &StackSpec, passwords: &Passwords) -> Plan {
    let desired = Desired::new(stack, passwords, private.engine.negotiated().used).unwrap();
    plan(desired, observe(&private.engine, &stack.project, &stack.network()).await.unwrap()).unwrap()
}

async fn rolled_out(private: &Private, plan: Plan) -> (Status, Vec<Event>) {
    let mut events = Vec::new();
    let status = roll_out(&private.engine, plan, PATIENCE, &mut |event| events.push(event)).await.unwrap();
    assert!(status.converged(), "{status:#?} {events:#?}");
    (status, events)
}

/// Of every replica: its card, and its PASSWORD.
fn inside(private: &Private, status: &Status) -> BTreeSet<(String, String)> {
    let containers = status.services[0].tasks.iter().filter(|task| task.meant).map(|task| task.container.as_deref().unwrap());
    let exec = |id: &str, script: &str| private.docker(&["exec", id, "/bin/sh", "-c", script]);
    containers.map(|id| (exec(id, "echo $DOCKER_RESOURCE_GPU"), exec(id, "cat /comfyui/login/PASSWORD"))).collect()
}

fn each_its_own(password: &str) -> BTreeSet<(String, String)> {
    CARDS.map(|card| (card.to_owned(), format!("{password}\nartist"))).into()
}

async fn journey() {
    let offered = CARDS.map(|card| format!("GPU={card}"));
    let private = Private::start(&["--node-generic-resource", &offered[0], "--node-generic-resource", &offered[1]]).await;
    let (stack, first) = (stack(), password("first"));
    let absent = observe(&private.engine, "fleet", "fleet_default").await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NoSwarm);
    assert!(absent.hints()[0].contains("docker swarm init --advertise-addr 127.0.0.1"), "{:?}", absent.hints());
    private.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);

    foreign(&private, &stack, &first).await;
    let secret = up(&private, &stack, &first).await;
    rotated(&private, &stack, &secret).await;
    no_card_left(&private).await;
    open(&private).await;
    drawn(&private, &stack, &first).await;

    private.docker(&["swarm", "leave", "--force"]);
    assert_eq!(private.docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]), "inactive");
    assert_eq!(private.docker(&["ps", "--all", "--quiet"]), "");
}

/// What another made is no part of a plan, whatever it is called.
async fn foreign(private: &Private, stack: &StackSpec, passwords: &Passwords) {
    let label = format!("com.docker.stack.namespace={}", stack.project);
    private.docker(&[
        "service",
        "create",
        "--quiet",
        "--detach",
        "--name",
        "fleet_comfyui",
        "--label",
        &label,
        IMAGE,
        "sleep",
        "99",
    ]);
    let observed = observe(&private.engine, &stack.project, &stack.network()).await.unwrap();
    let desired = Desired::new(stack, passwords, private.engine.negotiated().used).unwrap();
    assert_eq!(plan(desired, observed).unwrap_err().kind(), ErrorKind::Conflict);
    remove(&private.engine, &stack.project, &stack.network(), Duration::ZERO, &mut |_| {}).await.unwrap();
    assert_eq!(private.docker(&["service", "ls", "--format", "{{.Name}}"]), "fleet_comfyui");
    private.docker(&["service", "rm", "fleet_comfyui"]);
}

async fn up(private: &Private, stack: &StackSpec, passwords: &Passwords) -> String {
    let changes = planned(private, stack, passwords).await;
    let secret = format!("fleet_comfyui-password-{}", passwords["comfyui"].version());
    let expected = [
        Change::CreateNetwork("fleet_default".to_owned()),
        Change::CreateSecret(secret.clone()),
        Change::CreateService { name: "fleet_comfyui".to_owned(), replicas: 2 },
    ];
    assert_eq!(changes.changes(), expected);
    let (status, _) = rolled_out(private, changes).await;
    assert_eq!(inside(private, &status), each_its_own("first"));
    let given: BTreeSet<&str> =
        status.services[0].tasks.iter().filter(|task| task.meant).map(|task| task.cards[0].as_str()).collect();
    assert_eq!(given, CARDS.into());
    let id = status.services[0].tasks[0].container.as_deref().unwrap();
    assert_eq!(
        private.docker(&["inspect", "--format", "{{json .HostConfig.DeviceRequests}} {{.HostConfig.ReadonlyRootfs}}", id]),
        "null true"
    );
    assert!(!private.docker(&["inspect", id]).contains("first"), "the PASSWORD is in no inspection");

    assert_eq!(private.docker(&["stack", "ls", "--format", "{{.Name}} {{.Services}}"]), "fleet 1");
    assert_eq!(private.docker(&["stack", "services", "fleet", "--format", "{{.Name}} {{.Replicas}}"]), "fleet_comfyui 2/2");
    assert_eq!(planned(private, stack, passwords).await.changes(), [], "all is as the stack says");
    secret
}

async fn rotated(private: &Private, stack: &StackSpec, old: &str) {
    let second = password("second");
    let changes = planned(private, stack, &second).await;
    let new = format!("fleet_comfyui-password-{}", second["comfyui"].version());
    let parts = vec!["TaskTemplate.ContainerSpec.Secrets".to_owned()];
    let expected = [
        Change::CreateSecret(new.clone()),
        Change::UpdateService { name: "fleet_comfyui".to_owned(), parts },
        Change::RemoveSecret(old.to_owned()),
    ];
    assert_eq!(changes.changes(), expected);
    let (status, events) = rolled_out(private, changes).await;
    assert_eq!(inside(private, &status), each_its_own("second"));
    assert_eq!(events.last(), Some(&Event::Done(Change::RemoveSecret(old.to_owned()))), "after the roll-out");
    assert_eq!(private.docker(&["secret", "ls", "--format", "{{.Name}}"]), new);

    private.docker(&["service", "update", "--quiet", "--detach", "--env-add", "LEFT=1", "fleet_comfyui"]);
    let parts = vec!["TaskTemplate.ContainerSpec.Env".to_owned()];
    let drift = planned(private, stack, &second).await;
    assert_eq!(drift.changes(), [Change::UpdateService { name: "fleet_comfyui".to_owned(), parts }]);
    rolled_out(private, drift).await;
}

/// A third replica waits, and says why.
async fn no_card_left(private: &Private) {
    let mut stack = stack();
    let service = stack.services.get_mut("comfyui").unwrap();
    (service.gpu, service.replicas) = (Gpu::Count(1), 3);
    let changes = planned(private, &stack, &password("second")).await;
    let mut troubles = Vec::new();
    let mut sink = |event| {
        if let Event::Trouble { error, .. } = event {
            troubles.push(error);
        }
    };
    let status = roll_out(&private.engine, changes, Duration::from_secs(10), &mut sink).await.unwrap();
    assert_eq!((status.converged(), status.services[0].running, status.services[0].wanted), (false, 2, 3));
    assert_eq!(troubles, ["no suitable node (insufficient resources on 1 node)"]);
}

/// What lets everybody in is not waited for until its failures count, and not started again.
async fn open(private: &Private) {
    let mut stack = stack();
    let sees_open = ["/bin/sh", "-c", "echo 200 nothing guards the server; exit 1"];
    stack.services.get_mut("comfyui").unwrap().health.probe = Probe::Command(sees_open.map(str::to_owned).into());
    let second = password("second");
    let mut halted = Vec::new();
    let mut sink = |event| {
        if let Event::Halted(name) = event {
            halted.push(name);
        }
    };
    let changes = planned(private, &stack, &second).await;
    let status = roll_out(&private.engine, changes, PATIENCE, &mut sink).await.unwrap();
    assert!(status.open() && !status.converged(), "{status:?}");
    assert_eq!(halted, ["fleet_comfyui"]);
    assert_eq!(private.docker(&["service", "inspect", "--format", "{{.Spec.Mode.Replicated.Replicas}}", "fleet_comfyui"]), "0");
    let back = planned(private, &stack, &second).await;
    let parts = vec!["Mode.Replicated.Replicas".to_owned()];
    assert_eq!(back.changes(), [Change::UpdateService { name: "fleet_comfyui".to_owned(), parts }]);
}

/// The stack file means the same as what is applied: after Docker's own `stack deploy` of it nothing is left to change.
async fn drawn(private: &Private, stack: &StackSpec, passwords: &Passwords) {
    let mut done = Vec::new();
    remove(&private.engine, "fleet", "fleet_default", PATIENCE, &mut |event| done.push(event)).await.unwrap();
    assert!(done.iter().all(|event| matches!(event, Event::Done(_))) && done.len() == 3, "{done:?}");
    remove(&private.engine, "fleet", "fleet_default", PATIENCE, &mut |event| panic!("nothing is left: {event:?}")).await.unwrap();
    for list in ["service", "secret"] {
        assert_eq!(private.docker(&[list, "ls", "--quiet"]), "");
    }

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let file = render::swarm(stack, passwords).unwrap();
    let create = file.lines().find_map(|line| line.strip_prefix("#   docker ")).expect("how the secret is made");
    let words: Vec<&str> = create.split(' ').collect();
    let source = write("PASSWORD", "first\nartist\n");
    private.docker(&[&words[..words.len() - 1], &[source.as_str()]].concat());
    let path = write("stack.yaml", &file);
    private.docker(&["stack", "deploy", "--compose-file", &path, "fleet"]);
    assert_eq!(planned(private, stack, passwords).await.changes(), []);
    let (status, _) = rolled_out(private, planned(private, stack, passwords).await).await;
    assert_eq!(inside(private, &status), each_its_own("first"));
    assert_eq!(status, docker_ops::swarm::status(&private.engine, "fleet").await.unwrap());
    remove(&private.engine, "fleet", "fleet_default", PATIENCE, &mut |_| {}).await.unwrap();
    assert_eq!(private.docker(&["network", "ls", "--quiet", "--filter", "label=com.docker.stack.namespace=fleet"]), "");
}
