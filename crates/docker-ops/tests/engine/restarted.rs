//! An engine that ends in the middle of what was asked of it, and comes back.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use docker_ops::{
    Action, ContainerState, Engine, Error, ErrorKind, Event, EventQuery, Image, Plan, Probe, Progress, PullPolicy, ServiceSpec,
    StackSpec, Step, Told, Wish,
};
use libtest_mimic::Trial;

use crate::{
    private::Private,
    project::PATIENCE,
    rig::{IMAGE, Rig},
};

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![rig.trial(
        "an engine that restarts in the middle of `up` and of a wait: the next `up` goes on, and no event is lost",
        |_| middle(),
    )]
}

/// Two services; neither is ever well.
fn spec(folder: &tempfile::TempDir) -> StackSpec {
    let mut service = ServiceSpec::new(Image::Named { reference: IMAGE.into(), pull: PullPolicy::Never });
    service.command = ["sleep", "600"].map(str::to_owned).into();
    service.health.probe = Probe::Command(vec!["false".to_owned()]);
    service.health.interval = Duration::from_secs(1);
    let services = ["first", "second"].map(|name| (name.to_owned(), service.clone())).into();
    StackSpec { project: "restarted".to_owned(), working_dir: folder.path().to_owned(), services }
}

async fn middle() {
    let mut private = Private::start(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(&folder);
    let heard = tokio::spawn(until_both_are_gone(private.engine.clone(), spec.project.clone()).await);

    let engine = private.engine.clone();
    let ending = Mutex::new(&mut private);
    let end_before_second = |progress| {
        if matches!(progress, Progress::Began(Step::Create { service, .. }) if service == "second") {
            ending.lock().unwrap().end();
        }
        Ok(())
    };
    assert_gone(&engine.bring_up(&spec, &Wish::default(), &end_before_second).await.unwrap_err());
    private.restart(&[]).await;
    let before = state(&private.engine, &spec, "first").await.unwrap();

    let done = private.engine.bring_up(&spec, &Wish::default(), &|_| Ok(())).await.unwrap();
    assert!(matches!(&done.steps[..], [Step::Create { service, .. }] if service == "second"), "{:?}", done.steps);
    assert_eq!(state(&private.engine, &spec, "first").await.unwrap(), before, "it is the one of the run that was broken off");

    let engine = private.engine.clone();
    let ending = Mutex::new(&mut private);
    let waited = engine.wait_ready("restarted-first-1", PATIENCE, &|_| ending.lock().unwrap().end()).await;
    assert_gone(&waited.unwrap_err());
    private.restart(&[]).await;
    assert_eq!(
        private.engine.bring_up(&spec, &Wish::default(), &|_| Ok(())).await.unwrap(),
        Plan::default(),
        "the engine starts both"
    );

    let seen = private.engine.observe(&spec).await.unwrap();
    let down = Plan::down(&spec, &seen, &Wish::default()).unwrap();
    private.engine.apply(&spec, &down, &|_| Ok(())).await.unwrap();
    let (told, lost) = heard.await.unwrap();
    assert_eq!(lost, 2, "each end of the engine is told once");
    assert_eq!(told["first"], "create start die start die start die destroy");
    assert_eq!(told["second"], "create start die start die destroy");
}

/// Who hears of it can tell that it may go better the next time.
fn assert_gone(error: &Error) {
    assert!(matches!(error.kind(), ErrorKind::NoEngine | ErrorKind::Broken) && error.is_retryable(), "{error:?}");
}

/// The container's id, if it runs.
async fn state(engine: &Engine, spec: &StackSpec, service: &str) -> Option<String> {
    let seen = engine.observe(spec).await.unwrap();
    seen.of(service).filter(|container| container.state == ContainerState::Running).map(|container| container.id.clone())
}

/// Listens from now on: what befell each service, and how often the connection was lost.
async fn until_both_are_gone(engine: Engine, project: String) -> impl Future<Output = (BTreeMap<String, String>, usize)> {
    let labels = vec![format!("com.docker.compose.project={project}")];
    let mut events = engine.events(EventQuery { labels, ..EventQuery::default() }).await.unwrap();
    async move {
        let (mut told, mut lost): (BTreeMap<_, Vec<String>>, _) = (BTreeMap::new(), 0);
        while told.values().filter(|all| all.last().is_some_and(|last| last == "destroy")).count() < 2 {
            match events.next().await.unwrap().unwrap() {
                Told::Event(event) if is_of_its_life(&event) => {
                    told.entry(event.service().unwrap().to_owned()).or_default().push(event.action.name().to_owned());
                }
                Told::Lost(_) => lost += 1,
                _ => {}
            }
        }
        (told.into_iter().map(|(service, all)| (service, all.join(" "))).collect(), lost)
    }
}

fn is_of_its_life(event: &Event) -> bool {
    matches!(event.action, Action::Created | Action::Started | Action::Died { .. } | Action::Destroyed)
}
