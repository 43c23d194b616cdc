//! Runs that are stopped in the middle.

use std::time::Duration;

use docker_ops::{ContainerState, Readiness};
use libtest_mimic::Trial;

use crate::{
    project::{Project, token},
    rig::Rig,
};

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![
        rig.trial("up, dropped at any moment: the next goes on from there", dropped),
        rig.trial("up, dropped while it puts another in the old one's place: the next goes on", dropped_in_place),
        rig.trial("up, dropped while its successor is on trial: the next holds it on trial again", dropped_on_trial),
        rig.trial("up, dropped on trial: an old one that did not run before does not run after", dropped_beside_stopped),
    ]
}

/// Moments after the beginning; the whole takes some 500 ms.
const MOMENTS: [u64; 6] = [5, 40, 100, 180, 300, 450];

async fn dropped(rig: &'static Rig) {
    for moment in MOMENTS {
        let project = Project::new(rig, &format!("cut{moment}")).await;
        let _ = tokio::time::timeout(Duration::from_millis(moment), project.up()).await;
        project.up().await.unwrap();
        assert_eq!(project.wait().await, Readiness::Healthy, "{moment} ms");
        assert_eq!((project.status(Some(&token())), project.count()), (200, 1), "{moment} ms");
    }
}

async fn dropped_in_place(rig: &'static Rig) {
    let mut project = Project::new(rig, "cut").await;
    project.up().await.unwrap();
    for (memory, moment) in (64..).zip(MOMENTS.map(|moment| moment * 2)) {
        project.service().limits.memory = Some(memory << 20);
        let _ = tokio::time::timeout(Duration::from_millis(moment), project.up()).await;
        project.up().await.unwrap();
        let after = project.container().await;
        assert_eq!((after.drift.len(), project.count(), after.name), (0, 1, project.name()), "{moment} ms");
        assert_eq!(project.wait().await, Readiness::Healthy, "{moment} ms");
    }
}

async fn dropped_on_trial(rig: &'static Rig) {
    let mut project = Project::new(rig, "trial").await;
    project.up().await.unwrap();
    let before = project.container().await;
    drop_on_trial(&mut project).await;
    let error = project.up().await.unwrap_err();
    assert!(error.hints().iter().any(|hint| hint.contains("runs again")), "{error} {:?}", error.hints());
    let after = project.container().await;
    assert_eq!((after.id, after.state, project.count()), (before.id, ContainerState::Running, 1));
}

/// Drops an `up` while the successor runs, which does so for less than the trial takes, and is well at no time.
async fn drop_on_trial(project: &mut Project) {
    project.service().command = ["/bin/sh", "-c", "sleep 3; exit 7"].map(str::to_owned).into();
    let on_trial = async {
        let is_up = |seen: docker_ops::Observed| seen.containers.iter().any(|one| one.is_next() && one.is_up());
        while !is_up(project.rig.engine.observe(&project.spec).await.unwrap()) {}
    };
    tokio::select! {
        ended = project.up() => panic!("{ended:?}"),
        () = on_trial => {}
    }
}

async fn dropped_beside_stopped(rig: &'static Rig) {
    let mut project = Project::new(rig, "stood").await;
    project.up().await.unwrap();
    let before = project.container().await;
    rig.docker(&["stop", &before.name]);
    drop_on_trial(&mut project).await;
    let error = project.up().await.unwrap_err();
    assert!(error.to_string().contains("did not last") || error.to_string().contains("ended at once"), "{error}");
    let after = project.container().await;
    assert_eq!((after.id, after.state, project.count()), (before.id, ContainerState::Exited, 1));
}
