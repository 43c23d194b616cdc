//! Commands in a container, and how they end.

use std::time::Duration;

use docker_ops::{Channel, Engine, ErrorKind, ExecCommand, ExecEnd, ExecInput, ExecOutput, NotStarted};
use libtest_mimic::Trial;
use tokio::sync::mpsc;

use crate::rig::Rig;

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![
        rig.trial("exec: exit codes and signals", codes),
        rig.trial("exec: why a command never began is told apart", reasons),
        rig.trial("exec: a container that can't run it", not_now),
        rig.trial("exec: the two outputs are kept apart, one with a terminal", outputs),
        rig.trial("exec: what is piped in comes back whole", input),
        rig.trial("exec: user, folder and environment", surroundings),
        rig.trial("exec: a command that takes too long is given up", timeout),
    ]
}

fn sh(script: &str) -> ExecCommand {
    command(&["sh", "-c", script])
}

pub(crate) fn command(words: &[&str]) -> ExecCommand {
    ExecCommand { command: words.iter().map(|word| (*word).to_owned()).collect(), ..ExecCommand::default() }
}

/// How it ended, and what it wrote to its two outputs.
async fn run(rig: &Rig, id: &str, command: &ExecCommand, input: ExecInput) -> (ExecEnd, Vec<u8>, Vec<u8>) {
    run_on(&rig.engine, id, command, input).await
}

pub(crate) async fn run_on(engine: &Engine, id: &str, command: &ExecCommand, input: ExecInput) -> (ExecEnd, Vec<u8>, Vec<u8>) {
    let (sender, mut receiver) = mpsc::channel::<ExecOutput>(8);
    let collect = async {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        while let Some(piece) = receiver.recv().await {
            if piece.channel == Channel::Stdout { &mut out } else { &mut err }.extend_from_slice(&piece.bytes);
        }
        (out, err)
    };
    let work = async {
        let end = engine.exec(id, command, input, &sender).await.unwrap();
        drop(sender);
        end
    };
    let ((out, err), end) = tokio::join!(collect, work);
    (end, out, err)
}

fn sleeper(rig: &Rig, name: &str) -> String {
    rig.start(name, &["--init"], &["sleep", "600"])
}

async fn codes(rig: &'static Rig) {
    let id = sleeper(rig, "exec-codes");
    for (script, code) in [
        ("true", 0),
        ("exit 3", 3),
        ("kill -9 $$", 137),
        ("kill -15 $$", 143),
        ("exit 126", 126),
        ("nope", 127),
        ("exec sleep 0.3 >&- 2>&-; exit 9", 0),
    ] {
        let (end, ..) = run(rig, &id, &sh(script), None).await;
        assert_eq!(end, ExecEnd::Exited(code), "{script}");
    }
    let fakes = "printf 'OCI runtime exec failed: exec: not found'; exit 126";
    let (end, out, _) = run(rig, &id, &sh(fakes), None).await;
    assert_eq!((end, out.len()), (ExecEnd::Exited(126), 40), "a program may write what the engine writes");
}

async fn reasons(rig: &'static Rig) {
    let id = sleeper(rig, "exec-reasons");
    let as_user = |user: &str| ExecCommand { user: Some(user.to_owned()), ..sh("true") };
    let in_folder = ExecCommand { workdir: Some("/nope".to_owned()), ..sh("true") };
    for (command, expected, code) in [
        (command(&["nope"]), NotStarted::NotFound, 127),
        (command(&["/bin/nope"]), NotStarted::NotFound, 127),
        (command(&["/tmp"]), NotStarted::NotExecutable, 126),
        (as_user("nobody-of-that-name"), NotStarted::UnknownUser, 126),
        (in_folder, NotStarted::UnknownFolder, 126),
    ] {
        let (end, out, err) = run(rig, &id, &command, None).await;
        assert!(matches!(&end, ExecEnd::NotStarted { why, .. } if *why == expected), "{command:?}: {end:?}");
        assert_eq!((end.code(), out.len(), err.len()), (code, 0, 0), "what the engine says is not the command's output");
    }
}

