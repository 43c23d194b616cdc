//! A server that a script of requests and WebSocket steps is sent to, in the form of the recordings, and its answers in
//! the same form.

use std::net::SocketAddr;
use std::time::Duration;

use data_encoding::BASE64;
use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::socket::Socket;
use crate::wire::{Reply, call, raw};

/// How long an expected message may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// After so long a silence a server of the other kind is taken to have said everything.
const SILENCE: Duration = Duration::from_millis(500);

/// Where the script says that nothing more came, so long a silence is taken for it.
const AFTERMATH: Duration = Duration::from_millis(100);

/// How far the messages of a step are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Read {
    /// As many as the script has.
    Counted,
    /// As many as the script has, and whatever comes after them where the script was recorded up to a silence.
    CountedAndMore,
    /// Up to the message that the step names, or to a silence.
    UntilSilent,
}

/// A running server, ours or the real one.
pub(crate) struct Site {
    pub(crate) addr: SocketAddr,
    pub(crate) token: String,
    /// The ComfyUI folder.
    pub(crate) base: String,
    sockets: Vec<(String, Socket)>,
    /// What the script says for a value that is drawn, and what it is here: ids and cookies.
    drawn: Vec<(String, String)>,
}

impl Site {
    pub(crate) fn new(addr: SocketAddr, token: String, base: String) -> Self {
        Self { addr, token, base, sockets: Vec::new(), drawn: Vec::new() }
    }

    /// Takes one step (`ws_idle` waits until so many prompts of the socket's owner are over), and gives what is to be compared
    /// with the `response`, `status` or frames of the script.
    pub(crate) async fn step(&mut self, step: &Value, read: Read) -> Value {
        if let Some(open) = step.get("ws_open") {
            return json!(self.open(open).await);
        }
        if let Some(frames) = step["ws_frames"].as_array() {
            let count = (read != Read::UntilSilent).then_some(frames.len());
            let mut heard = self.frames(&step["client_id"], count, &step["until"], SILENCE).await;
            if read == Read::CountedAndMore && step["until"].is_null() {
                heard.extend(self.frames(&step["client_id"], None, &Value::Null, AFTERMATH).await);
            }
            return Value::Array(heard);
        }
        if step.get("ws_close").is_some() {
            let id = step["client_id"].as_str();
            self.sockets.retain(|(name, _)| id.is_some_and(|id| id != name));
            return Value::Null;
        }
        if let Some(say) = step.get("ws_send") {
            let (_, socket) = self.sockets.last_mut().expect("an open socket");
            socket.send(say.as_str().expect("a text")).await;
            return Value::Null;
        }
        if let Some(count) = step["ws_idle"].as_u64() {
            let (_, socket) = self.sockets.last_mut().expect("an open socket");
            let mut idle = 0;
            while idle < count {
                let Some(message) = socket.next().await else { return json!("silence") };
                idle += u64::from(message["type"] == "executing" && message["data"]["node"].is_null());
            }
            return Value::Null;
        }
        let reply = self.request(&step["request"]).await;
        let script = step["response"]["json"]["prompt_id"].as_str().filter(|id| *id != "<id>");
        if let (Some(script), Some(here)) = (script, reply.json()["prompt_id"].as_str()) {
            self.drawn.push((script.to_owned(), here.to_owned()));
        }
        if let Some(cookie) = reply.header("Set-Cookie").and_then(|set| set.split(';').next()) {
            self.drawn.retain(|(name, _)| name != "${cookie}");
            self.drawn.push(("${cookie}".to_owned(), cookie.to_owned()));
        }
        response(&reply, step["request"]["method"] == "HEAD")
    }

    /// The script's text with this server's own values in it.
    fn here(&self, text: &str) -> String {
        let text = text.replace("${token}", &self.token).replace("${comfy}", &self.base);
        self.drawn.iter().fold(text, |text, (script, here)| text.replace(script, here))
    }

    async fn open(&mut self, open: &Value) -> u16 {
        let id = open["client_id"].as_str().unwrap_or_default();
        let mut path = open["path"].as_str().map_or_else(|| format!("/ws?clientId={id}"), |path| self.here(path));
        let bearer = format!("Bearer {}", self.token);
        let mut headers = Vec::new();
        match open["auth"].as_str() {
            Some("query") => path += &format!("&token={}", self.token),
            Some("bearer") => headers.push(("Authorization", bearer.as_str())),
            _ => {}
        }
        match Socket::open_with(self.addr, &path, &headers).await {
            Ok(mut socket) => {
                for message in open["send"].as_array().into_iter().flatten() {
                    socket.send(&message.to_string()).await;
                }
                self.sockets.push((id.to_owned(), socket));
                101
            }
            Err(status) => status,
        }
    }

