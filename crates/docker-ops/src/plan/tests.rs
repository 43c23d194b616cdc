//! What each condition of a project comes to.

use std::collections::BTreeMap;

use bollard::models::ContainerInspectResponse;

use super::*;
use crate::{ImageFacts, ServiceSpec, Stranger};

fn spec(pull: PullPolicy) -> StackSpec {
    let image = Image::Named { reference: "comfyui:1".into(), pull };
    let services = BTreeMap::from([("ui".to_owned(), ServiceSpec::new(image))]);
    StackSpec { project: "p".into(), working_dir: "/p".into(), services }
}

/// A project as it is when all is well, with one change.
fn seen(change: impl FnOnce(&mut Observed)) -> Observed {
    let images = BTreeMap::from([("ui".to_owned(), ImageFacts { id: "sha256:1".into(), ..ImageFacts::default() })]);
    let mut seen = Observed {
        containers: vec![container("p-ui-1", "ui", "running")],
        strangers: Vec::new(),
        networks: vec!["1".into()],
        images,
    };
    change(&mut seen);
    seen
}

fn container(name: &str, service: &str, status: &str) -> Container {
    let text = format!(
        r#"{{"Id":"id-of-{name}","Name":"/{name}","State":{{"Status":"{status}"}},
            "Config":{{"Labels":{{"com.docker.compose.project":"p","com.docker.compose.service":"{service}"}}}}}}"#
    );
    serde_json::from_str::<ContainerInspectResponse>(&text).unwrap().into()
}

fn drifted(mut container: Container) -> Container {
    container.drift = vec![Difference { field: "memory".into(), wanted: Some("2 bytes".into()), found: Some("1 bytes".into()) }];
    container
}

fn told(plan: Result<Plan, Error>) -> String {
    match plan {
        Ok(plan) => plan.steps.iter().map(|step| format!("{step}\n")).collect(),
        Err(error) => format!("{:?}: {error}\n", error.kind()),
    }
}

#[test]
fn up_does_what_is_missing_and_nothing_else() {
    let up = |change: fn(&mut Observed)| told(Plan::up(&spec(PullPolicy::Missing), &seen(change), &Wish::default()));
    let state = |status: &str| {
        let seen = seen(|seen| seen.containers = vec![container("p-ui-1", "ui", status)]);
        told(Plan::up(&spec(PullPolicy::Missing), &seen, &Wish::default()))
    };
    assert_eq!(up(|_| ()), "", "all is well");
    assert_eq!(state("restarting"), "", "the engine is at it");
    let cases = [
        up(|seen| *seen = Observed { containers: vec![], networks: vec![], images: BTreeMap::new(), strangers: vec![] }),
        state("exited"),
        state("created"),
        state("paused"),
        state("dead"),
        up(|seen| seen.containers = vec![drifted(container("p-ui-1", "ui", "running"))]),
    ];
    insta::assert_snapshot!(cases.join("--\n"), @"
    pull the image `comfyui:1`
    create the network `p_default`
    create and start the container `p-ui-1`
    --
    start the container `p-ui-1`
    --
    start the container `p-ui-1`
    --
    let the container `p-ui-1` go on
    --
    put a new container `p-ui-1` in the old one's place: state is dead, must be running
    --
    put a new container `p-ui-1` in the old one's place: memory is 1 bytes, must be 2 bytes
    ");
}

#[test]
fn up_goes_on_where_a_run_was_stopped() {
    let up = |containers: Vec<Container>| {
        told(Plan::up(&spec(PullPolicy::Missing), &seen(|seen| seen.containers = containers), &Wish::default()))
    };
    let old = || drifted(container("p-ui-1", "ui", "running"));
    let cases = [
        up(vec![old(), container("p-ui-1.next", "ui", "created")]),
        up(vec![drifted(container("p-ui-1", "ui", "exited")), container("p-ui-1.next", "ui", "running")]),
        up(vec![container("p-ui-1.next", "ui", "running")]),
        up(vec![container("p-ui-1.next", "ui", "exited")]),
        told(Plan::up(&spec(PullPolicy::Missing), &seen(|seen| seen.networks.push("2".into())), &Wish::default())),
    ];
    insta::assert_snapshot!(cases.join("--\n"), @"
    remove the container `p-ui-1.next`
    put a new container `p-ui-1` in the old one's place: memory is 1 bytes, must be 2 bytes
    --
    hold the container `p-ui-1.next`, which a stopped run left, on trial for the place of `p-ui-1`
    --
    rename the container `p-ui-1.next`, which a stopped run left, to `p-ui-1`
    --
    rename the container `p-ui-1.next`, which a stopped run left, to `p-ui-1`
    start the container `p-ui-1`
    --
    remove what a stopped run left beside the network `p_default`
    ");
}

#[test]
fn an_old_one_runs_after_a_trial_if_it_ran_until_a_stopped_run_ended_it() {
    let at = |name: &str, status: &str, created: &str, finished: &str| {
        let text = format!(
            r#"{{"Id":"{name}","Name":"/{name}","Created":"{created}","State":{{"Status":"{status}","FinishedAt":"{finished}"}},
                "Config":{{"Labels":{{"com.docker.compose.service":"ui"}}}}}}"#
        );
        Container::from(serde_json::from_str::<ContainerInspectResponse>(&text).unwrap())
    };
    let ran = |next: &str, status: &str, finished: &str| {
        let next = at("p-ui-1.next", next, "2026-01-01T00:00:05.123456789Z", "0001-01-01T00:00:00Z");
        let containers = vec![drifted(at("p-ui-1", status, "2026-01-01T00:00:00Z", finished)), next];
        let plan = Plan::up(&spec(PullPolicy::Never), &seen(|seen| seen.containers = containers), &Wish::default()).unwrap();
        match &plan.steps[..] {
            [Step::Succeed { runs, .. }] | [Step::Remove { .. }, Step::Replace { runs, .. }] => *runs,
            steps => panic!("{steps:?}"),
        }
    };
    for next in ["created", "running", "restarting", "exited"] {
        let runs = |status: &str, finished: &str| ran(next, status, finished);
        assert!(runs("running", "0001-01-01T00:00:00Z"), "{next}");
        assert!(runs("exited", "2026-01-01T00:00:05.2Z"), "{next}: the run that was cut off stopped it");
        assert!(!runs("exited", "2026-01-01T00:00:05.1Z"), "{next}: somebody had stopped it before");
        assert!(!runs("created", "0001-01-01T00:00:00Z"), "{next}: it never ran");
    }
}

