//! All clients on the same server, one after the other.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::clients::{NAMES, OURS};
use crate::own::Own;
use crate::proxy::Proxy;
use crate::work::{self, PATIENCE};
use crate::{Args, Outcome, batch, decode, faults, own, recovery};

/// The client in Python; its own process too.
pub const SIMPLIFIED: &str = "comfy-api-simplified 1.6.0";
const JOBS: usize = 100;
const TURNS: usize = 16;
/// What a client has not begun after so many seconds it does not begin any more.
const SECONDS: u64 = 30;
/// Jobs whose requests are counted.
const COUNTED: usize = 10;

/// Everything: the race on one server, and what is measured of ours alone on embedded ones.
pub async fn all(args: &Args) -> Outcome<Value> {
    let own = Own::start(|builder| builder).await?;
    let url = args.live.clone().unwrap_or_else(|| own.server.url());
    let token = args.token_file.as_deref();
    let stats = get(&url, "/system_stats", token).await?;
    // No rival can show a token: behind a login ours runs alone.
    let rivals = NAMES.iter().skip(1).copied().chain(args.python.is_some().then_some(SIMPLIFIED)).filter(|_| token.is_none());
    let names: Vec<&str> = [OURS].into_iter().chain(rivals).collect();
    // Each run's pictures have a folder of their own on the server.
    let mark = work::micros() / 1_000_000 % 1_000_000;
    let run = |at: usize, kind: &str| format!("bench-{mark}-{at}-{kind}");
    let program = |at: usize| Program { name: names[at], args, token };
    // In turns, so that what else the machine does falls on all, and there and back, so that none always comes after the same
    // one; the slow ones once.
    let mut ones: Vec<Ran> = names.iter().map(|_| Ran::default()).collect();
    for turn in 0..TURNS {
        for place in 0..names.len() {
            let at = if turn % 2 == 0 { place } else { names.len() - 1 - place };
            if turn == 0 || ones[at].is_quick() {
                eprintln!("{}: {JOBS} jobs, one after the other, turn {}", names[at], turn + 1);
                let run = run(at, &format!("one-{turn}"));
                ones[at].add(program(at).run(&url, &run, JOBS, 1).await?);
            }
        }
    }
    let ends = ends(&get(&url, "/history", token).await?);
    let mut clients = Vec::new();
    for (at, one) in ones.into_iter().enumerate() {
        eprintln!("{}: {JOBS} jobs at once", names[at]);
        let many = program(at).run(&url, &run(at, "many"), JOBS, JOBS).await?;
        let proxy = Proxy::before(&url).await?;
        let counted = program(at).run(&proxy.url, &run(at, "count"), COUNTED, 1).await?;
        let requests = proxy.take();
        let mut took: Vec<f64> = one.done.iter().map(|done| 1e-3 * (done.to - done.from) as f64).collect();
        let mut over: Vec<f64> = one.done.iter().filter_map(|done| Some(1e-3 * done.to as f64 - ends.get(&done.name)?)).collect();
        clients.push(json!({
            "name": names[at], "sequential": one.first, "hung": one.hung, "failed": one.failed,
            "concurrent": many.done.len(), "concurrent_hung": many.hung, "concurrent_failed": many.failed,
            "concurrent_seconds": many.seconds(), "measured": took.len(),
            "p50_ms": work::quantile(&mut took, 0.5), "p99_ms": work::quantile(&mut took, 0.99),
            "overshoot_p50_ms": work::quantile(&mut over, 0.5), "overshoot_p99_ms": work::quantile(&mut over, 0.99),
            "counted": counted.done.len(), "requests": requests,
        }));
    }
    eprintln!("memory, decoding, recovery, faults");
    Ok(json!({
        "server": server(&stats), "jobs": JOBS, "clients": clients,
        "batch": batch::measure_prompts(&url, token).await?,
        "download": batch::measure_downloads().await?,
        "decode": decode::measure(&own::frames().await?),
        "recovery": recovery::all().await?,
        "faults": faults::table().await?,
    }))
}

