//! What containers write, line by line.

use docker_ops::{Channel, ErrorKind, LineEnd, LogLine, LogQuery, LogsEvent, ProjectScope};
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
        rig.trial("logs: a project's follower hears containers that start again, and that are made anew", made_anew),
        rig.trial("logs: one container that can't be read does not silence the others", one_is_mute),
        rig.trial("logs: the last lines, as a terminal would show them", last_lines),
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
    // Between the outputs the engine keeps no order, unless some time lies between.
    let script = "echo old >&2; sleep 0.5; echo 1; echo 2; sleep 2; echo 3; printf 4";
    let id = rig.start("followed-tail", &[], &["sh", "-c", script]);
    rig.docker(&["exec", &id, "sleep", "1"]);
    assert_eq!(texts(&read(rig, &id, LogQuery { tail: Some(1), ..FOLLOW }).await), ["2", "3", "4"]);
}

async fn rotation(rig: &'static Rig) {
    let script = "for n in $(seq 1 2000); do echo line $n; echo line $n >&2; done; printf end; printf end >&2";
    let mut expected: Vec<_> = (1..=2000).map(|number| format!("line {number}")).collect();
    expected.push("end".to_owned());
    for driver in ["json-file", "local"] {
        let options = ["--log-driver", driver, "--log-opt", "max-size=20k", "--log-opt", "max-file=50"];
        let id = rig.start(&format!("rotation-{driver}"), &options, &["sh", "-c", script]);
        let (out, err): (Vec<_>, Vec<_>) =
            read(rig, &id, FOLLOW).await.into_iter().partition(|line| line.channel == Channel::Stdout);
        for read in [out, err].map(|lines| texts(&lines)) {
            let differs = read.iter().zip(&expected).position(|(read, expected)| read != expected);
            let near = differs.map(|at| &read[at.saturating_sub(1)..(at + 2).min(read.len())]);
            assert_eq!((near, read.len()), (None, expected.len()), "{driver}");
        }
    }
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

/// What happens in a project of containers of one service; `options` are of the first.
fn begin(rig: &Rig, project: &str, name: &str, options: &[&str], script: &str) -> String {
    let of = format!("com.docker.compose.project={project}");
    let labels = ["--label", &of, "--label", "com.docker.compose.service=ui", "--label", "com.docker.compose.oneoff=False"];
    rig.start(name, &[&labels, options].concat(), &["sh", "-c", script])
}

async fn made_anew(rig: &'static Rig) {
    let project = format!("{}-anew", rig.run);
    let wait = "trap 'echo ended; exit' TERM; while :; do sleep 0.05; done";
    let first = begin(rig, &project, "anew-1", &[], &format!("echo first; {wait}"));
    let (sender, mut events) = mpsc::channel(8);
    let follow = tokio::spawn({
        let project = ProjectScope::named(&project);
        async move { rig.engine.project_logs(&project, Some("ui"), FOLLOW, &sender).await }
    });
    let mut next = async || match events.recv().await {
        Some(LogsEvent::Came(member)) => format!("came {}", member.id),
        Some(LogsEvent::Line(line)) => format!("{} {}", String::from_utf8_lossy(&line.text), line.container),
        other => panic!("{other:?}"),
    };
    assert_eq!(next().await, format!("came {first}"));
    assert_eq!(next().await, format!("first {first}"));
    rig.docker(&["restart", &first]);
    assert_eq!(next().await, format!("ended {first}"));
    assert_eq!(next().await, format!("first {first}"), "after its restart, once");
    rig.docker(&["stop", &first]);
    assert_eq!(next().await, format!("ended {first}"));
    rig.docker(&["start", &first]);
    assert_eq!(next().await, format!("first {first}"), "after its end was read");
    rig.docker(&["rm", "--force", &first]);
    let second = begin(rig, &project, "anew-2", &[], &format!("echo second; {wait}"));
    assert_eq!(next().await, format!("came {second}"));
    assert_eq!(next().await, format!("second {second}"));
    drop(events);
    follow.await.unwrap().unwrap();
}

async fn one_is_mute(rig: &'static Rig) {
    let project = format!("{}-mute", rig.run);
    let none = begin(rig, &project, "mute-none", &["--log-driver", "none"], "echo lost");
    let unread = ["--log-driver", "syslog", "--log-opt", "syslog-address=udp://127.0.0.1:9", "--log-opt", "cache-disabled=true"];
    let syslog = begin(rig, &project, "mute-syslog", &unread, "echo sent away");
    let heard = begin(rig, &project, "mute-not", &[], "echo heard");
    for id in [&none, &syslog, &heard] {
        rig.docker(&["wait", id]);
    }
    let (sender, mut events) = mpsc::channel(8);
    rig.engine.project_logs(&ProjectScope::named(&project), None, LogQuery::default(), &sender).await.unwrap();
    drop(sender);
    let mut told = Vec::new();
    while let Some(event) = events.recv().await {
        match event {
            LogsEvent::Came(_) => {}
            LogsEvent::Line(line) => told.push((line.container.to_string(), String::from_utf8(line.text).unwrap())),
            LogsEvent::Unreadable { container, error } => told.push((container.to_string(), format!("{:?}", error.kind()))),
        }
    }
    let mut expected = [(none, "Unsupported"), (syslog, "Unsupported"), (heard, "heard")].map(|(id, what)| (id, what.to_owned()));
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}

async fn last_lines(rig: &'static Rig) {
    let script = r"echo first; printf ' 10%%\r 20%%\r\n\n'; printf last";
    let id = ended(rig, "last-lines", &[], script);
    assert_eq!(rig.engine.last_lines(&id, 3).await.unwrap(), [" 20%", "last"]);
    let terminal = ended(rig, "last-lines-tty", &["--tty"], "echo a; printf '1\r2\r\n'");
    assert_eq!(rig.engine.last_lines(&terminal, 9).await.unwrap(), ["a", "2"]);
}
