//! `/ws`: the upgrade, the first messages, and the traffic of one socket.

use std::sync::Arc;

use data_encoding::BASE64;
use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::app::App;
use crate::events::{Audience, Event};
use crate::faults::{Fate, Wire};
use crate::hub::{Letters, Mailbox};
use crate::py;
use crate::reply::{Answer, Response, empty, set, text};
use crate::request::{LINGER, Request};
use crate::router::{Route, get};

/// The most bytes that a client may send as one message: aiohttp refuses one of 4 MB.
const MAX_MESSAGE: usize = 4 * 1024 * 1024 - 1;

/// How many bytes are read at once: clients say little, and the buffer is cleared for each read.
const READ: usize = 4 * 1024;

pub(crate) fn routes() -> Vec<Route> {
    vec![get("/ws", connect)]
}

async fn connect(app: Arc<App>, request: Request) -> Answer {
    let mut request = request;
    let key = match handshake(&request) {
        Ok(key) => key,
        Err(refusal) => return Ok(bad(refusal)),
    };
    let Some(upgrade) = request.upgrade.take() else {
        return Ok(bad("no connection to upgrade".to_owned()));
    };
    let sid = match request.query("clientId") {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => app.chance.uuid4().simple().to_string(),
    };
    // The socket is known before the client hears of it, so that it misses nothing of what it then asks for.
    let (mailbox, messages) = Mailbox::new();
    app.queue.while_counted(|remaining| {
        mailbox.put(&Event::Status { remaining, sid: Some(sid.clone()) });
        app.hub.join(&sid, mailbox.clone());
    });
    if let Some(node) = app.running_node(&sid) {
        mailbox.put(&Event::StillExecuting { node });
    }
    let socket = Socket { app: app.clone(), sid, mailbox };
    // A server that is closing takes no more sockets; the connection then ends by itself.
    let _ = app.tasks.send(Box::pin(socket.run(upgrade, messages)));

    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    set(&mut response, UPGRADE, "websocket");
    set(&mut response, CONNECTION, "upgrade");
    set(&mut response, SEC_WEBSOCKET_ACCEPT, &derive_accept_key(key.as_bytes()));
    Ok(response)
}

/// The client's key, or the text of aiohttp's refusal.
fn handshake(request: &Request) -> Result<String, String> {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "None".to_owned());
    let upgrade = request.header(UPGRADE);
    if upgrade.as_ref().is_none_or(|value| value.trim().to_lowercase() != "websocket") {
        let upgrade = shown(&upgrade);
        return Err(format!("No WebSocket UPGRADE hdr: {upgrade}\n Can \"Upgrade\" only to \"WebSocket\"."));
    }
    let connection = request.header(CONNECTION);
    if connection.as_ref().is_none_or(|value| !value.to_lowercase().contains("upgrade")) {
        return Err(format!("No CONNECTION upgrade hdr: {}", shown(&connection)));
    }
    let version = request.header(SEC_WEBSOCKET_VERSION).unwrap_or_default();
    if !matches!(version.as_str(), "13" | "8" | "7") {
        return Err(format!("Unsupported version: {version}"));
    }
    match request.header(SEC_WEBSOCKET_KEY) {
        // 16 bytes in base 64.
        Some(key) if BASE64.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == 16) => Ok(key),
        key => Err(format!("Handshake error: {}", key.map_or("None".to_owned(), |key| py::quote(&key)))),
    }
}

fn bad(body: String) -> Response {
    text(StatusCode::BAD_REQUEST, body)
}

/// The server's side of an upgraded connection.
async fn server_side<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> WebSocketStream<S> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .accept_unmasked_frames(true);
    WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await
}

/// What a client may send over an open socket, up to its end.
#[cfg(feature = "fuzzing")]
pub(crate) async fn hear<S: AsyncRead + AsyncWrite + Unpin>(app: Arc<App>, stream: S) {
    let (mailbox, messages) = Mailbox::new();
    Socket { app, sid: String::new(), mailbox }.talk(server_side(stream).await, messages).await;
}

struct Socket {
    app: Arc<App>,
    sid: String,
    mailbox: Mailbox,
}

