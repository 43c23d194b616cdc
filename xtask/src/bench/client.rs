//! The figures of `comfy-client`, beside the other clients of ComfyUI in the same run.

use std::path::Path;

use console::Shared;
use report::{CheckId, Event, Failure, FailureKind, Sink, Unit};
use serde_json::Value;

use super::{Bar, Measured};
use crate::programs::{capture, root, show, target};

/// The rival in Python, which no crate can hold.
const SIMPLIFIED: &str = "comfy-api-simplified==1.6.0";
/// The rival that the embedded server is held against: it must run a workflow without a change.
const MARKET: &str = "rucomfyui";
const MB: f64 = 1e6;

pub(super) fn run(live: Option<&str>, shared: &Shared, sink: &Sink) -> Result<Vec<Measured>, Failure> {
    sink.send(Event::Started("building the clients and running the race, which takes minutes".to_owned()));
    let target = target()?;
    let build = ["build", "--quiet", "--release", "--manifest-path", "xtask/rivals/Cargo.toml"];
    if !show("cargo", &build, &[("CARGO_TARGET_DIR", &target)])? {
        return Err(Failure::new(FailureKind::Unexpected, "the race doesn't build")
            .hint("the rivals need a network at first, and OpenSSL's headers"));
    }
    let python = python(&target)?;
    if python.is_none() {
        sink.send(Event::Note(format!("{SIMPLIFIED} does not take part: no Python 3, or PyPI can't be reached")));
    }
    let token = shared.token_file.as_deref().map(std::path::absolute).transpose();
    let token = token.map_err(|error| Failure::new(FailureKind::Unexpected, format!("can't find the token file: {error}")))?;
    let token = token.map(|path| path.display().to_string());
    let mut args = vec!["race"];
    for (name, value) in [("--live", live), ("--token-file", token.as_deref()), ("--python", python.as_deref())] {
        args.extend(value.into_iter().flat_map(|value| [name, value]));
    }
    let (text, code) = capture(&format!("{target}/release/rivals"), &args, &root())?;
    let race: Value = serde_json::from_str(&text)
        .ok()
        .filter(|_| code == Some(0))
        .ok_or_else(|| Failure::new(FailureKind::Unexpected, "the race gave no figures").hint("its words stand above"))?;
    Ok([beside_rivals(&race)?, alone(&race)?].concat())
}

