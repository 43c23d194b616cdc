//! `cargo xtask validate`: all that must be green, one line each, timed.

mod published;

use std::{path::Path, time::Duration};

use console::{ExitCode, Screen, Shared};
use report::{CheckId, Event, Failure, FailureKind, Finding, Outcome, Report};
use settings::{Flags, Settings};

use crate::{
    cli::Validate,
    programs::{capture, genai_auth, has_cargo, root, show, target},
    stand_in, tidy,
};

type Step = (&'static str, &'static str, fn() -> Result<Finding, Failure>);

/// What is off by default and has tests.
const FEATURES: &str = "comfy-client/blocking";

/// In the order that finds mistakes soonest.
const STEPS: &[Step] = &[
    ("formatted", "cargo fmt", || cargo("formatted", &["fmt", "--all", "--check"], &[])),
    ("tidy", "the rules of the house", || Ok(tidy::finding())),
    ("lints-clean", "cargo clippy", || {
        cargo("lints-clean", &["clippy", "--workspace", "--all-targets", "--features", FEATURES, "--", "-D", "warnings"], &[])
    }),
    ("fuzz-targets-compile", "the fuzz targets", fuzz),
    ("tests-pass", "the tests", tests),
    ("docker-agrees", "the real Docker and Compose", docker),
    ("doc-tests-pass", "the examples in the documentation", || {
        cargo("doc-tests-pass", &["test", "--workspace", "--features", FEATURES, "--doc"], &[])
    }),
    ("documentation-clean", "cargo doc", || {
        cargo(
            "documentation-clean",
            &["doc", "--workspace", "--features", FEATURES, "--no-deps"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        )
    }),
    ("licenses-allowed", "cargo deny", deny),
    ("client-publishable", "cargo package of comfy-client", published::package),
    ("client-semver-kept", "cargo semver-checks of comfy-client", published::semver),
    ("demo-runs", "the demo, twice in one folder", demo),
];

pub(crate) async fn run(shared: &Shared, args: &Validate, screen: &Screen) -> Result<ExitCode, Failure> {
    let world = console::world()?;
    let (sink, began) = (screen.sink(), world.clock.now());
    let since = |from: jiff::Timestamp| world.clock.now().duration_since(from).try_into().unwrap_or(Duration::ZERO);
    let mut report = Report::new("xtask validate", began);
    for (id, what, step) in STEPS {
        sink.send(Event::Section(format!("{id}: {what}")));
        let from = world.clock.now();
        let mut finding = step().unwrap_or_else(|failure| {
            failure.hints.iter().fold(Finding::new(CheckId(id), Outcome::Fail, failure.message), Finding::hint)
        });
        finding.took = Some(since(from));
        sink.send(Event::Found(Box::new(finding.clone())));
        report.findings.push(finding);
    }
    if let Some(url) = &args.live {
        let live = live(shared, url, args.generate, screen).await?;
        report.subject.extend(live.subject);
        report.findings.extend(live.findings);
        report.stopped = live.stopped;
    }
    report.took = since(began);
    Ok(screen.finish(&report))
}

/// What `genai-auth validate --url URL` does, by the same calls.
async fn live(shared: &Shared, url: &str, generate: bool, screen: &Screen) -> Result<Report, Failure> {
    let world = console::world()?;
    let services = Settings::load_each(&Flags { url: Some(url.to_owned()), ..shared.settings() }, &world)?;
    let options = flows::validate::Options { generate };
    console::interruptible(flows::validate::run(&services, &world, options, &screen.sink())).await
}

fn cargo(id: &'static str, args: &[&str], env: &[(&str, &str)]) -> Result<Finding, Failure> {
    let line = format!("cargo {}", args.join(" "));
    Ok(if show("cargo", args, env)? {
        Finding::new(CheckId(id), Outcome::Pass, line)
    } else {
        Finding::new(CheckId(id), Outcome::Fail, format!("`{line}` failed")).hint("its output stands above")
    })
}

/// They are a workspace of their own, and take the versions of ours.
fn fuzz() -> Result<Finding, Failure> {
    std::fs::copy(root().join("Cargo.lock"), root().join("fuzz/Cargo.lock"))
        .map_err(|error| Failure::new(FailureKind::Unexpected, format!("can't copy `Cargo.lock` to `fuzz/`: {error}")))?;
    let manifest = ["check", "--manifest-path", "fuzz/Cargo.toml", "--no-default-features"];
    cargo("fuzz-targets-compile", &manifest, &[("CARGO_TARGET_DIR", &target()?)])
}

fn tests() -> Result<Finding, Failure> {
    let alone = [(LIVE, "")]; // they have a step of their own
    if has_cargo("nextest") {
        return cargo("tests-pass", &["nextest", "run", "--workspace", "--features", FEATURES, "--no-fail-fast"], &alone);
    }
    let all = ["test", "--workspace", "--features", FEATURES, "--lib", "--bins", "--tests", "--no-fail-fast"];
    cargo("tests-pass", &all, &alone)
}

/// Set to `1` it says that Docker Engine and Compose are there: then what needs them must pass.
const LIVE: &str = "GENAI_LIVE_DOCKER";

fn docker() -> Result<Finding, Failure> {
    let id = "docker-agrees";
    if console::world()?.var(LIVE) == Some("1") {
        stand_in::make()?;
        let of = ["test", "--no-fail-fast", "-p", "docker-ops", "-p", "genai-stack", "-p", "token-sync"];
        let targets = ["--test", "engine", "--test", "cli", "--test", "live_compose", "--", "--include-ignored"];
        return cargo(id, &[&of[..], &targets].concat(), &[]);
    }
    let reason = "it needs Docker Engine and Compose 2".to_owned();
    Ok(Finding::new(CheckId(id), Outcome::Skipped(reason), "what is written was not shown to the real Docker")
        .hint(format!("set `{LIVE}=1` where they are installed")))
}

fn deny() -> Result<Finding, Failure> {
    if has_cargo("deny") {
        return cargo("licenses-allowed", &["deny", "check"], &[]);
    }
    let reason = "cargo-deny is not installed".to_owned();
    Ok(Finding::new(CheckId("licenses-allowed"), Outcome::Skipped(reason), "deny.toml was not checked")
        .hint("install it with `cargo install --locked cargo-deny`"))
}

/// The main job as a user starts it: a fresh folder first, then the same folder again, which must keep the credential.
fn demo() -> Result<Finding, Failure> {
    let id = CheckId("demo-runs");
    let program = genai_auth()?;
    let folder = tempfile::tempdir()
        .map_err(|error| Failure::new(FailureKind::Unexpected, format!("can't make a folder for the run: {error}")))?;
    let source = folder.path().join("genai-demo/.secrets/comfyui_auth_tokens.conf");
    let first = journey(&program, folder.path())?;
    let before = std::fs::read(&source);
    let second = journey(&program, folder.path())?;
    let kept = before.is_ok_and(|before| std::fs::read(&source).is_ok_and(|after| after == before));
    Ok(match (first, second, kept) {
        (Ok(first), Ok(second), true) => Finding::new(id, Outcome::Pass, "exit 0 both times; the second run kept the credential")
            .seen("first run", first)
            .seen("second run", second),
        (Ok(_), Ok(_), false) => Finding::new(id, Outcome::Fail, "the second run did not keep the credential"),
        (Err(wrong), ..) => Finding::new(id, Outcome::Fail, format!("the first run: {wrong}")),
        (_, Err(wrong), _) => Finding::new(id, Outcome::Fail, format!("the second run: {wrong}")),
    })
}

/// One run of the demo, judged by its exit code and its report.
fn journey(program: &str, folder: &Path) -> Result<Result<String, String>, Failure> {
    let (text, code) = capture(program, &["demo", "--format", "json"], folder)?;
    let report: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let counts =
        format!("{} passed, {} warned, {} failed", report["counts"]["pass"], report["counts"]["warn"], report["counts"]["fail"]);
    Ok(match (code, report["verdict"].as_str()) {
        (Some(0), Some("well")) => Ok(counts),
        _ => Err(format!("exit {code:?}, verdict {}, {counts}", report["verdict"])),
    })
}
