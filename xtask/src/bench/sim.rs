//! The figures of the embedded ComfyUI, beside a real one in the same run.

use report::{CheckId, Event, Failure, FailureKind, Sink, Unit};
use serde_json::Value;

use super::{Bar, Measured};
use crate::programs::{capture, root};

/// How many prompts a second a real server did on two cores: the bar where none is named.
const REAL_RATE: f64 = 85.0;
/// How many times as many the embedded one is to do.
const TIMES: f64 = 20.0;
/// The prompts whose rates are compared: the id, the name in the figures, and what they are.
const RATES: [(&str, &str, &str); 3] = [
    ("rate-of-saved-pictures", "saved", "`EmptyImage` of a new colour into `SaveImage`"),
    ("rate-of-shown-pictures", "shown", "`EmptyImage` of a new colour into `PreviewImage`"),
    ("rate-of-the-same-prompt", "again", "the same prompt again, all from the cache"),
];
const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn run(live: Option<&str>, sink: &Sink) -> Result<Vec<Measured>, Failure> {
    sink.send(Event::Started("building and running the load".to_owned()));
    let figures = load(live)?;
    let (own, real) = (&figures["own"], figures.get("real"));
    let figure = |id, what: &str, value: f64, bar, unit| Measured {
        id: CheckId(id),
        what: what.to_owned(),
        value,
        bar,
        unit,
        seen: Vec::new(),
    };
    let version = format!("comfy-sim {}", env!("CARGO_PKG_VERSION"));
    let name = real.map(|real| format!("ComfyUI {} at {}", real["version"].as_str().unwrap_or("?"), live.unwrap_or_default()));
    if name.is_none() {
        sink.send(Event::Note(format!(
            "no real server was named with --live; its rate of saved pictures is taken as {REAL_RATE}"
        )));
    }
    let beside = |measured: Measured, key: &str, shown: &dyn Fn(f64) -> String| {
        let mut seen = vec![(version.clone(), shown(number(own, key)))];
        seen.extend(name.clone().zip(real).map(|(name, real)| (name, shown(number(real, key)))));
        Measured { seen, ..measured }
    };
    let start = figure(
        "start-to-first-answer",
        "start to the first 200 in process, median of 20, seconds",
        number(own, "start"),
        Bar::AtMost(0.02),
        Unit::Seconds,
    );
    let latency = figure(
        "prompt-over-ws",
        "submit to done over the WebSocket, median of 200, seconds",
        number(own, "latency"),
        Bar::AtMost(0.002),
        Unit::Seconds,
    );
    let mut out = vec![start, beside(latency, "latency", &|seconds| format!("{:.2} ms", 1e3 * seconds))];
    for (id, key, what) in RATES {
        // Without a real server only the trivial workflow has a known rate to compare with.
        let Some(rival) = real.map(|real| number(real, key)).or((key == "saved").then_some(REAL_RATE)) else { continue };
        let what = format!("{what}, a second, median of 3 batches of 2,000 in turns, as a ratio to a real server's");
        let rate = figure(id, &what, number(own, key) / rival, Bar::AtLeast(TIMES), Unit::Count);
        out.push(beside(rate, key, &|rate| format!("{rate:.0} a second")));
    }
    out.extend([
        figure(
            "memory-of-10000-prompts",
            "peak memory after 10,000 prompts, server and client together, MiB",
            number(own, "peak") / MIB,
            Bar::AtMost(256.0),
            Unit::Count,
        ),
        figure(
            "memory-of-10000-more",
            "what 10,000 more prompts add to it, MiB",
            number(own, "growth") / MIB,
            Bar::AtMost(64.0),
            Unit::Count,
        ),
    ]);
    Ok(out)
}

fn number(figures: &Value, name: &str) -> f64 {
    figures[name].as_f64().unwrap_or(f64::NAN)
}

/// Runs the load in the release profile, on an embedded server and, in turns, that at a URL.
fn load(live: Option<&str>) -> Result<Value, Failure> {
    let mut args = vec!["bench", "--quiet", "--package", "comfy-sim", "--bench", "load", "--"];
    args.extend(live);
    let (text, code) = capture("cargo", &args, &root())?;
    serde_json::from_str(&text).ok().filter(|_| code == Some(0)).ok_or_else(|| {
        Failure::new(FailureKind::Unexpected, "the load gave no figures")
            .hint("`cargo bench -p comfy-sim --bench load` shows why")
    })
}
