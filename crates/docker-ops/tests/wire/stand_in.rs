//! Something that listens on a Unix socket, records every request line, and answers as it is told to.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

/// A part of an answer.
#[derive(Clone)]
pub(crate) enum Step {
    /// These bytes.
    Say(Vec<u8>),
    /// Nothing more, and the connection stays open until the other side closes it.
    Hang,
    /// The connection ends.
    Close,
}

pub(crate) struct StandIn {
    pub(crate) path: PathBuf,
    seen: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl StandIn {
    /// Answers each request, by its line (`GET /_ping`), with what `answer` says.
    pub(crate) fn new(answer: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (seen, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let heard = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, heard) = (Arc::clone(&answer), Arc::clone(&heard));
                tokio::spawn(async move { serve(stream, &*answer, &heard).await });
            }
        });
        Self { path, seen, _folder: folder }
    }

    /// One that speaks like an engine of these versions, and answers everything else with `answer`.
    pub(crate) fn engine(newest: &str, oldest: &str, answer: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let (ping, version) = (ping(newest), json("200 OK", &format!(r#"{{"Version":"1.2.3","MinAPIVersion":"{oldest}"}}"#)));
        Self::new(move |line| match line {
            "GET /_ping" => ping.clone(),
            line if line.ends_with("/version") => version.clone(),
            line => answer(line),
        })
    }

    /// The request lines so far, without `HTTP/1.1`.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

pub(crate) fn ping(newest: &str) -> Vec<Step> {
    say(&format!("HTTP/1.1 200 OK\r\nApi-Version: {newest}\r\nServer: Docker/1.2.3 (linux)\r\nContent-Length: 2\r\n\r\nOK"))
}

pub(crate) fn json(status: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    say(&format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"))
}

pub(crate) fn text(status: &str, body: &str) -> Vec<Step> {
    say(&format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// The head of a stream in chunks, and its first chunks.
pub(crate) fn stream(chunks: &[&str]) -> Vec<Step> {
    let mut steps = say("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n");
    steps.extend(chunks.iter().flat_map(|chunk| say(&format!("{:x}\r\n{chunk}\r\n", chunk.len()))));
    steps
}

pub(crate) fn say(text: &str) -> Vec<Step> {
    vec![Step::Say(text.as_bytes().to_vec())]
}

async fn serve(stream: UnixStream, answer: &(impl Fn(&str) -> Vec<Step> + Send + Sync), seen: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    while let Some(line) = request(&mut stream).await {
        seen.lock().unwrap().push(line.clone());
        for step in answer(&line) {
            match step {
                Step::Say(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Step::Hang => {
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                    return;
                }
                Step::Close => return,
            }
        }
    }
}

/// Reads a whole request; its line without the version.
async fn request(stream: &mut BufReader<UnixStream>) -> Option<String> {
    let (mut first, mut length, mut chunked) = (None, 0, false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        let header = line.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        chunked |= header == "transfer-encoding: chunked";
        first.get_or_insert(line.to_owned());
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    while chunked {
        let mut size = String::new();
        stream.read_line(&mut size).await.ok()?;
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        stream.read_exact(&mut vec![0; size + 2]).await.ok()?;
        chunked = size > 0;
    }
    first.map(|line: String| line.trim_end_matches(" HTTP/1.1").to_owned())
}
