//! How quick a server is: `cargo bench -p comfy-sim --bench load -- own`, or with the URL of a running ComfyUI.
//!
//! Prints one line of JSON, which `cargo xtask bench sim` reads. The workflow is the same for both: `EmptyImage` of 64 × 64
//! in a color of its own, so that nothing comes from a cache, into `SaveImage`, spread over 100 folders, since ComfyUI lists
//! the whole folder for each picture's number.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use comfy_sim::Server;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

type Outcome<T> = Result<T, Box<dyn Error>>;

const STARTS: usize = 20;
const ROUNDS: usize = 200;
const CONNECTIONS: usize = 4;
/// A rate is the median of so many batches of so many prompts, for every server alike.
const BATCHES: usize = 3;
const BATCH: usize = 3_000;
/// How many prompts memory is measured over.
const DRAINED: usize = 10_000;
/// A server that is silent for so long has lost a prompt.
const PATIENCE: Duration = Duration::from_secs(60);

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
#[tokio::main(worker_threads = 2)]
async fn main() -> Outcome<()> {
    // `cargo bench` adds a flag of its own.
    let target = std::env::args().skip(1).find(|arg| !arg.starts_with("--")).ok_or("name `own` or a URL")?;
    let figures = if target == "own" { own().await? } else { live(&target).await? };
    println!("{figures}");
    Ok(())
}

async fn own() -> Outcome<Value> {
    let folder = tempfile::tempdir()?;
    let mut starts = Vec::new();
    for number in 0..STARTS {
        let from = Instant::now();
        let server = Server::builder().comfy_dir(folder.path().join(number.to_string())).spawn().await?;
        Http::open(server.addr()).await?.call("GET", "/system_stats", "").await?;
        starts.push(from.elapsed().as_secs_f64());
        server.shutdown().await;
    }
    let server = Server::builder().comfy_dir(folder.path()).spawn().await?;
    let mut figures = both(server.addr()).await?;
    figures["start"] = median(starts).into();
    figures["drained"] = drain(server.addr(), DRAINED).await?.into();
    let first = peak();
    drain(server.addr(), DRAINED).await?;
    figures["peak"] = first.into();
    figures["growth"] = peak().saturating_sub(first).into();
    Ok(figures)
}

async fn live(url: &str) -> Outcome<Value> {
    let addr: SocketAddr = url.trim_start_matches("http://").trim_end_matches('/').parse()?;
    let stats = Http::open(addr).await?.call("GET", "/system_stats", "").await?;
    let mut figures = both(addr).await?;
    figures["version"] = stats["system"]["comfyui_version"].clone();
    Ok(figures)
}

/// What is measured of every server.
async fn both(addr: SocketAddr) -> Outcome<Value> {
    let latency = latency(addr).await?;
    let mut rates = Vec::new();
    for _ in 0..BATCHES {
        rates.push(drain(addr, BATCH).await?);
    }
    Ok(json!({"latency": latency, "rate": median(rates), "batches": BATCHES, "batch": BATCH}))
}

/// Seconds from a submit until its client is told that it is over, as the median.
async fn latency(addr: SocketAddr) -> Outcome<f64> {
    let (mut http, mut socket) = (Http::open(addr).await?, Socket::open(addr).await?);
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        let from = Instant::now();
        http.submit(&socket.client, round).await?;
        socket.until_idle(1).await?;
        took.push(from.elapsed().as_secs_f64());
    }
    Ok(median(took))
}

/// Prompts a second, from the first submit until the last is told to be over.
async fn drain(addr: SocketAddr, count: usize) -> Outcome<f64> {
    let mut socket = Socket::open(addr).await?;
    let from = Instant::now();
    let submits = (0..CONNECTIONS).map(|connection| {
        let client = socket.client.clone();
        tokio::spawn(async move {
            let mut http = Http::open(addr).await.map_err(|error| error.to_string())?;
            for number in (connection..count).step_by(CONNECTIONS) {
                http.submit(&client, number).await.map_err(|error| error.to_string())?;
            }
            Ok::<_, String>(())
        })
    });
    let submits: Vec<_> = submits.collect();
    socket.until_idle(count).await?;
    let rate = count as f64 / from.elapsed().as_secs_f64();
    for submit in submits {
        submit.await??;
    }
    Ok(rate)
}

/// A WebSocket under a client id of its own: the end of another one of that id would make it deaf.
struct Socket {
    client: String,
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    async fn open(addr: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let client = format!("load-{}", stream.local_addr()?.port());
        let (stream, _) = tokio_tungstenite::client_async(format!("ws://{addr}/ws?clientId={client}"), stream).await?;
        Ok(Self { client, stream })
    }

    /// Reads until that many prompts are over.
    async fn until_idle(&mut self, count: usize) -> Outcome<()> {
        let mut over = 0;
        while over < count {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await?.ok_or("the socket ended")??;
            let Message::Text(text) = message else { continue };
            if text.contains("\"execution_error\"") {
                return Err(text.as_str().into());
            }
            over += usize::from(text.contains("\"type\": \"executing\"") && text.contains("\"node\": null"));
        }
        Ok(())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The most memory that this process ever held, in bytes: server and client together.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// A connection that is kept.
struct Http {
    stream: BufReader<TcpStream>,
    addr: SocketAddr,
}

impl Http {
    async fn open(addr: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), addr })
    }

    async fn submit(&mut self, client: &str, number: usize) -> Outcome<()> {
        let body = json!({"client_id": client, "prompt": {
            "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": number % 0xFF_FFFF}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": format!("{}/load", number % 100)}},
        }});
        let answer = self.call("POST", "/prompt", &body.to_string()).await?;
        if answer["prompt_id"].is_null() { Err(answer.to_string().into()) } else { Ok(()) }
    }

    async fn call(&mut self, method: &str, path: &str, body: &str) -> Outcome<Value> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.addr,
            body.len()
        );
        self.stream.write_all((head + body).as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        let head = String::from_utf8(head)?.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("an answer without a length")?;
        let mut body = vec![0; length.parse()?];
        self.stream.read_exact(&mut body).await?;
        Ok(serde_json::from_slice(&body)?)
    }
}
