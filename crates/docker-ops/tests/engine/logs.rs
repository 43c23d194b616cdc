//! What containers write, line by line.

use docker_ops::{Channel, ErrorKind, LineEnd, LogLine, LogQuery};
use libtest_mimic::Trial;
use tokio::sync::mpsc;

use crate::rig::Rig;

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![
        rig.trial("logs: the two outputs are told apart, any byte comes through", outputs),
        rig.trial("logs: a terminal's bytes are never taken for frames", terminal),
        rig.trial("logs: lines that the engine cut are whole again", long_lines),
        rig.trial("logs: what was written last without a line end is there, 20 of 20 times", unterminated),
        rig.trial("logs: since, until and tail choose to the nanosecond", chosen),
        rig.trial("logs: a follower stays over restarts, and hears nothing twice", restarts),
        rig.trial("logs: a follower of the last lines is told no older ones", followed_tail),
        rig.trial("logs: no line is lost while the file rotates", rotation),
        rig.trial("logs: without a driver that keeps them there is a typed error", no_driver),
        rig.trial("logs: a container that is not there is a typed error", no_container),
    ]
}

const FOLLOW: LogQuery = LogQuery { follow: true, tail: None, since: None, until: None };

async fn read(rig: &Rig, id: &str, query: LogQuery) -> Vec<LogLine> {
    let (sender, mut receiver) = mpsc::channel(64);
    let collect = async {
        let mut lines = Vec::new();
        while let Some(line) = receiver.recv().await {
            lines.push(line);
        }
        lines
    };
    let work = async {
        rig.engine.logs(id, query, &sender).await.unwrap();
        drop(sender);
    };
    tokio::join!(collect, work).0
}

fn texts(lines: &[LogLine]) -> Vec<String> {
    lines.iter().map(|line| String::from_utf8_lossy(line.settled()).into_owned()).collect()
}

/// A container of this shell script that has ended.
fn ended(rig: &Rig, name: &str, options: &[&str], script: &str) -> String {
    let id = rig.start(name, options, &["sh", "-c", script]);
    rig.docker(&["wait", &id]);
    id
}

async fn outputs(rig: &'static Rig) {
    let script = r"echo out; echo err >&2; printf '\377\000x\n'; echo; printf ' 0%%\r 50%%\r100%%\n'; printf end";
    let lines = read(rig, &ended(rig, "outputs", &[], script), LogQuery::default()).await;
    let of = |channel| lines.iter().filter(|line| line.channel == channel).map(LogLine::settled).collect::<Vec<_>>();
    // What is no UTF-8 the engine itself does not keep: its file is JSON.
    assert_eq!(of(Channel::Stdout), [&b"out"[..], "\u{fffd}\0x".as_bytes(), b"", b"100%", b"end"]);
    assert_eq!(of(Channel::Stderr), [b"err"]);
    assert!(lines.iter().all(|line| line.at.is_some()));
    let end = lines.iter().find(|line| line.text == b"end").unwrap();
    assert_eq!(end.end, LineEnd::Missing);
}

async fn terminal(rig: &'static Rig) {
    let script = r"printf '\001\002\000begins like a frame\n'; echo err >&2; printf 'a\rb\n'; printf end";
    let lines = read(rig, &ended(rig, "terminal", &["--tty"], script), LogQuery::default()).await;
    assert_eq!(texts(&lines), ["\u{1}\u{2}\0begins like a frame", "err", "b", "end"]);
}

async fn long_lines(rig: &'static Rig) {
    let script = "for n in 16383 16384 16385 32768 40000; do head -c $n /dev/zero | tr '\\0' x; echo; done; head -c 16384 /dev/zero | tr '\\0' y";
    for (name, options) in [("pieces", &[][..]), ("pieces-tty", &["--tty"])] {
        let lines = read(rig, &ended(rig, name, options, script), LogQuery::default()).await;
        let lengths: Vec<_> = lines.iter().map(|line| line.settled().len()).collect();
        assert_eq!(lengths, [16_383, 16_384, 16_385, 32_768, 40_000, 16_384], "{name}");
    }
}

async fn unterminated(rig: &'static Rig) {
    let script = "sleep 1; echo one; printf out; printf err >&2";
    let runs = (0..20).map(|number| {
        let id = rig.start(&format!("tail-{number}"), &[], &["sh", "-c", script]);
        tokio::spawn(async move { texts(&read(rig, &id, FOLLOW).await) })
    });
    let runs: Vec<_> = runs.collect();
    for run in runs {
        let mut lines = run.await.unwrap();
        lines.sort();
        assert_eq!(lines, ["err", "one", "out"]);
    }
}

async fn chosen(rig: &'static Rig) {
    let id = ended(rig, "chosen", &[], "for n in 1 2 3 4 5; do echo $n; done");
    let all = read(rig, &id, LogQuery::default()).await;
    let (since, until) = (all[1].at, all[3].at);
    assert!(all.windows(2).all(|pair| pair[0].at < pair[1].at), "the engine's times are not all alike");
    assert_eq!(texts(&read(rig, &id, LogQuery { since, until, ..LogQuery::default() }).await), ["2", "3", "4"]);
    assert_eq!(texts(&read(rig, &id, LogQuery { tail: Some(2), ..LogQuery::default() }).await), ["4", "5"]);
    assert!(read(rig, &id, LogQuery { tail: Some(0), ..LogQuery::default() }).await.is_empty());
}

async fn restarts(rig: &'static Rig) {
    let id = rig.start("restarts", &["--restart", "on-failure:2"], &["sh", "-c", "sleep 0.3; echo begun; printf ended; exit 1"]);
    assert_eq!(texts(&read(rig, &id, FOLLOW).await), ["begun", "ended"].repeat(3));
}

async fn followed_tail(rig: &'static Rig) {
    let id = rig.start("followed-tail", &[], &["sh", "-c", "echo old >&2; echo 1; echo 2; sleep 1.5; echo 3; printf 4"]);
    rig.docker(&["exec", &id, "sleep", "0.2"]);
    assert_eq!(texts(&read(rig, &id, LogQuery { tail: Some(1), ..FOLLOW }).await), ["2", "3", "4"]);
}

async fn rotation(rig: &'static Rig) {
    let options = ["--log-opt", "max-size=20k", "--log-opt", "max-file=50"];
    let id = rig.start("rotation", &options, &["sh", "-c", "for n in $(seq 1 2000); do echo line $n; done; printf end"]);
    let mut expected: Vec<_> = (1..=2000).map(|number| format!("line {number}")).collect();
    expected.push("end".to_owned());
    assert_eq!(texts(&read(rig, &id, FOLLOW).await), expected);
}

async fn no_driver(rig: &'static Rig) {
    let id = rig.start("no-driver", &["--log-driver", "none"], &["true"]);
    let error = rig.engine.logs(&id, LogQuery::default(), &mpsc::channel(1).0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

async fn no_container(rig: &'static Rig) {
    let error = rig.engine.logs("no-such-container-here", LogQuery::default(), &mpsc::channel(1).0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}