fn server(stats: &Value) -> String {
    let version = stats["system"]["comfyui_version"].as_str().unwrap_or("?");
    let simulated = stats["devices"][0]["name"].as_str().is_some_and(|name| name.contains("sim"));
    if simulated { format!("comfy-sim, as ComfyUI {version}") } else { format!("ComfyUI {version}") }
}

/// When each job ended by the server's clock, in milliseconds since 1970, by what its workflow is to call its picture.
fn ends(history: &Value) -> HashMap<String, f64> {
    let entries = history.as_object().into_iter().flatten().map(|(_, entry)| entry);
    entries
        .filter_map(|entry| {
            let name = entry["prompt"][2]["2"]["inputs"]["filename_prefix"].as_str()?;
            let messages = entry["status"]["messages"].as_array()?;
            let end = messages.iter().find(|message| message[0] == "execution_success")?;
            Some((name.to_owned(), end[1]["timestamp"].as_f64()?))
        })
        .collect()
}

/// A job that a client brought to its end; times in microseconds since 1970.
struct Done {
    /// What the job's workflow is to call its picture.
    name: String,
    from: u64,
    to: u64,
}

#[derive(Default)]
struct Ran {
    done: Vec<Done>,
    /// How many were done in the first turn.
    first: usize,
    hung: usize,
    failed: Vec<String>,
}

impl Ran {
    fn add(&mut self, other: Self) {
        if self.done.is_empty() {
            self.first = other.done.len();
        }
        self.done.extend(other.done);
        self.hung += other.hung;
        self.failed.extend(other.failed);
    }

    /// Whether it did all its jobs in time, so that more of them take little.
    fn is_quick(&self) -> bool {
        self.hung == 0 && self.done.len() >= JOBS
    }

    /// From the first submit to the last picture.
    fn seconds(&self) -> Option<f64> {
        let from = self.done.iter().map(|done| done.from).min()?;
        Some(1e-6 * (self.done.iter().map(|done| done.to).max()? - from) as f64)
    }
}

struct Program<'a> {
    name: &'a str,
    args: &'a Args,
    token: Option<&'a Path>,
}

impl Program<'_> {
    /// Some jobs in a process of their own.
    async fn run(&self, url: &str, run: &str, jobs: usize, at_once: usize) -> Outcome<Ran> {
        let words = [url, run, &jobs.to_string(), &at_once.to_string(), &SECONDS.to_string()].map(str::to_owned);
        let mut command = match &self.args.python {
            Some(python) if self.name == SIMPLIFIED => {
                let mut command = Command::new(python);
                command.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("simplified.py"));
                command
            }
            _ => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["run", self.name]);
                command
            }
        };
        let limit = Duration::from_secs(SECONDS) + 2 * PATIENCE;
        let text = capture(command.args(words).args(self.token), limit).await?;
        let mut ran = Ran::default();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let number = |key: &str| line[key].as_u64();
            if let (Some(job), Some(from), Some(to)) = (number("job"), number("from"), number("to")) {
                ran.done.push(Done { name: work::name(run, usize::try_from(job)?), from, to });
            } else if let Some(error) = line["error"].as_str() {
                ran.failed.push(error.to_owned());
            } else {
                ran.hung += 1;
            }
        }
        Ok(ran)
    }
}

/// What a program prints until it ends, or is ended.
pub async fn capture(command: &mut Command, limit: Duration) -> Outcome<String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
    let mut text = Vec::new();
    let mut output = child.stdout.take().ok_or("a program without output")?;
    let _ = timeout(limit, output.read_to_end(&mut text)).await;
    child.start_kill().ok();
    child.wait().await?;
    Ok(String::from_utf8(text)?)
}

/// One answer in JSON, however long.
async fn get(url: &str, path: &str, token_file: Option<&Path>) -> Outcome<Value> {
    let host = url.trim_start_matches("http://");
    let mut head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    if let Some(file) = token_file {
        let text = std::fs::read_to_string(file)?;
        head += &format!("Authorization: Bearer {}\r\n", text.lines().next().unwrap_or_default().trim());
    }
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all((head + "\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let at = answer.windows(4).position(|end| end == b"\r\n\r\n").ok_or("an answer without a head")?;
    Ok(serde_json::from_slice(&answer[at + 4..])?)
}