#[test]
fn what_is_in_the_way_or_forbidden_is_refused() {
    let stranger = |service: Option<&str>| Stranger {
        what: "container `p-ui-1`".into(),
        because: "it carries no label of a project".into(),
        service: service.map(str::to_owned),
        hint: "rename it".into(),
    };
    let up = |pull, change: &dyn Fn(&mut Observed)| told(Plan::up(&spec(pull), &seen(change), &Wish::default()));
    let on_trial = || vec![container("p-ui-1", "ui", "exited"), container("p-ui-1.next", "ui", "running")];
    let cases = [
        up(PullPolicy::Missing, &|seen| seen.strangers = vec![stranger(Some("ui"))]),
        up(PullPolicy::Missing, &|seen| seen.strangers = vec![stranger(None)]),
        up(PullPolicy::Never, &|seen| seen.images.clear()),
        told(Plan::up(&spec(PullPolicy::Never), &seen(|_| ()), &Wish { services: ["x".to_owned()].into(), ..Wish::default() })),
        told(Plan::restart(&spec(PullPolicy::Never), &seen(|seen| seen.containers.clear()), &Wish::default())),
        told(Plan::restart(&spec(PullPolicy::Never), &seen(|seen| seen.containers = on_trial()), &Wish::default())),
    ];
    insta::assert_snapshot!(cases.join(""), @"
    Conflict: the container `p-ui-1` is in the way: it carries no label of a project
    Conflict: the container `p-ui-1` is in the way: it carries no label of a project
    NotFound: the engine has no image `comfyui:1`, and the specification forbids to pull it
    NotFound: there is no service `x`
    NotFound: the service `ui` has no container to start again
    Conflict: `p-ui-1.next`, which a stopped run left on trial, runs in place of `p-ui-1`
    ");
    let other = seen(|seen| seen.strangers = vec![stranger(Some("other"))]);
    let only = Wish { services: ["ui".to_owned()].into(), ..Wish::default() };
    assert!(Plan::up(&spec(PullPolicy::Never), &other, &only).is_ok(), "it is not in this one's way");
}

#[test]
fn wishes_change_the_plan() {
    let up = |pull, wish| {
        told(Plan::up(&spec(pull), &seen(|seen| seen.containers.push(container("p-gone-1", "gone", "exited"))), &wish))
    };
    let cases = [
        up(PullPolicy::Always, Wish::default()),
        up(PullPolicy::Missing, Wish { recreate: true, ..Wish::default() }),
        up(PullPolicy::Missing, Wish { remove_orphans: true, ..Wish::default() }),
    ];
    insta::assert_snapshot!(cases.join("--\n"), @"
    pull the image `comfyui:1`
    --
    put a new container `p-ui-1` in the old one's place: it is wished so
    --
    remove the container `p-gone-1`
    ");
    let plan = Plan::up(
        &spec(PullPolicy::Missing),
        &seen(|seen| seen.containers.push(container("p-gone-1", "gone", "exited"))),
        &Wish::default(),
    );
    assert_eq!(plan.unwrap().orphans, ["p-gone-1"], "named, and left alone");
}

#[test]
fn down_takes_the_whole_project_or_one_service() {
    let all = seen(|seen| seen.containers.push(container("p-gone-1", "gone", "exited")));
    let down = |wish| told(Plan::down(&spec(PullPolicy::Missing), &all, &wish));
    let orphans = Wish { remove_orphans: true, ..Wish::default() };
    let one = Wish { services: ["gone".to_owned()].into(), ..Wish::default() };
    let nobody = Wish { services: ["x".to_owned()].into(), ..Wish::default() };
    insta::assert_snapshot!([down(Wish::default()), down(orphans), down(one), down(nobody)].join("--\n"), @"
    stop and remove the container `p-ui-1`
    --
    stop and remove the container `p-ui-1`
    remove the container `p-gone-1`
    remove the network `p_default`
    --
    remove the container `p-gone-1`
    --
    NotFound: there is no service `x`
    ");
    let shared =
        seen(|seen| seen.strangers = vec![Stranger { what: "x".into(), because: "y".into(), service: None, hint: "z".into() }]);
    assert_eq!(Plan::down(&spec(PullPolicy::Missing), &shared, &Wish::default()).unwrap().steps.len(), 1, "the network stays");
    let nothing = seen(|seen| (seen.containers, seen.networks) = (Vec::new(), Vec::new()));
    assert_eq!(told(Plan::down(&spec(PullPolicy::Missing), &nothing, &Wish::default())), "");
}