/// The Python of a folder below cargo's, in which the rival is; none where it can't be had.
fn python(target: &str) -> Result<Option<String>, Failure> {
    let folder = format!("{target}/rivals-python");
    let python = format!("{folder}/bin/python");
    let made = Path::new(&python).exists() || show("python3", &["-m", "venv", &folder], &[]).unwrap_or(false);
    let there = made && show(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", SIMPLIFIED], &[])?;
    Ok(there.then_some(python))
}

/// What every client did on the one server.
fn beside_rivals(race: &Value) -> Result<Vec<Measured>, Failure> {
    let clients = race["clients"].as_array().filter(|clients| !clients.is_empty());
    let clients = clients.ok_or_else(|| Failure::new(FailureKind::Unexpected, "the race had no clients"))?;
    let (ours, rivals) = (&clients[0], &clients[1..]);
    let server = race["server"].as_str().unwrap_or_default();
    let seen = |what: &dyn Fn(&Value) -> String| -> Vec<(String, String)> {
        clients.iter().map(|client| (client["name"].as_str().unwrap_or_default().to_owned(), what(client))).collect()
    };
    // The time of a few jobs that went well among many that hung is no rival's time.
    let whole = || rivals.iter().filter(|rival| rival["sequential"] == race["jobs"]);
    let best = |key: &str| whole().filter_map(|rival| rival[key].as_f64()).reduce(f64::min);
    let jobs = number(race, "jobs");
    let mut measured = vec![];
    for (id, key, what) in [("bytes-in-hand-p50", "p50_ms", "median"), ("bytes-in-hand-p99", "p99_ms", "99th percentile")] {
        let what = format!("submit to the picture's bytes on {server}, {what} in ms, beside the quickest rival");
        // Where no rival did all jobs any time is the best, but none is not.
        let bar = Bar::AtMost(best(key).unwrap_or(f64::INFINITY));
        let mut measure = figure(id, &what, number(ours, key), bar);
        measure.seen = seen(&|client| format!("{:.3} ms of {}", number(client, key), client["measured"]));
        measured.push(measure);
    }
    let mut over = figure(
        "overshoot",
        "from the server's end of a job to its bytes in hand, median in ms",
        number(ours, "overshoot_p50_ms"),
        Bar::AtMost(2.0),
    );
    over.seen =
        seen(&|client| format!("{:.3} ms, p99 {:.3} ms", number(client, "overshoot_p50_ms"), number(client, "overshoot_p99_ms")));
    measured.push(over);
    let mut requests =
        figure("requests-per-workflow", "HTTP requests for a workflow of one picture", requests(ours), Bar::AtMost(3.0));
    requests.seen = seen(&|client| format!("{} for {} pictures", client["requests"], client["counted"]));
    measured.push(requests);
    for (id, key, hung, failed, what) in [
        ("jobs-in-sequence", "sequential", "hung", "failed", "jobs done one after the other"),
        ("jobs-at-once", "concurrent", "concurrent_hung", "concurrent_failed", "jobs done that were submitted at once"),
    ] {
        let mut measure = figure(id, &format!("{what}, of {jobs}"), number(ours, key), Bar::AtLeast(jobs));
        let failures = |client: &Value| client[failed].as_array().map_or(0, Vec::len);
        measure.seen =
            seen(&|client| format!("{} done, {} silent for 5 s, {} failed", client[key], client[hung], failures(client)));
        measured.push(measure);
    }
    let market = rivals.iter().find(|rival| rival["name"].as_str().is_some_and(|name| name.starts_with(MARKET)));
    measured.extend(market.map(|market| {
        let what = format!("jobs that {} did on {server}, unchanged", market["name"].as_str().unwrap_or_default());
        figure("market-client-runs", &what, number(market, "sequential"), Bar::AtLeast(1.0))
    }));
    Ok(measured)
}

/// Requests but the one that opens the WebSocket, which serves all workflows.
fn requests(client: &Value) -> f64 {
    let requests = client["requests"].as_object().into_iter().flatten().filter(|(kind, _)| *kind != "GET /ws");
    requests.filter_map(|(_, count)| count.as_f64()).sum::<f64>() / number(client, "counted")
}

/// What is measured of ours alone.
fn alone(race: &Value) -> Result<Vec<Measured>, Failure> {
    let (batch, download, decode, recovery) = (&race["batch"], &race["download"], &race["decode"], &race["recovery"]);
    if batch["succeeded"] != 10_000 {
        return Err(Failure::new(FailureKind::Unexpected, format!("only {} of 10,000 prompts succeeded", batch["succeeded"])));
    }
    let peak = |run: &Value| number(run, "peak") / MB;
    let (short, long) = (peak(&download["short"]), peak(&download["long"]));
    let mut prompts = figure(
        "memory-of-10000-prompts",
        "peak memory of the client alone in a batch of 10,000 prompts, MB",
        peak(batch),
        Bar::AtMost(100.0),
    );
    prompts.seen =
        vec![("batch".to_owned(), format!("{:.1} s, {} under way at once", number(batch, "seconds"), batch["at_once"]))];
    let mut file =
        figure("memory-of-a-download", "memory that 100 MiB take beyond 1 MiB, MB", (long - short).max(0.0), Bar::AtMost(4.0));
    file.seen = vec![
        ("1 MiB".to_owned(), format!("peak {short:.1} MB")),
        ("100 MiB".to_owned(), format!("peak {long:.1} MB, {:.2} s", number(&download["long"], "seconds"))),
    ];
    let mut decoded = figure(
        "messages-decoded",
        "text messages of a job of 20 steps decoded a second, on one core",
        number(decode, "ours"),
        Bar::AtLeast(1e6),
    );
    let rival = "comfyui-client 0.4.0";
    decoded.seen = vec![
        ("messages".to_owned(), format!("{} in {} bytes", decode["frames"], decode["bytes"])),
        (rival.to_owned(), format!("{:.0} a second", number(decode, rival))),
    ];
    let mut measured = vec![prompts, file, decoded];
    for (id, key) in [("recovery-cut", "socket cut"), ("recovery-deaf", "socket deaf"), ("recovery-restart", "server restarted")]
    {
        let of = &recovery[key];
        let what = format!("{key}: seconds until the end is known, 99th percentile of {}", recovery["rounds"]);
        let mut measure = Measured { unit: Unit::Seconds, ..figure(id, &what, number(of, "p99"), Bar::AtMost(2.5)) };
        measure.seen = vec![("median".to_owned(), format!("{:.3} s", number(of, "p50")))];
        measured.push(measure);
    }
    let rows = race["faults"].as_array().map(Vec::as_slice).unwrap_or_default();
    let hung = rows.iter().filter(|row| row["hung"] == true).count();
    let mut faults = figure("faults-without-an-end", "faults that leave the client hanging", hung as f64, Bar::AtMost(0.0));
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    faults.seen = rows
        .iter()
        .map(|row| (text(row, "fault"), format!("{}, after {:.2} s", text(row, "outcome"), number(row, "seconds"))))
        .collect();
    measured.push(faults);
    Ok(measured)
}

fn figure(id: &'static str, what: &str, value: f64, bar: Bar) -> Measured {
    Measured { id: CheckId(id), what: what.to_owned(), value, bar, unit: Unit::Count, seen: Vec::new() }
}

fn number(figures: &Value, name: &str) -> f64 {
    figures[name].as_f64().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_latency_is_held_against_rivals_that_did_all_jobs_and_must_be_there_in_any_case() {
        let client =
            |name: &str, done: u64, ms: Option<f64>| json!({"name": name, "sequential": done, "p50_ms": ms, "p99_ms": ms});
        let holds = |done: u64, ms: Option<f64>| {
            let clients = [client("ours", 100, ms), client("a rival", done, Some(4.0))];
            let measured = beside_rivals(&json!({"server": "x", "jobs": 100, "clients": clients})).unwrap();
            let latencies = measured.iter().filter(|figure| figure.id.0.starts_with("bytes-in-hand"));
            latencies.map(|figure| figure.bar.holds(figure.value)).collect::<Vec<_>>()
        };
        assert_eq!((holds(100, Some(4.0)), holds(100, Some(5.0))), (vec![true; 2], vec![false; 2]));
        assert_eq!((holds(99, Some(5.0)), holds(99, None)), (vec![true; 2], vec![false; 2]));
    }
}
