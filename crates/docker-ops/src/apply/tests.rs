//! What is asked of an engine when a new container does not do.

use super::*;
use crate::{
    Endpoint, Image, PullPolicy, ServiceSpec,
    engine::tests::stand_in::{StandIn, Step as StandInStep, json, say},
};

#[tokio::test]
async fn a_new_container_that_ends_at_once_goes_and_the_old_one_comes_back() {
    let token = format!("$2b$04${}", "stand1in".repeat(7).get(..53).unwrap());
    let log: String = ["no module named torch\n", &format!("with {token}\n")]
        .iter()
        .map(|line| format!("\u{2}\0\0\0\0\0\0{}{line}", char::from(u8::try_from(line.len()).unwrap())))
        .collect();
    for state in ["exited", "restarting", "started again"] {
        let new = |state: &str, running: bool, restarts: u8| {
            format!(
                r#"{{"Id":"new","Image":"sha256:1","State":{{"Status":"{state}","Running":{running},"Restarting":{},"Pid":0,"ExitCode":{},"StartedAt":"2026-01-01T00:00:00Z","FinishedAt":"2026-01-01T00:00:00Z"}},"Config":{{"Tty":false}},"HostConfig":{{"LogConfig":{{"Type":"json-file","Config":{{}}}}}},"RestartCount":{restarts}}}"#,
                state == "restarting",
                if state == "running" { 0 } else { 3 }
            )
        };
        // What the engine says while a crashed container runs again: no code any more.
        let (log, mut again) = (log.clone(), std::sync::Mutex::new(vec![new("restarting", true, 1), new("running", true, 1)]));
        match state {
            "exited" => *again.get_mut().unwrap() = vec![new("exited", false, 0)],
            "restarting" => drop(again.get_mut().unwrap().pop()),
            _ => {}
        }
        // The first to look is who made it.
        again.get_mut().unwrap().push(new("created", false, 0));
        let next = move || {
            let mut again = again.lock().unwrap();
            if again.len() > 1 { again.pop() } else { again.last().cloned() }.unwrap()
        };
        let stand_in = StandIn::engine("1.41", "1.12", move |line| match line {
            line if line.contains("/images/") => json("200 OK", r#"{"Id":"sha256:1"}"#),
            line if line.contains("/old/json") => json("200 OK", r#"{"Id":"old"}"#),
            line if line.contains("/containers/create") => json("201 Created", r#"{"Id":"new","Warnings":[]}"#),
            line if line.contains("/1/json") => json("200 OK", r#"{"Id":"1"}"#),
            line if line.contains("/next/json") => json("200 OK", "{}"),
            line if line.contains("/new/json") => json("200 OK", &next()),
            line if line.contains("/new/logs") => json("200 OK", &log),
            _ => say("HTTP/1.1 204 No Content\r\n\r\n"),
        });
        let engine = Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        let service = ServiceSpec::new(Image::Named { reference: "a".into(), pull: PullPolicy::Never });
        let spec = StackSpec { project: "p".into(), working_dir: "/p".into(), services: [("ui".to_owned(), service)].into() };
        let old = Handle { id: "old".into(), name: "p-ui-1".into() };
        let step = Step::Replace { service: "ui".into(), old, name: "p-ui-1".into(), runs: true, because: vec![] };
        let plan = Plan { steps: vec![step], ..Plan::default() };
        let error = engine.apply(&spec, &plan, &|_| Ok(())).await.unwrap_err();
        assert_eq!(error.to_string(), "the container `p-ui-1.next` ended at once with exit code 3", "{state}");
        let words = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(words, "it said last: no module named torch | (not shown: it holds a secret)");
        assert!(error.hints()[0].contains("`p-ui-1` runs again as it was"));
        let of = |method: &str, id: &str| {
            let is_meant = |line: &&String| line.starts_with(method) && line.contains(&format!("/containers/{id}"));
            let what = |line: &String| line.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
            stand_in.seen().iter().filter(is_meant).map(what).collect::<Vec<_>>()
        };
        assert_eq!(of("POST", "old"), ["stop", "start"], "{state}");
        assert_eq!((of("DELETE", "new").len(), of("DELETE", "old").len()), (1, 0), "{state}");
    }
}

#[tokio::test]
async fn a_name_that_came_to_mean_another_image_makes_no_container() {
    for (resolves_to, asked) in [
        ("sha256:1", "POST create, GET json, POST start"),
        ("sha256:2", "POST create, GET json, DELETE new, POST create, POST start"),
    ] {
        let stand_in = StandIn::engine("1.41", "1.12", move |line| match line {
            line if line.contains("/images/") => json("200 OK", r#"{"Id":"sha256:1"}"#),
            line if line.contains("/containers/create") => json("201 Created", r#"{"Id":"new","Warnings":[]}"#),
            line if line.contains("/1/json") => json("200 OK", r#"{"Id":"1"}"#),
            line if line.contains("/next/json") => json("200 OK", "{}"),
            line if line.contains("/new/json") => json("200 OK", &format!(r#"{{"Id":"new","Image":"{resolves_to}"}}"#)),
            _ => say("HTTP/1.1 204 No Content\r\n\r\n"),
        });
        let engine = Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        let service = ServiceSpec::new(Image::Named { reference: "a".into(), pull: PullPolicy::Never });
        let spec = StackSpec { project: "p".into(), working_dir: "/p".into(), services: [("ui".to_owned(), service)].into() };
        let step = Step::Create { service: "ui".into(), name: "p-ui-1".into() };
        engine.apply(&spec, &Plan { steps: vec![step], ..Plan::default() }, &|_| Ok(())).await.unwrap();
        let what = |line: &String| {
            let (method, path) = line.split('?').next()?.split_once(' ')?;
            path.contains("/containers/").then(|| format!("{method} {}", path.rsplit('/').next().unwrap_or_default()))
        };
        assert_eq!(stand_in.seen().iter().filter_map(what).collect::<Vec<_>>().join(", "), asked);
    }
}

#[tokio::test]
async fn a_part_of_a_second_to_end_in_is_not_none_at_all() {
    let stand_in = StandIn::engine("1.41", "1.12", |_| say("HTTP/1.1 204 No Content\r\n\r\n"));
    let engine = Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap();
    let container = Handle { id: "1".into(), name: "p-ui-1".into() };
    for (millis, seconds) in [(0, 0), (1, 1), (500, 1), (1000, 1), (1001, 2)] {
        let grace = Duration::from_millis(millis);
        let image = Image::Named { reference: "a".into(), pull: PullPolicy::Never };
        let service = ServiceSpec { stop_grace: grace, ..ServiceSpec::new(image) };
        let body = |spec: &StackSpec| create::body(spec, "ui", &spec.services["ui"], &crate::ImageFacts::default());
        let spec = StackSpec { project: "p".into(), working_dir: "/p".into(), services: [("ui".to_owned(), service)].into() };
        assert_eq!(body(&spec).stop_timeout, Some(seconds), "{millis} ms");
        assert!(crate::render::compose(&spec).contains(&format!("stop_grace_period: {seconds}s\n")), "{millis} ms");
        engine.stop(&container, grace).await.unwrap();
        let asked = stand_in.seen();
        assert!(asked.last().unwrap().contains(&format!("t={seconds}")), "{millis} ms: {asked:?}");
    }
}

#[tokio::test]
async fn a_stop_is_waited_for_longer_than_the_container_has() {
    let stand_in = StandIn::engine("1.41", "1.12", |line| match line {
        line if line.starts_with("GET") => json("200 OK", "{}"),
        _ => vec![StandInStep::Hang],
    });
    let engine = Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap();
    let spec = StackSpec { project: "p".into(), working_dir: "/p".into(), services: [].into() };
    let (container, grace) = (Handle { id: "1".into(), name: "p-ui-1".into() }, Duration::from_secs(300));
    tokio::time::pause();
    for step in
        [Step::Restart { container: container.clone(), grace }, Step::Remove { container, grace: Some(grace), volumes: false }]
    {
        let (began, plan) = (Instant::now(), Plan { steps: vec![step], ..Plan::default() });
        assert_eq!(engine.apply(&spec, &plan, &|_| Ok(())).await.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(began.elapsed().as_secs(), 330);
    }
}

#[tokio::test]
async fn what_the_sink_forbids_is_not_started_and_nothing_is_stopped_for_it() {
    let stand_in = StandIn::engine("1.41", "1.12", |line| match line {
        line if line.contains("/images/") => json("200 OK", r#"{"Id":"sha256:1"}"#),
        line if line.contains("/old/json") => json("200 OK", r#"{"Id":"old"}"#),
        line if line.contains("/containers/create") => json("201 Created", r#"{"Id":"new","Warnings":[]}"#),
        line if line.contains("/1/json") => json("200 OK", r#"{"Id":"1"}"#),
        line if line.contains("/next/json") => json("200 OK", "{}"),
        line if line.contains("/new/json") => json("200 OK", r#"{"Id":"new","Image":"sha256:1"}"#),
        _ => say("HTTP/1.1 204 No Content\r\n\r\n"),
    });
    let engine = Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap();
    let image = Image::Named { reference: "a".into(), pull: PullPolicy::Never };
    let services = [("ui".to_owned(), ServiceSpec::new(image))].into();
    let spec = StackSpec { project: "p".into(), working_dir: "/p".into(), services };
    let (service, name) = ("ui".to_owned(), "p-ui-1".to_owned());
    let handle = |id: &str| Handle { id: id.into(), name: "p-ui-1".into() };
    let (container, old, next) = (handle("1"), handle("old"), handle("next"));
    let steps = [
        Step::Create { service: service.clone(), name: name.clone() },
        Step::Replace { service: service.clone(), old: old.clone(), name: name.clone(), runs: true, because: vec![] },
        Step::Succeed { service, next, old, name, runs: true },
        Step::Start { container: container.clone() },
        Step::Resume { container: container.clone() },
        Step::Restart { container, grace: Duration::ZERO },
    ];
    let starts = std::sync::Mutex::new(Vec::new());
    for step in steps {
        let sink = |progress| match progress {
            Progress::Starts { container, .. } => {
                starts.lock().unwrap().push(container.id);
                Err(Error::new(ErrorKind::Io, "the disk is full"))
            }
            _ => Ok(()),
        };
        let plan = Plan { steps: vec![step], ..Plan::default() };
        assert_eq!(engine.apply(&spec, &plan, &sink).await.unwrap_err().kind(), ErrorKind::Io);
    }
    assert_eq!(*starts.lock().unwrap(), ["new", "new", "next", "1", "1", "1"]);
    let asked = stand_in.seen();
    let changes: Vec<_> = asked.iter().filter(|line| !line.starts_with("GET") && !line.contains("/create")).collect();
    assert!(changes.is_empty(), "{changes:?}");
}

#[tokio::test]
async fn a_policy_that_an_ending_container_does_not_take_is_changed_once_it_is_stopped() {
    for (refusals, told) in [(0, None), (1, None), (2, Some("`p-ui-1` was stopped, but"))] {
        let left = std::sync::atomic::AtomicU32::new(refusals);
        let count = std::sync::atomic::Ordering::Relaxed;
        let stand_in = StandIn::engine("1.41", "1.12", move |line| match line {
            line if line.contains("/update") && left.fetch_update(count, count, |left| left.checked_sub(1)).is_ok() => {
                json("500 Internal Server Error", r#"{"message":"cannot update a stopped container"}"#)
            }
            line if line.contains("/update") => json("200 OK", r#"{"Warnings":[]}"#),
            _ => say("HTTP/1.1 204 No Content\r\n\r\n"),
        });
        let engine = Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        let container = Handle { id: "1".into(), name: "p-ui-1".into() };
        let ended = engine.stop_for_good(&container, Duration::ZERO).await;
        assert_eq!(ended.as_ref().err().map(|error| error.hints()[0].contains(told.unwrap_or("nothing"))), told.map(|_| true));
        let what =
            |line: &String| line.split_once("/containers/1/").map(|(_, what)| what.split([' ', '?']).next().unwrap().to_owned());
        let expected = if refusals == 0 { "update stop" } else { "update stop update" };
        assert_eq!(stand_in.seen().iter().filter_map(what).collect::<Vec<_>>().join(" "), expected);
    }
}
