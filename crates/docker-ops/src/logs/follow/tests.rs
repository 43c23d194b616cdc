//! What a follower is given of an engine whose stream leaves out, repeats or says nothing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::engine::tests::stand_in::{StandIn, Step, json, say, stream};

const ENDED: &str = r#"{"Id":"c","State":{"Running":false,"Restarting":false,"Pid":0,"StartedAt":"2026-01-01T00:00:00Z"},"Config":{"Tty":false},"HostConfig":{"LogConfig":{"Type":"json-file","Config":{}}}}"#;

/// A container that ends. At first the engine keeps the lines `first` of it, as seconds, then `kept`; its stream gives `streamed`.
struct Kept<'a> {
    first: &'a [i64],
    kept: &'a [i64],
    streamed: &'a [i64],
}

impl Kept<'_> {
    /// What a follower of it is given, and what was asked for it.
    async fn followed(&self, tail: Option<u32>) -> (Vec<i64>, Vec<String>) {
        let [first, kept, streamed] = [self.first, self.kept, self.streamed].map(<[i64]>::to_vec);
        let number = |line: &str, name: &str| -> Option<i64> {
            let digits = line.split_once(name)?.1;
            digits[..digits.find(|next: char| !next.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()
        };
        let looked = AtomicBool::new(false);
        let stand_in = StandIn::engine("1.41", "1.12", move |line| {
            if line.contains("/c/json") {
                return json("200 OK", ENDED);
            }
            let follows = line.contains("follow=1");
            let all = if follows {
                &streamed
            } else if looked.swap(true, Ordering::SeqCst) {
                &kept
            } else {
                &first
            };
            let tail = number(line, "tail=").filter(|_| !follows).map_or(all.len(), |tail| usize::try_from(tail).unwrap());
            let wanted = all[all.len().saturating_sub(tail)..].iter().filter(|at| Some(**at) >= number(line, "since="));
            let entry = |at: &i64| format!("{} {at}\n", Timestamp::from_second(*at).unwrap());
            let frame = |entry: String| format!("\u{1}\0\0\0\0\0\0{}{entry}", char::from(u8::try_from(entry.len()).unwrap()));
            let body: String = wanted.map(entry).map(frame).collect();
            say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        });
        let engine = Engine::connect(&crate::Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        let (sender, mut lines) = mpsc::channel(1000);
        engine.logs("c", LogQuery { follow: true, tail, ..LogQuery::default() }, &sender).await.unwrap();
        drop(sender);
        let mut given = Vec::new();
        while let Some(line) = lines.recv().await {
            given.push(String::from_utf8(line.text).unwrap().parse().unwrap());
        }
        (given, stand_in.seen())
    }
}

#[tokio::test]
async fn what_the_stream_leaves_out_or_gives_twice_is_given_once() {
    let kept: &[i64] = &[1, 2, 3, 4, 5, 6];
    for first in [&[][..], &[1], &[1, 2], kept] {
        for streamed in [&[][..], kept, &[5, 6], &[1, 2, 3, 4, 2, 3, 4, 5, 6], &[1, 2, 3, 3, 4, 5, 6]] {
            let (given, _) = Kept { first, kept, streamed }.followed(None).await;
            assert_eq!(given, kept, "at first {first:?}, then the stream gave {streamed:?}");
        }
    }
}

#[tokio::test]
async fn the_last_lines_are_those_there_were_and_all_after_them() {
    let (first, kept, streamed): (&[i64], &[i64], &[i64]) = (&[1, 2, 3], &[1, 2, 3, 4, 5], &[3, 4, 5]);
    for (tail, expected) in [(0, &kept[3..]), (1, &kept[2..]), (2, &kept[1..]), (9, kept)] {
        assert_eq!(Kept { first, kept, streamed }.followed(Some(tail)).await.0, expected, "of the last {tail}");
    }
}

#[tokio::test]
async fn lines_of_one_time_and_lines_after_a_clock_was_set_back_are_all_given() {
    let same: &[i64] = &[1, 2, 2, 2, 3];
    for first in [&same[..2], &same[..3], &same[..4]] {
        assert_eq!(Kept { first, kept: same, streamed: &[2, 3] }.followed(None).await.0, same, "at first {first:?}");
    }
    let back: &[i64] = &[4, 5, 6, 2, 3, 4, 4, 7];
    for streamed in [&back[3..], back] {
        assert_eq!(Kept { first: &back[..3], kept: back, streamed }.followed(None).await.0, back, "the stream gave {streamed:?}");
    }
}

#[tokio::test]
async fn who_is_far_behind_is_given_what_the_engine_still_keeps() {
    let many: Vec<i64> = (1..=500).collect();
    let (first, streamed): (&[i64], &[i64]) = (&[1, 2], &[500]);
    assert_eq!(Kept { first, kept: &many, streamed }.followed(None).await.0, many, "it keeps all");
    let (given, asked) = Kept { first, kept: &many[9..], streamed }.followed(None).await;
    assert_eq!(given, [first, &many[9..]].concat(), "it threw some away");
    insta::assert_snapshot!(asked[2..].join("\n").replace("/v1.41/containers/c/", "…").replace("timestamps=1&stdout=1&stderr=1", "…"), @"
    GET …json
    GET …logs?…
    GET …logs?…&follow=1&tail=1
    GET …logs?…&since=0.000000000&tail=102
    GET …logs?…&since=0.000000000&tail=1020
    GET …logs?…&since=0.000000000&tail=10200
    GET …logs?…&since=0.000000000
    GET …logs?…&since=0.000000000
    GET …logs?…&since=498.000000000&tail=100
    GET …json
    GET …logs?…&since=498.000000000&tail=100
    ");
}

/// What an engine answers on a container that lives: its log and its stream by how often each was asked for, both from 1 on.
fn living(
    log: impl Fn(usize) -> Vec<Step> + Send + Sync + 'static,
    stream: impl Fn(usize) -> Vec<Step> + Send + Sync + 'static,
) -> StandIn {
    let (looks, streams) = (AtomicUsize::new(0), AtomicUsize::new(0));
    StandIn::engine("1.41", "1.12", move |line| match line {
        line if line.contains("/c/json") && streams.load(Ordering::SeqCst) < 2 => {
            json("200 OK", &ENDED.replace(r#""Running":false"#, r#""Running":true"#))
        }
        line if line.contains("/c/json") => json("200 OK", ENDED),
        line if line.contains("follow=1") => stream(streams.fetch_add(1, Ordering::SeqCst) + 1),
        _ => log(looks.fetch_add(1, Ordering::SeqCst) + 1),
    })
}

/// A log of these seconds, asked for at that second.
fn kept(seconds: std::ops::RangeInclusive<i64>, asked_at: u8) -> Vec<Step> {
    let entry = |second| format!("{} {second}\n", Timestamp::from_second(second).unwrap());
    let frame = |entry: String| format!("\u{1}\0\0\0\0\0\0{}{entry}", char::from(u8::try_from(entry.len()).unwrap()));
    let body: String = seconds.map(entry).map(frame).collect();
    let date = format!("Thu, 01 Jan 1970 00:00:{asked_at:02} GMT");
    say(&format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// A stream that says nothing, and does not end.
fn silent() -> Vec<Step> {
    [stream(&[]), vec![Step::Hang]].concat()
}

/// What a follower is given of it, and how long that took.
async fn given(stand_in: &StandIn, query: LogQuery) -> (Vec<String>, Duration) {
    let engine = Engine::connect(&crate::Endpoint::Unix(stand_in.path.clone())).await.unwrap();
    time::pause();
    let (began, (sender, mut lines)) = (time::Instant::now(), mpsc::channel(1000));
    time::timeout(Duration::from_secs(3600), engine.logs("c", query, &sender)).await.expect("it hangs").unwrap();
    drop(sender);
    let mut given = Vec::new();
    while let Some(line) = lines.recv().await {
        given.push(String::from_utf8(line.text).unwrap());
    }
    (given, began.elapsed())
}

#[tokio::test]
async fn what_is_written_under_a_silent_stream_is_given_and_the_stream_is_opened_again() {
    let engine = living(
        |look| if look == 1 { kept(1..=1, 1) } else { kept(1..=2, 11) },
        |nth| if nth == 1 { silent() } else { kept(2..=2, 11) },
    );
    let (lines, took) = given(&engine, LogQuery { follow: true, ..LogQuery::default() }).await;
    assert_eq!(lines, ["1", "2"]);
    assert_eq!(engine.seen().iter().filter(|line| line.contains("follow=1")).count(), 2);
    assert!((SILENCE..2 * SILENCE).contains(&took), "{took:?}");
}

#[tokio::test]
async fn who_follows_until_a_time_is_let_go_though_nothing_is_written() {
    let until = Timestamp::from_second(25).ok();
    let engine = living(|look| kept(1..=1, if look < 3 { 11 } else { 31 }), |_| silent());
    let (lines, took) = given(&engine, LogQuery { follow: true, until, ..LogQuery::default() }).await;
    assert_eq!(lines, ["1"]);
    assert!((3 * SILENCE..4 * SILENCE).contains(&took), "the engine's clock says when: {took:?}");
}
