//! What keeps a project from coming up, and that nobody else's things are touched.

use docker_ops::{ErrorKind, Image, Mount, MountRole, PullPolicy, Readiness};
use libtest_mimic::Trial;

use crate::{
    project::Project,
    rig::{IMAGE, Rig},
};

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![
        rig.trial("up: somebody else's container of that name is refused and not touched", stranger),
        rig.trial("up: a project of the same name in another folder is refused and not touched", namesake),
        rig.trial("up: a port that is taken is told, and the next up goes on", port_taken),
        rig.trial("up: an image that is not there, and can't be had", no_image),
        rig.trial("up: a folder that is not there is not made", no_folder),
        rig.trial("up: a server that ends is told with its code and its last lines", ended),
        rig.trial("up: a server that is not well is told with what its probe said", unhealthy),
    ]
}

async fn stranger(rig: &'static Rig) {
    let project = Project::new(rig, "taken").await;
    let label = rig.label();
    let id = rig.docker(&["run", "--detach", "--name", &project.name(), "--label", &label, IMAGE, "sleep", "600"]);
    let error = project.up().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().ends_with("is in the way: it carries no label of a project"), "{error}");
    project.down().await;
    assert_eq!(rig.docker(&["inspect", "--format", "{{.Id}} {{.State.Running}}", &project.name()]), format!("{id} true"));
    rig.docker(&["rm", "--force", &id]);
}

async fn namesake(rig: &'static Rig) {
    let project = Project::new(rig, "twin").await;
    project.up().await.unwrap();
    let before = project.container().await;
    let mut twin = Project::new(rig, "twin").await;
    let error = twin.up().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(twin.down().await.steps.len(), 0, "not even the network");
    assert_eq!(project.container().await.id, before.id);
    twin.spec.project += "-of-none"; // so that its end removes nothing of the other's
}

async fn port_taken(rig: &'static Rig) {
    let mut project = Project::new(rig, "port").await;
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    project.service().ports[0].host_port = holder.local_addr().unwrap().port();
    let error = project.up().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse, "{error}");
    assert!(error.hints()[0].contains("another program listens on that port"), "{:?}", error.hints());
    drop(holder);
    assert_eq!(project.up().await.unwrap().steps.len(), 1, "it is only started");
    assert_eq!(project.wait().await, Readiness::Healthy);
}

async fn no_image(rig: &'static Rig) {
    let mut project = Project::new(rig, "image").await;
    for (pull, kind) in [(PullPolicy::Never, ErrorKind::NotFound), (PullPolicy::Missing, ErrorKind::Server)] {
        project.service().image = Image::Named { reference: "127.0.0.1:1/genai-ops/absent:1".into(), pull };
        let error = project.up().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains("absent:1"), "{error}");
    }
    assert_eq!(project.count(), 0);
}

async fn no_folder(rig: &'static Rig) {
    let mut project = Project::new(rig, "folder").await;
    let source = project.path().join("models");
    let mount = Mount { role: MountRole::Models, source: source.clone(), target: "/comfy/models".into(), read_only: true };
    project.service().mounts.push(mount);
    let error = project.up().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest, "{error}");
    assert!(!source.exists(), "an engine would make it for root");
}

async fn ended(rig: &'static Rig) {
    let mut project = Project::new(rig, "ends").await;
    project.service().flags = vec!["--no-such-flag".into()];
    project.up().await.unwrap();
    let Readiness::Ended(exit) = project.wait().await else { panic!("it can't have become well") };
    assert_eq!((exit.code, exit.out_of_memory), (2, false));
    let lines = rig.engine.last_lines(&project.name(), 20).await.unwrap();
    assert!(lines.iter().any(|line| line.contains("--no-such-flag")), "{lines:?}");
}

async fn unhealthy(rig: &'static Rig) {
    let mut project = Project::new(rig, "sick").await;
    std::fs::remove_file(project.path().join("login/PASSWORD")).unwrap();
    let probe = "echo nothing guards it; exit 1";
    project.service().health.probe = docker_ops::Probe::Command(["/bin/sh", "-c", probe].map(str::to_owned).into());
    project.service().health.start_period = std::time::Duration::ZERO;
    project.up().await.unwrap();
    let Readiness::Unhealthy(Some(probe)) = project.wait().await else { panic!("its probe fails") };
    assert_eq!((probe.exit_code, probe.output.as_str()), (1, "nothing guards it"));
}
