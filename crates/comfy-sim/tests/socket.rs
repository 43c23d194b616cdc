//! A WebSocket client for tests.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message};

/// An open socket.
pub(crate) struct Socket(pub(crate) WebSocketStream<TcpStream>);

impl Socket {
    /// Opens `/ws` with this query, or gives the status of the refusal.
    pub(crate) async fn open(addr: SocketAddr, query: &str) -> Result<Self, u16> {
        Self::open_with(addr, &format!("/ws?{query}"), &[]).await
    }

    /// The same at a path, with headers.
    pub(crate) async fn open_with(addr: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let stream = TcpStream::connect(addr).await.expect("connects");
        let mut builder = ClientRequestBuilder::new(format!("ws://{addr}{path}").parse().expect("an address"));
        for (name, value) in headers {
            builder = builder.with_header(*name, *value);
        }
        match tokio_tungstenite::client_async(builder, stream).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("sends");
    }

    /// The next text message; `None` once the socket is closed, or after ten seconds of silence.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Message::Text(text) = self.frame(Duration::from_secs(10)).await? {
                return serde_json::from_str(&text).ok();
            }
        }
    }

    /// The next message of either kind; `None` once the socket is closed, or after that long a silence.
    pub(crate) async fn frame(&mut self, patience: Duration) -> Option<Message> {
        loop {
            match tokio::time::timeout(patience, self.0.next()).await {
                Ok(Some(Ok(frame @ (Message::Text(_) | Message::Binary(_))))) => return Some(frame),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) | Err(_) => return None,
            }
        }
    }
}
