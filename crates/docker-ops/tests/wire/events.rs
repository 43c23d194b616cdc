//! The stream of events over connections that break.

use std::sync::atomic::{AtomicUsize, Ordering};

use docker_ops::{Error, EventQuery, Events, Origin, Told};

use crate::{
    connect,
    stand_in::{StandIn, Step, json, say, stream, text},
    told,
};

fn line(seconds: u64, id: &str, action: &str) -> String {
    format!(
        r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"{id}","Attributes":{{"name":"n-{id}","exitCode":"137","signal":"9"}}}},"time":{seconds},"timeNano":{seconds}000000000}}"#
    ) + "\n"
}

const NOW: u64 = 1_767_225_600;

/// An engine whose event streams are `streams`, one after the other, and where `container` runs until the second stream begins.
fn engine(streams: Vec<Vec<Step>>) -> StandIn {
    let asked = AtomicUsize::new(0);
    let state = |running: bool| {
        let state = format!(
            r#"{{"Running":{running},"ExitCode":137,"StartedAt":"2025-12-31T00:00:00Z","FinishedAt":"2026-01-01T00:00:09Z"}}"#
        );
        json("200 OK", &format!(r#"{{"Id":"container","State":{state}}}"#))
    };
    StandIn::engine("1.41", "1.12", move |line| match line {
        line if line.ends_with("/info") => json("200 OK", r#"{"SystemTime":"2026-01-01T00:00:00Z"}"#),
        line if line.contains("/containers/json") => {
            json("200 OK", r#"[{"Id":"container","Names":["/n-container"],"Image":"busybox"}]"#)
        }
        line if line.contains("/containers/container/json") => state(asked.load(Ordering::SeqCst) < 2),
        line if line.contains("/events") => streams[asked.fetch_add(1, Ordering::SeqCst).min(streams.len() - 1)].clone(),
        line => panic!("{line}"),
    })
}

async fn events(stand_in: &StandIn, query: EventQuery) -> Events {
    connect(stand_in).await.unwrap().events(query).await.unwrap()
}

/// The next that is told, in words.
async fn next(events: &mut Events) -> Option<String> {
    Some(match events.next().await {
        Ok(None) => return None,
        Ok(Some(Told::Event(event))) => {
            let inferred = if event.origin == Origin::Inferred { " (inferred)" } else { "" };
            format!("{} {:?} {:?}{inferred}", event.at, event.name().unwrap_or_default(), event.action)
        }
        Ok(Some(Told::Lost(error))) | Err(error) => shown(&error),
        Ok(Some(other)) => format!("{other:?}"),
    })
}

fn shown(error: &Error) -> String {
    told(error).lines().take(1).collect()
}

async fn take(events: &mut Events, count: usize) -> String {
    let mut lines = Vec::new();
    for _ in 0..count {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), next(events)).await;
        lines.push(next.map_or("nothing more".to_owned(), |next| next.unwrap_or("the end".to_owned())));
    }
    lines.join("\n")
}

#[tokio::test]
async fn a_stream_that_is_cut_in_mid_frame_goes_on_without_a_gap_or_a_double() {
    let [one, two, three] =
        [line(NOW + 1, "a", "start"), line(NOW + 5, "a", "health_status: unhealthy"), line(NOW + 6, "a", "oom")];
    let half = &two[..40];
    let cut = [stream(&[&one]), say(&format!("{:x}\r\n{half}", two.len())), vec![Step::Close]].concat();
    let again =
        [stream(&[&one, &format!("{two}{}", &three[..10]), &three[10..], &line(NOW + 7, "a", "frobnicate")]), vec![Step::Hang]]
            .concat();
    let stand_in = engine(vec![cut, again]);
    let mut events = events(&stand_in, EventQuery { labels: vec!["p=x".into()], ..EventQuery::default() }).await;
    insta::assert_snapshot!(take(&mut events, 6).await, @r#"
    2026-01-01T00:00:01Z "n-a" Started
    Broken: the events: the connection to the engine broke
    Resumed
    2026-01-01T00:00:05Z "n-a" Health { healthy: false }
    2026-01-01T00:00:06Z "n-a" OutOfMemory
    2026-01-01T00:00:07Z "n-a" Other("frobnicate")
    "#);
    let asked: Vec<_> = stand_in
        .seen()
        .into_iter()
        .filter_map(|line| Some(line.split_once("&filters=")?.0.to_owned()).filter(|line| line.contains("/events")))
        .collect();
    insta::assert_snapshot!(asked.join("\n"), @"
    GET /v1.41/events?since=1767225600.000000000
    GET /v1.41/events?since=1767225600.000000000
    ");
}

#[tokio::test]
async fn an_end_that_nobody_told_is_inferred_after_the_engine_is_back() {
    let stand_in = engine(vec![
        [stream(&[&line(NOW + 1, "a", "start")]), vec![Step::Close]].concat(),
        json("500 Internal Server Error", r#"{"message":"starting"}"#),
        vec![Step::Close],
        [stream(&[]), vec![Step::Hang]].concat(),
    ]);
    let mut events = events(&stand_in, EventQuery::default()).await;
    insta::assert_snapshot!(take(&mut events, 6).await, @r#"
    2026-01-01T00:00:01Z "n-a" Started
    Broken: the events: the connection to the engine broke
    Resumed
    2026-01-01T00:00:01Z "n-a" Died { exit_code: None } (inferred)
    2026-01-01T00:00:01Z "n-a" Destroyed (inferred)
    2026-01-01T00:00:09Z "n-container" Died { exit_code: Some(137) } (inferred)
    "#);
}

#[tokio::test]
async fn what_has_an_end_ends_when_the_engine_says_so_twice() {
    let all = [stream(&[&line(NOW - 9, "a", "start"), &line(NOW - 8, "a", "die")]), say("0\r\n\r\n")].concat();
    let nothing = [stream(&[]), say("0\r\n\r\n")].concat();
    let stand_in = engine(vec![all.clone(), all, nothing]);
    let [since, until] = [NOW - 10, NOW].map(|at| Some(jiff::Timestamp::from_second(at.cast_signed()).unwrap()));
    let mut events = events(&stand_in, EventQuery { since, until, ..EventQuery::default() }).await;
    insta::assert_snapshot!(take(&mut events, 3).await, @r#"
    2025-12-31T23:59:51Z "n-a" Started
    2025-12-31T23:59:52Z "n-a" Died { exit_code: Some(137) }
    the end
    "#);
}

#[tokio::test]
async fn what_no_new_try_heals_is_an_error() {
    let upgraded = text("400 Bad Request", "client version 1.41 is too old. Minimum supported API version is 1.44");
    let stand_in = engine(vec![[stream(&[]), vec![Step::Close]].concat(), upgraded]);
    let mut stream_of = events(&stand_in, EventQuery::default()).await;
    let first = take(&mut stream_of, 2).await;
    let odd = engine(vec![[stream(&["{\"Action\":7}\n"]), vec![Step::Hang]].concat()]);
    let second = take(&mut events(&odd, EventQuery::default()).await, 1).await;
    insta::assert_snapshot!(format!("{first}\n{second}"), @"
    Broken: the events: the connection to the engine broke
    TooNew: `/events`: the engine no longer speaks this API version
    Protocol: the events are not what an engine sends
    ");
}