async fn not_now(rig: &'static Rig) {
    let id = sleeper(rig, "exec-not-now");
    let why = async || match run(rig, &id, &sh("true"), None).await.0 {
        ExecEnd::NotStarted { why, .. } => why,
        end => panic!("{end:?}"),
    };
    rig.docker(&["pause", &id]);
    assert_eq!(why().await, NotStarted::Paused);
    rig.docker(&["unpause", &id]);
    rig.docker(&["kill", &id]);
    assert_eq!(why().await, NotStarted::NotRunning);
    let error = rig.engine.exec("no-such-container-here", &sh("true"), None, &mpsc::channel(1).0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

async fn outputs(rig: &'static Rig) {
    let id = sleeper(rig, "exec-outputs");
    let script = r"echo out; echo err >&2; printf '\001\377'; test -t 1 && echo terminal";
    let (end, out, err) = run(rig, &id, &sh(script), None).await;
    assert_eq!((end, &out[..], &err[..]), (ExecEnd::Exited(1), &b"out\n\x01\xff"[..], &b"err\n"[..]));
    let terminal = ExecCommand { terminal: Some((100, 30)), ..sh("echo err >&2; stty size; printf '\\001end'") };
    let (end, out, err) = run(rig, &id, &terminal, Some(Box::pin(tokio::io::empty()))).await;
    assert_eq!(end, ExecEnd::Exited(0));
    assert!(out.starts_with(b"err\r\n") && out.ends_with(b"\x01end"), "{}", String::from_utf8_lossy(&out));
    assert!(err.is_empty());
    let sized = ExecCommand { terminal: Some((100, 30)), ..sh("sleep 0.3; stty size") };
    for input in [None, Some(Box::pin(tokio::io::empty()))] as [ExecInput; 2] {
        assert_eq!(run(rig, &id, &sized, input).await.1, b"30 100\r\n");
    }
    let (_, out, _) = run(rig, &id, &sh("head -c 3000000 /dev/zero"), None).await;
    assert_eq!(out.len(), 3_000_000);
}

async fn input(rig: &'static Rig) {
    let id = sleeper(rig, "exec-input");
    let sent: Vec<u8> = (0..2_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (end, out, _) = run(rig, &id, &command(&["cat"]), Some(Box::pin(std::io::Cursor::new(sent.clone())))).await;
    assert_eq!(end, ExecEnd::Exited(0));
    assert!(out == sent, "{} of {} bytes", out.len(), sent.len());
    // It reads a part and ends: that is no failure.
    let (end, out, _) = run(rig, &id, &command(&["head", "-c", "3"]), Some(Box::pin(std::io::Cursor::new(sent)))).await;
    assert_eq!((end, out), (ExecEnd::Exited(0), vec![0, 1, 2]));
    let (end, ..) = run(rig, &id, &command(&["nope"]), Some(Box::pin(tokio::io::empty()))).await;
    assert!(matches!(end, ExecEnd::NotStarted { why: NotStarted::NotFound, .. }), "{end:?}");
}

async fn surroundings(rig: &'static Rig) {
    let id = sleeper(rig, "exec-surroundings");
    let command = ExecCommand {
        environment: vec!["A=b c".to_owned()],
        user: Some("7:8".to_owned()),
        workdir: Some("/tmp".to_owned()),
        ..sh("echo $A; id -u; id -g; pwd")
    };
    let (_, out, _) = run(rig, &id, &command, None).await;
    assert_eq!(String::from_utf8(out).unwrap(), "b c\n7\n8\n/tmp\n");
}

async fn timeout(rig: &'static Rig) {
    let id = sleeper(rig, "exec-timeout");
    let command = ExecCommand { timeout: Some(Duration::from_millis(300)), ..sh("sleep 60") };
    assert_eq!(run(rig, &id, &command, None).await.0, ExecEnd::NotEnded);
}
