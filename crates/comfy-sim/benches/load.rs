//! How quick a server is: `cargo bench -p comfy-sim --bench load`, or with the URL of a running ComfyUI, to measure that too,
//! in turns.
//!
//! Prints one line of JSON, which `cargo xtask bench sim` reads. The workflows are the same for both servers.

use std::error::Error;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use comfy_sim::Server;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const STARTS: usize = 20;
const ROUNDS: usize = 200;
const CONNECTIONS: usize = 4;
/// A rate is the median of so many batches of so many prompts, for every server alike.
const BATCHES: usize = 3;
const BATCH: usize = 2_000;
/// How many prompts memory is measured over.
const DRAINED: usize = 10_000;
/// A server that is silent for so long has lost a prompt.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a prompt is like.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// `EmptyImage` of 64 × 64 in a colour of its own into `SaveImage`, spread over 100 folders, since ComfyUI lists the whole
    /// folder for each picture's number.
    Saved,
    /// The same into `PreviewImage`.
    Shown,
    /// The very same prompt again, so that all comes from the cache.
    Again,
}

impl Kind {
    const ALL: [(&str, Self); 3] = [("saved", Self::Saved), ("shown", Self::Shown), ("again", Self::Again)];

    fn prompt(self, number: usize) -> Value {
        let color = if matches!(self, Self::Again) { 0xAB_CDEF } else { number % 0xFF_FFFF };
        let empty = json!({"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": color}});
        let output = match self {
            Self::Saved => {
                let prefix = format!("{}/load", number % 100);
                json!({"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": prefix}})
            }
            Self::Again => json!({"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "again/load"}}),
            Self::Shown => json!({"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}),
        };
        json!({"1": empty, "2": output})
    }
}

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
#[tokio::main(worker_threads = 2)]
async fn main() -> Outcome<()> {
    // `cargo bench` adds a flag of its own.
    let url = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let real = url.map(|url| url.trim_start_matches("http://").trim_end_matches('/').parse()).transpose()?;
    // Away from the main thread, which is none of the runtime's.
    println!("{}", tokio::spawn(measured(real)).await??);
    Ok(())
}

async fn measured(real: Option<SocketAddr>) -> Outcome<Value> {
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
    let mut servers = vec![("own", server.addr())];
    servers.extend(real.map(|addr| ("real", addr)));
    let mut figures = compared(&servers).await?;
    if let Some(addr) = real {
        let stats = Http::open(addr).await?.call("GET", "/system_stats", "").await?;
        figures["real"]["version"] = stats["system"]["comfyui_version"].clone();
    }
    let own = &mut figures["own"];
    own["start"] = median(starts).into();
    own["drained"] = drain(server.addr(), Kind::Saved, 0..DRAINED).await?.into();
    let first = peak();
    drain(server.addr(), Kind::Saved, 0..DRAINED).await?;
    own["peak"] = first.into();
    own["growth"] = peak().saturating_sub(first).into();
    Ok(figures)
}

/// What is measured of every server, in turns, so that what else the machine does falls on all of them.
async fn compared(servers: &[(&str, SocketAddr)]) -> Outcome<Value> {
    let mut figures = json!({});
    for (name, addr) in servers {
        figures[*name] = json!({"latency": latency(*addr).await?});
    }
    for (kind_name, kind) in Kind::ALL {
        let mut rates = vec![Vec::new(); servers.len()];
        for batch in 0..BATCHES {
            for ((_, addr), rates) in servers.iter().zip(&mut rates) {
                rates.push(drain(*addr, kind, batch * BATCH..(batch + 1) * BATCH).await?);
            }
        }
        for ((name, _), rates) in servers.iter().zip(rates) {
            figures[*name][kind_name] = median(rates).into();
        }
    }
    Ok(figures)
}

/// Seconds from a submit until its client is told that it is over, as the median.
async fn latency(addr: SocketAddr) -> Outcome<f64> {
    let (mut http, mut socket) = (Http::open(addr).await?, Socket::open(addr).await?);
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        let from = Instant::now();
        http.submit(&socket.client, &Kind::Saved.prompt(round)).await?;
        socket.until_idle(1).await?;
        took.push(from.elapsed().as_secs_f64());
    }
    Ok(median(took))
}

/// Prompts a second, from the first submit until the last is told to be over.
async fn drain(addr: SocketAddr, kind: Kind, numbers: Range<usize>) -> Outcome<f64> {
    let count = numbers.len();
    let mut socket = Socket::open(addr).await?;
    let from = Instant::now();
    let submits = (0..CONNECTIONS).map(|connection| {
        let (client, numbers) = (socket.client.clone(), numbers.clone());
        tokio::spawn(async move {
            let mut http = Http::open(addr).await?;
            for number in numbers.skip(connection).step_by(CONNECTIONS) {
                http.submit(&client, &kind.prompt(number)).await?;
            }
            Outcome::Ok(())
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
        let config = WebSocketConfig::default().read_buffer_size(16 * 1024);
        let request = format!("ws://{addr}/ws?clientId={client}");
        let (stream, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
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

    async fn submit(&mut self, client: &str, prompt: &Value) -> Outcome<()> {
        let body = json!({"client_id": client, "prompt": prompt});
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
            if self.stream.read_until(b'\n', &mut head).await? == 0 {
                return Err("the connection ended".into());
            }
        }
        let head = String::from_utf8(head)?.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("an answer without a length")?;
        let mut body = vec![0; length.parse()?];
        self.stream.read_exact(&mut body).await?;
        Ok(serde_json::from_slice(&body)?)
    }
}
