//! The embedded servers of this bench.

use std::time::{Duration, SystemTime};

use comfy_sim::{Builder, Server};
use futures_util::StreamExt;
use serde_json::json;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

use crate::Outcome;
use crate::work::{self, CHECKPOINT};

/// A server in a folder of its own, which goes with it.
pub struct Own {
    pub server: Server,
    _folder: TempDir,
}

impl Own {
    pub async fn start(build: impl FnOnce(Builder) -> Builder) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let builder = Server::builder().comfy_dir(folder.path()).clock(SystemTime::now).checkpoint(CHECKPOINT);
        Ok(Self { server: build(builder).spawn().await?, _folder: folder })
    }

    pub fn client(&self) -> Outcome<comfy_client::Client> {
        crate::clients::ours(&self.server.url(), None)
    }
}

/// A server to try single runs on, until it is stopped.
pub async fn serve() -> Outcome<()> {
    let own = Own::start(|builder| builder).await?;
    println!("{}", own.server.url());
    std::future::pending().await
}

/// The text messages of a job of 20 steps, as they come over the WebSocket.
pub async fn frames() -> Outcome<Vec<String>> {
    let own = Own::start(|builder| builder.step_time(Duration::from_millis(2))).await?;
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{}/ws?clientId=frames", own.server.addr())).await?;
    let body = json!({"prompt": work::sampled(20, 1), "client_id": "frames"}).to_string();
    let request =
        format!("POST /prompt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut stream = tokio::net::TcpStream::connect(own.server.addr()).await?;
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await?;
    let mut frames = Vec::new();
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let over = text.contains(r#""executing""#) && text.contains(r#""node": null"#);
        frames.push(text.as_str().to_owned());
        if over {
            return Ok(frames);
        }
    }
    Err("the socket ended before the job".into())
}
