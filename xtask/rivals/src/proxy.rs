//! A proxy that counts the requests that pass, for any server and any client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;

type Counts = Arc<Mutex<BTreeMap<String, usize>>>;

pub struct Proxy {
    pub url: String,
    counts: Counts,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Before the server at `url`.
    pub async fn before(url: &str) -> Outcome<Self> {
        let there = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (url, counts) = (format!("http://{}", listener.local_addr()?), Counts::default());
        let shared = counts.clone();
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, there.clone(), shared.clone()));
            }
        });
        Ok(Self { url, counts, task })
    }

    /// How often what was asked since the last call: `GET /view` and the like.
    pub fn take(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(near: TcpStream, there: String, counts: Counts) -> Outcome<()> {
    let far = TcpStream::connect(there).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (near.into_split(), far.into_split());
    let down = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let mut piece = vec![0; 64 << 10];
    let mut line = Vec::new();
    while let Ok(read @ 1..) = from_client.read(&mut piece).await {
        for byte in &piece[..read] {
            match byte {
                b'\n' => {
                    count(&line, &counts);
                    line.clear();
                }
                // A workflow and the frames of a WebSocket hold no line of a request's shape.
                byte => line.push(*byte),
            }
        }
        to_server.write_all(&piece[..read]).await?;
    }
    down.abort();
    Ok(())
}

/// A request's first line may follow a body without a line of its own.
fn count(line: &[u8], counts: &Counts) {
    let line = String::from_utf8_lossy(line);
    let Some(line) = line.trim_end().strip_suffix(" HTTP/1.1") else { return };
    let Some(at) = ["GET /", "POST /"].iter().filter_map(|start| line.rfind(start)).max() else { return };
    let path = line[at..].split('?').next().unwrap_or_default().replacen(" /api/", " /", 1);
    let kind = path.split('/').take(2).collect::<Vec<_>>().join("/");
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
}