impl Socket {
    async fn run(self, upgrade: OnUpgrade, messages: Letters) {
        let rest = match upgrade.await {
            Ok(upgraded) => self.talk(server_side(TokioIo::new(upgraded)).await, messages).await,
            Err(_) => None,
        };
        self.app.hub.leave(&self.sid);
        if let Some((stream, code)) = rest {
            self.end(stream, code).await;
        }
    }

    /// Until the client goes, reads too slowly, or the server closes. Gives the stream and the last word, where
    /// the client may still hear it.
    async fn talk<S>(&self, mut stream: WebSocketStream<S>, mut messages: Letters) -> Option<(S, CloseCode)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut greeted, mut wire) = (false, Wire::new(&self.app.faults));
        loop {
            tokio::select! {
                () = self.mailbox.full() => return None,
                () = self.app.closing.cancelled() => {
                    let frame = CloseFrame { code: CloseCode::Away, reason: Utf8Bytes::from_static("") };
                    let _ = stream.close(Some(frame)).await;
                    return None;
                }
                Some(message) = messages.next() => match wire.next() {
                    Fate::Cut => return None,
                    Fate::Lost => {}
                    Fate::Sent => tokio::select! {
                        sent = send(&mut stream, message, &mut messages, &mut wire) => if sent.is_err() { return None },
                        () = self.mailbox.full() => return None,
                        () = self.app.closing.cancelled() => return None,
                    },
                },
                incoming = stream.next() => match incoming {
                    Some(Ok(Message::Close(frame))) => return Some((stream.into_inner(), farewell(frame.as_ref()))),
                    Some(Ok(Message::Text(text))) => greeted = greeted || self.greet(&text),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return verdict(&error).map(|code| (stream.into_inner(), code)),
                    None => return None,
                },
            }
        }
    }

    /// Ends the connection, once nobody finds the socket by its id any more: a client that comes back at once is another.
    /// What it still sends is read for a while: it would reset the connection, and the client would never hear why.
    async fn end<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S, code: CloseCode) {
        let [high, low] = u16::from(code).to_be_bytes();
        let _ = stream.write_all(&[0x88, 2, high, low]).await;
        let _ = stream.shutdown().await;
        let mut nowhere = tokio::io::sink();
        tokio::select! {
            _ = tokio::time::timeout(LINGER, tokio::io::copy(&mut stream, &mut nowhere)) => {}
            () = self.app.closing.cancelled() => {}
        }
    }

    /// Takes a client's first message, the only one that counts. False if it was none: what is no JSON, or no
    /// dictionary, raises in the real server before it is marked as first.
    fn greet(&self, text: &str) -> bool {
        let Ok(Value::Object(message)) = serde_json::from_str(text) else {
            return false;
        };
        if message.get("type").and_then(Value::as_str) == Some("feature_flags") {
            let metadata = message.get("data").and_then(|flags| flags.get("supports_preview_metadata"));
            self.app.hub.agree(&self.sid, metadata == Some(&Value::Bool(true)));
            self.app.hub.send(&Audience::Client(self.sid.clone()), || Event::FeatureFlags);
        }
        true
    }
}

/// What a close is answered with. Its own code goes back to nobody; one that may not be sent comes here replaced.
fn farewell(frame: Option<&CloseFrame>) -> CloseCode {
    match frame {
        Some(frame) if frame.code == CloseCode::Protocol && frame.reason == "Protocol violation" => CloseCode::Protocol,
        _ => CloseCode::Normal,
    }
}

/// What a client is told that broke the protocol; nothing if the connection broke.
fn verdict(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Capacity(_) => Some(CloseCode::Size),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseCode::Protocol),
        _ => None,
    }
}

/// Sends a message, and all that wait behind it in one go as long as no fault watches each of them.
async fn send<S>(stream: &mut WebSocketStream<S>, first: Message, waiting: &mut Letters, wire: &mut Wire) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _turn = wire.turn().await;
    stream.feed(first).await?;
    while wire.is_free()
        && let Some(message) = waiting.now()
    {
        wire.count();
        stream.feed(message).await?;
    }
    stream.flush().await
}