    /// So many frames of a socket, by default of the last one; or all up to the one that `until` tells, or to a silence.
    async fn frames(&mut self, id: &Value, count: Option<usize>, until: &Value, silence: Duration) -> Vec<Value> {
        let mut named = self.sockets.iter_mut().rev().filter(|(name, _)| id.is_null() || id == name);
        let (_, socket) = named.next().expect("an open socket");
        let mut heard = Vec::new();
        while count.is_none_or(|count| heard.len() < count) {
            let Some(frame) = next(socket, if count.is_none() && until.is_null() { silence } else { PATIENCE }).await else {
                break;
            };
            heard.push(match frame {
                Message::Text(text) => json!({"text": serde_json::from_str::<Value>(&text).unwrap_or_default()}),
                other => {
                    let bytes = other.into_data();
                    json!({"binary_base64": BASE64.encode(&bytes), "length": bytes.len()})
                }
            });
            if count.is_none() && heard.last().is_some_and(|frame| is_last(until, &frame["text"])) {
                break;
            }
        }
        heard
    }

    async fn request(&self, request: &Value) -> Reply {
        let text = |value: &Value| self.here(value.as_str().expect("a text"));
        if let Some(bytes) = request.get("raw") {
            return raw(self.addr, text(bytes).as_bytes()).await;
        }
        let mut path = text(&request["path"]);
        let mut headers: Vec<(String, String)> = Vec::new();
        match request["auth"].as_str() {
            Some("bearer") => headers.push(("Authorization".to_owned(), format!("Bearer {}", self.token))),
            Some("query") => path += &format!("{}token={}", if path.contains('?') { '&' } else { '?' }, self.token),
            _ => {}
        }
        let body = if let Some(parts) = request["multipart"].as_array() {
            headers.push(("Content-Type".to_owned(), "multipart/form-data; boundary=part".to_owned()));
            multipart(parts)
        } else if let Some(json) = request.get("json") {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
            self.here(&json.to_string()).into_bytes()
        } else if let Some(zeros) = request["zeros"].as_u64() {
            vec![0; zeros as usize]
        } else if let Some(bytes) = request["base64"].as_str() {
            BASE64.decode(bytes.as_bytes()).expect("base 64")
        } else {
            request["text"].as_str().map(|body| self.here(body).into_bytes()).unwrap_or_default()
        };
        for (name, value) in request["headers"].as_object().into_iter().flatten() {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.clone(), text(value)));
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        call(self.addr, request["method"].as_str().expect("a method"), &path, &headers, &body).await
    }
}

/// Whether a message is the last of its step: the greeting, the end of a prompt, or the end of all of them.
fn is_last(until: &Value, message: &Value) -> bool {
    let data = &message["data"];
    match until.as_str() {
        Some("greeting") => !data["sid"].is_null(),
        Some("idle") => message["type"] == "executing" && data["node"].is_null(),
        Some("empty") => data["status"]["exec_info"]["queue_remaining"] == 0,
        _ => false,
    }
}

/// The next message of either kind; `None` once the socket is closed, or after that long a silence.
async fn next(socket: &mut Socket, patience: Duration) -> Option<Message> {
    loop {
        match tokio::time::timeout(patience, socket.0.next()).await {
            Ok(Some(Ok(frame @ (Message::Text(_) | Message::Binary(_))))) => return Some(frame),
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_)) | None) | Err(_) => return None,
        }
    }
}

/// An answer in the form of the recordings, with all its headers.
fn response(reply: &Reply, bodiless: bool) -> Value {
    let headers: Map<String, Value> = reply.headers.iter().map(|(name, value)| (name.to_lowercase(), json!(value))).collect();
    let mut out = json!({"status": reply.status, "headers": headers});
    let announced = reply.header("Content-Length").and_then(|length| length.parse().ok());
    if announced.is_some_and(|length: usize| length != reply.body.len() && !bodiless) {
        out["body of another length"] = json!(reply.body.len());
    }
    if reply.status == 101 {
        // What follows are frames already.
        return out;
    }
    let is_json = reply.header("Content-Type").is_some_and(|kind| kind.starts_with("application/json"));
    match (serde_json::from_slice::<Value>(&reply.body), std::str::from_utf8(&reply.body)) {
        (Ok(value), _) if is_json => out["json"] = value,
        (_, Ok("")) => {}
        (_, Ok(text)) => out["text"] = json!(text),
        _ => out["base64"] = json!(BASE64.encode(&reply.body)),
    }
    out
}

fn multipart(parts: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        let name = part["name"].as_str().expect("a name");
        let mut head = format!("--part\r\nContent-Disposition: form-data; name=\"{name}\"");
        if let Some(file) = part["filename"].as_str() {
            head += &format!("; filename=\"{file}\"\r\nContent-Type: {}", part["type"].as_str().unwrap_or("image/png"));
        }
        out.extend((head + "\r\n\r\n").into_bytes());
        match part["base64"].as_str() {
            Some(bytes) => out.extend(BASE64.decode(bytes.as_bytes()).expect("base 64")),
            None => out.extend(part["value"].as_str().expect("a value").bytes()),
        }
        out.extend(b"\r\n");
    }
    out.extend(b"--part--\r\n");
    out
}
