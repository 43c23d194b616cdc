//! Commands that run until somebody stops them: what they say meanwhile, line by line, and how they end.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::drift::Place;

struct Running {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Running {
    #[expect(clippy::disallowed_methods, reason = "the test runs the binary that it tests")]
    fn start(place: &Place, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_genai-tokens"));
        command.args(args).current_dir(place.at("")).env_clear();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines: Some(lines) }
    }

    fn input(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// The next line; none at the end of the output. It has no token in it.
    fn line(&mut self) -> Option<String> {
        let line = self.lines.as_mut()?.next()?.unwrap();
        assert!(!line.contains("made-up"), "a secret is shown: {line}");
        Some(line)
    }

    /// The next line, which the published schema describes; without its time.
    fn happening(&mut self) -> Value {
        let mut value: Value = serde_json::from_str(&self.line().unwrap()).unwrap();
        let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/schemas/watch-v1.json");
        let mut schemas = boon::Schemas::new();
        let index = boon::Compiler::new().compile(schema, &mut schemas).unwrap();
        assert!(schemas.validate(&value, index).is_ok(), "{value}");
        assert!(value["at"].take().as_str().unwrap().ends_with('Z'));
        value
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Exit code and what else was said.
    fn end(mut self) -> (Option<i32>, String) {
        let rest = std::iter::from_fn(|| self.line()).map(|line| line + "\n").collect();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn a_watch_says_each_happening_in_a_line_and_ends_when_it_is_told_to() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = Place::new();
        let mut watch = Running::start(&place, &["watch", "--format", "json"]);
        let began = watch.happening();
        assert_eq!(began["event"], "began");
        assert_eq!((&began["in_sync"], &began["services"][0]["targets"]), (&json!(true), &json!([".env"])));
        let source = watch.happening();
        assert_eq!(source["finding"]["outcome"], "warn", "its token is no bcrypt hash: {source}");

        place.write(".env", "COMFYUI_API_TOKEN='another-made-up-one'\n");
        let drifted = watch.happening();
        assert_eq!((&drifted["event"], &drifted["place"]), (&json!("drifted"), &json!(".env")));
        assert_ne!(drifted["fingerprint"], drifted["expected"]);

        watch.signal(signal);
        let ended = watch.happening();
        assert_eq!((&ended["event"], &ended["exit_code"]), (&json!("ended"), &json!(130)));
        assert_eq!(watch.end(), (Some(130), String::new()));
        assert_eq!(place.read(".env"), "COMFYUI_API_TOKEN='another-made-up-one'\n", "a watch that reports changes nothing");
    }
}

#[test]
fn a_watch_that_repairs_says_so_in_words() {
    let place = Place::new();
    let mut watch = Running::start(&place, &["watch", "--repair", "--poll", "0.1"]);
    let line = |watch: &mut Running| watch.line().unwrap().split_once(' ').unwrap().1.to_owned();
    insta::assert_snapshot!(line(&mut watch), @"✓ watching comfyui-qwen: `.secrets/comfyui_auth_tokens.conf` and 1 target, all in sync; what drifts is written again; looking every 0.1 s");
    assert!(line(&mut watch).starts_with("! comfyui-qwen: source-well-formed: "));
    place.write(".env", "A=1\nCOMFYUI_API_TOKEN='another-made-up-one'\n");
    assert!(line(&mut watch).contains("`.env` drifted: ANOTHER token, fingerprint "));
    insta::assert_snapshot!(line(&mut watch), @"✓ comfyui-qwen: wrote `.env` again");
    assert_eq!(place.read(".env"), "A=1\nCOMFYUI_API_TOKEN='a-made-up-token'\n");
    watch.signal(Signal::INT);
    assert_eq!(watch.end(), (Some(130), String::new()));
}

#[test]
fn every_service_is_watched_and_told_apart() {
    let place = Place::empty();
    place.write("genai.toml", "[service.a]\nsource = \"a/conf\"\n[service.b]\nsource = \"b/conf\"\n");
    for name in ["a", "b"] {
        let target = format!(r#"{{"path": "{name}.env", "dialect": "compose-v2-dotenv", "key": "T"}}"#);
        let source = format!(r#"{{"version": "2", "bcrypt_hash": "made-up-{name}", "targets": [{target}]}}"#);
        place.write(&format!("{name}/conf"), &source);
        place.write(&format!("{name}.env"), &format!("T='made-up-{name}'\n"));
    }
    let mut watch = Running::start(&place, &["watch", "--service", "all", "--format", "json"]);
    let began = watch.happening();
    assert_eq!(began["services"][1]["targets"], json!(["b.env"]));
    place.write("b.env", "T='made-up-a'\n");
    let drifted = std::iter::repeat_with(|| watch.happening()).find(|line| line["event"] == "drifted").unwrap();
    assert_eq!((&drifted["service"], &drifted["place"]), (&json!("b"), &json!("b.env")));
}

#[test]
fn a_watch_that_cannot_begin_says_why() {
    let place = Place::new();
    place.write("genai.toml", "url = \"not a url\"\n");
    let (code, out, _) = place.run(&["watch", "--format", "json"]);
    assert_eq!(code, 4);
    assert!(out.contains(r#""event":"ended""#) && out.contains(r#""kind":"settings""#), "{out}");
    let (code, out, err) = place.run(&["watch"]);
    assert_eq!((code, &*out), (4, ""));
    assert!(err.starts_with("error: "), "{err}");
    assert_eq!(place.run(&["watch", "--format", "sarif"]).0, 2);
    assert_eq!(place.run(&["watch", "--poll", "0"]).0, 2);
}

#[test]
fn a_watch_ends_when_nobody_reads_it() {
    let place = Place::new();
    let mut watch = Running::start(&place, &["watch", "--poll", "0.1"]);
    watch.line().unwrap();
    watch.lines = None;
    place.write(".env", "A=1\n");
    assert_eq!(watch.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_scan_that_is_stopped_reports_what_it_found_by_then() {
    let place = Place::new();
    let mut scan = Running::start(&place, &["scan", "-", "--format", "json"]);
    let mut input = scan.input();
    // More than a pipe holds: once it is written, the scan has begun.
    let mut text = b"Authorization: Bearer a-made-up-token\n".to_vec();
    text.resize(1 << 20, b'\n');
    input.write_all(&text).unwrap();
    scan.signal(Signal::INT);
    while input.write_all(&text).is_ok() {}
    let (code, report) = scan.end();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((code, &report["stopped"]["kind"]), (Some(130), &json!("interrupted")));
    let outcomes: Vec<_> = report["findings"].as_array().unwrap().iter().map(|finding| &finding["outcome"]).collect();
    assert!(outcomes.contains(&&json!("fail")) && outcomes.contains(&&json!("unknown")), "{report:#}");
}
