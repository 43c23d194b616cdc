//! The figures of the embedded ComfyUI, beside a real one in the same run.

use report::{CheckId, Event, Failure, FailureKind, Sink, Unit};
use serde_json::Value;

use super::{Bar, Measured};
use crate::programs::{capture, root};

/// How many prompts a second a real server did on two cores: the bar where none is named.
const REAL_RATE: f64 = 85.0;
/// How many times as many the embedded one is to do.
const TIMES: f64 = 20.0;
const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn run(live: Option<&str>, sink: &Sink) -> Result<Vec<Measured>, Failure> {
    sink.send(Event::Started("building and running the load".to_owned()));
    let own = load("own")?;
    let real = live.map(load).transpose()?;
    let figure = |id, what: &str, value: f64, bar, unit| Measured {
        id: CheckId(id),
        what: what.to_owned(),
        value,
        bar,
        unit,
        seen: Vec::new(),
    };
    let version = format!("comfy-sim {}", env!("CARGO_PKG_VERSION"));
    let rate = number(&own, "rate");
    let mut latency = figure(
        "prompt-over-ws",
        "submit to done over the WebSocket, median of 200, seconds",
        number(&own, "latency"),
        Bar::AtMost(0.002),
        Unit::Seconds,
    );
    let mut drained = figure(
        "rate-beside-the-real-server",
        "prompts submitted and done, a second, median of 3 batches of 3,000, as a ratio to a real server's",
        rate / real.as_ref().map_or(REAL_RATE, |real| number(real, "rate")),
        Bar::AtLeast(TIMES),
        Unit::Count,
    );
    drained.seen.push((version.clone(), format!("{rate:.0} a second, and {:.0} of 10,000 at once", number(&own, "drained"))));
    latency.seen.push((version, format!("{:.2} ms", 1e3 * number(&own, "latency"))));
    match &real {
        Some(real) => {
            let name = format!("ComfyUI {} at {}", real["version"].as_str().unwrap_or("?"), live.unwrap_or_default());
            drained.seen.push((name.clone(), format!("{:.0} a second", number(real, "rate"))));
            latency.seen.push((name, format!("{:.2} ms", 1e3 * number(real, "latency"))));
        }
        None => sink.send(Event::Note(format!("no real server was named with --live; its rate is taken as {REAL_RATE}"))),
    }
    Ok(vec![
        figure(
            "start-to-first-answer",
            "start to the first 200 in process, median of 20, seconds",
            number(&own, "start"),
            Bar::AtMost(0.02),
            Unit::Seconds,
        ),
        latency,
        drained,
        figure(
            "memory-of-10000-prompts",
            "peak memory after 10,000 prompts, server and client together, MiB",
            number(&own, "peak") / MIB,
            Bar::AtMost(256.0),
            Unit::Count,
        ),
        figure(
            "memory-of-10000-more",
            "what 10,000 more prompts add to it, MiB",
            number(&own, "growth") / MIB,
            Bar::AtMost(64.0),
            Unit::Count,
        ),
    ])
}

fn number(figures: &Value, name: &str) -> f64 {
    figures[name].as_f64().unwrap_or(f64::NAN)
}

/// Runs the load in the release profile, against a server of its own or that at a URL.
fn load(target: &str) -> Result<Value, Failure> {
    let args = ["bench", "--quiet", "--package", "comfy-sim", "--bench", "load", "--", target];
    let (text, code) = capture("cargo", &args, &root())?;
    serde_json::from_str(&text).ok().filter(|_| code == Some(0)).ok_or_else(|| {
        Failure::new(FailureKind::Unexpected, format!("the load on `{target}` gave no figures"))
            .hint("`cargo bench -p comfy-sim --bench load -- own` shows why")
    })
}
