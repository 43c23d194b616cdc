//! What an engine tells of its containers, and what is left of it when the connection is cut.

use std::path::Path;

use docker_ops::{Action, Endpoint, Engine, Event, EventQuery, Events, Origin, Told};
use libtest_mimic::Trial;

use crate::{proxy::Proxy, rig::Rig};

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![
        rig.trial("each end of a container has its own grammar", grammar),
        rig.trial("a stream that is cut tells everything once", cut),
        rig.trial("every path names the version", versioned),
    ]
}

async fn listen(rig: &Rig, engine: &Engine, name: &str) -> Events {
    let labels = vec![format!("events={}-{name}", rig.run)];
    engine.events(EventQuery { labels, ..EventQuery::default() }).await.unwrap()
}

fn start(rig: &Rig, name: &str, options: &[&str], command: &[&str]) -> String {
    let label = format!("events={}-{name}", rig.run);
    rig.start(&format!("events-{name}"), &[&["--label", &label], options].concat(), command)
}

/// Everything until the container is removed.
async fn until_removed(events: &mut Events) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(told) = events.next().await.unwrap() {
        let Told::Event(event) = told else { continue };
        let last = event.action == Action::Destroyed;
        all.push(event);
        if last {
            break;
        }
    }
    all
}

fn words(events: &[Event]) -> String {
    let word = |event: &Event| match &event.action {
        Action::Died { exit_code: Some(code) } => format!("die {code}"),
        Action::Killed { signal: Some(signal) } => format!("kill {signal}"),
        action => action.name().to_owned(),
    };
    events.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// A shell whose variable grows for ever.
/// The engine hears of want of memory a moment after the start only.
const FILL: &str = "sleep 1; x=x; while true; do x=$x$x; done";

/// Name, options, command, what is done to it, and what is told between its start and its removal.
type Case = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str], &'static str);

async fn grammar(rig: &'static Rig) {
    let table: [Case; 5] = [
        ("exits", &[], &["sh", "-c", "exit 3"], &["wait"], "die 3"),
        ("killed", &["--init"], &["sleep", "600"], &["kill"], "kill 9, die 137"),
        ("full", &["--memory", "16m", "--memory-swap", "16m"], &["sh", "-c", FILL], &["wait"], "oom, die 137"),
        ("paused", &["--init"], &["sleep", "600"], &["pause", "unpause", "kill"], "pause, unpause, kill 9, die 137"),
        ("removed", &["--init"], &["sleep", "600"], &[], "kill 9, die 137"),
    ];
    for (name, options, command, done, expected) in table {
        let mut events = listen(rig, &rig.engine, name).await;
        let id = start(rig, name, options, command);
        for action in done {
            rig.docker(&[action, &id]);
        }
        rig.docker(&["rm", "--force", &id]);
        let all = until_removed(&mut events).await;
        assert_eq!(words(&all), format!("create, start, {expected}, destroy"), "{name}");
        assert!(all.iter().all(|event| event.id == id && event.origin == Origin::Told), "{name}");
    }
}

fn socket(rig: &Rig) -> std::path::PathBuf {
    let Endpoint::Unix(path) = rig.engine.endpoint() else { panic!("these tests speak to an engine over a Unix socket") };
    Path::new(path).to_owned()
}

/// The oracle is Docker's own command line, whose connection is not cut.
async fn cut(rig: &'static Rig) {
    let proxy = Proxy::new(&socket(rig));
    let engine = Engine::connect(&Endpoint::Unix(proxy.path.clone())).await.unwrap();
    let mut events = listen(rig, &engine, "cut").await;
    let id = start(rig, "cut", &["--init"], &["sleep", "600"]);
    for step in ["stop", "start", "restart", "kill"] {
        // The stream is cut before, between and after the events of each step.
        proxy.cut();
        rig.docker(&[step, &id]);
        proxy.cut();
    }
    rig.docker(&["rm", "--force", &id]);
    let all = until_removed(&mut events).await;
    let until = all.last().unwrap().at;
    let label = format!("label=events={}-cut", rig.run);
    let until = format!("{}.{:09}", until.as_second(), until.subsec_nanosecond());
    let theirs = rig.docker(&["events", "--since", "0", "--until", &until, "--filter", &label, "--format", "{{.Action}}"]);
    let theirs: Vec<_> = theirs.lines().filter(|action| *action != "attach").collect();
    assert_eq!(all.iter().map(|event| event.action.name()).collect::<Vec<_>>(), theirs);
    assert!(all.iter().all(|event| event.origin == Origin::Told), "{all:?}");
}

async fn versioned(rig: &'static Rig) {
    let proxy = Proxy::new(&socket(rig));
    let engine = Engine::connect(&Endpoint::Unix(proxy.path.clone())).await.unwrap();
    let mut events = listen(rig, &engine, "versioned").await;
    let id = start(rig, "versioned", &["--init"], &["sleep", "600"]);
    rig.docker(&["rm", "--force", &id]);
    until_removed(&mut events).await;
    let prefix = format!("/v{}/", engine.negotiated().used);
    let paths = proxy.paths();
    assert!(paths.len() >= 5 && paths[0] == "/_ping", "{paths:?}");
    assert!(paths[1..].iter().all(|path| path.starts_with(&prefix)), "{paths:?}");
}
