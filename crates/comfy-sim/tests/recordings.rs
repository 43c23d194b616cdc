//! Recorded exchanges of the real server, sent again: what comes back must be the same, but for what differs from run
//! to run (ids, times, drawn names, folders, traces). The recordings lie outside of the project; without them the
//! tests say so and pass.

mod socket;
mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use comfy_sim::{Login, Server};
use serde_json::{Value, json};
use socket::Socket;
use wire::{Reply, call, get, post};

/// The folder `shared/recordings` of some folder above this crate.
fn recordings() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = above.map(|folder| folder.join("shared/recordings/comfyui-0.3.64-login")).find(|folder| folder.is_dir());
    if found.is_none() {
        // A test's own output; the harness shows it when asked.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: no recordings here\n");
    }
    found
}

fn scenario(name: &str) -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(recordings()?.join("exchanges.json")).expect("readable");
    let all: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let found = all.into_iter().find(|scenario| scenario["name"] == name).expect("a scenario of that name");
    found["exchanges"].as_array().cloned()
}

/// What differs from run to run, made equal.
fn plain(value: &Value, input: &str) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let value = match key.as_str() {
                    "timestamp" | "number" => json!(0),
                    "traceback" => json!([]),
                    // A set in the real server: its order is chance.
                    "current_outputs" => {
                        let mut nodes = value.as_array().cloned().unwrap_or_default();
                        nodes.sort_by_key(Value::to_string);
                        Value::Array(nodes)
                    }
                    // `[number, id, …]`.
                    "prompt" if value.is_array() => {
                        let mut item = plain(value, input);
                        item[0] = json!(0);
                        item
                    }
                    _ => plain(value, input),
                };
                (plain_text(key, input), value)
            })
            .collect(),
        Value::Array(list) => list.iter().map(|value| plain(value, input)).collect(),
        Value::String(text) => Value::from(plain_text(text, input)),
        other => other.clone(),
    }
}

fn plain_text(text: &str, input: &str) -> String {
    let dashes: Vec<_> = text.match_indices('-').map(|(at, _)| at).collect();
    if text.len() == 36 && dashes == [8, 13, 18, 23] {
        return "<id>".to_owned();
    }
    let text = text.replace("/opt/ComfyUI/input", "<input>").replace(input, "<input>");
    match text.split_once("_temp_") {
        Some((head, tail)) if tail.len() > 5 => format!("{head}_temp_<drawn>{}", &tail[5..]),
        _ => text,
    }
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|d| *d == c);
    let digits: Vec<u32> = text.bytes().filter_map(digit).map(|d| d as u32).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = four.iter().fold(0, |bits, d| bits << 6 | d) << (6 * (4 - four.len()));
        [bits >> 16, bits >> 8, bits].into_iter().take(four.len() - 1).map(|byte| byte as u8).collect::<Vec<_>>()
    });
    bytes.collect()
}

/// One server with the plugin, and the scenario's requests and frames against it.
struct Replay {
    server: Server,
    token: String,
    input: String,
    socket: Option<Socket>,
    /// The real ids of the prompts, and the ones given here.
    ids: Vec<(String, String)>,
}

impl Replay {
    async fn new(folder: &Path) -> Self {
        let token = bcrypt::hash_with_salt("made-up-word", 4, [3; 16]).expect("hashes").to_string();
        std::fs::create_dir_all(folder.join("login")).expect("made");
        std::fs::write(folder.join("login/PASSWORD"), format!("{token}\nadmin")).expect("written");
        let server = Server::builder().comfy_dir(folder).login(Login::Plugin).spawn().await.expect("starts");
        let input = folder.canonicalize().expect("a folder").join("input").to_string_lossy().into_owned();
        Self { server, token, input, socket: None, ids: Vec::new() }
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    async fn step(&mut self, exchange: &Value) {
        if let Some(open) = exchange.get("ws_open") {
            self.open(open).await;
        } else if let Some(frames) = exchange.get("ws_frames") {
            for frame in frames.as_array().expect("frames") {
                let socket = self.socket.as_mut().expect("an open socket");
                let heard = socket.next().await.unwrap_or_default();
                assert_eq!(plain(&heard, &self.input), plain(&frame["text"], &self.input));
            }
        } else if exchange.get("ws_close").is_some() {
            self.socket = None;
        } else {
            self.request(&exchange["request"], &exchange["response"]).await;
        }
    }

    async fn open(&mut self, open: &Value) {
        let mut query = format!("clientId={}", open["client_id"].as_str().expect("an id"));
        // The client here sends no headers of its own: the token goes into the query either way.
        if open["auth"] != "none" {
            query += &format!("&token={}", self.token);
        }
        match Socket::open(self.addr(), &query).await {
            Ok(mut socket) => {
                assert_eq!(open["status"], 101);
                for message in open["send"].as_array().into_iter().flatten() {
                    socket.send(&message.to_string()).await;
                }
                self.socket = Some(socket);
            }
            Err(status) => assert_eq!(open["status"], status),
        }
    }

    async fn request(&mut self, request: &Value, expected: &Value) {
        let mut path = request["path"].as_str().expect("a path").to_owned();
        for (real, ours) in &self.ids {
            path = path.replace(real, ours);
        }
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in request["headers"].as_object().into_iter().flatten() {
            headers.push((name.clone(), value.as_str().expect("a text").to_owned()));
        }
        match request["auth"].as_str() {
            Some("bearer") => headers.push(("Authorization".to_owned(), format!("Bearer {}", self.token))),
            Some("query") => path += &format!("?token={}", self.token),
            _ => {}
        }
        let body = match (request["multipart"].as_array(), request["text"].as_str()) {
            (Some(parts), _) => {
                headers.push(("Content-Type".to_owned(), "multipart/form-data; boundary=part".to_owned()));
                multipart(parts)
            }
            (None, Some(text)) => text.as_bytes().to_vec(),
            (None, None) => Vec::new(),
        };
        let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let reply = match (request["method"].as_str().expect("a method"), request.get("json")) {
            ("POST", Some(json)) => post(self.addr(), &path, "application/json", &headers, &json.to_string()).await,
            (method, _) => call(self.addr(), method, &path, &headers, &body).await,
        };
        self.compare(request, expected, &reply);
    }

    fn compare(&mut self, request: &Value, expected: &Value, reply: &Reply) {
        assert_eq!(expected["status"], reply.status, "{request} {}", reply.text());
        for (name, value) in expected["headers"].as_object().expect("headers") {
            assert_eq!(reply.header(name), value.as_str(), "{name} of {request}");
        }
        if let Some(real) = expected["json"]["prompt_id"].as_str() {
            self.ids.push((real.to_owned(), reply.json()["prompt_id"].as_str().expect("an id").to_owned()));
        }
        if request["path"].as_str().is_some_and(|path| path.starts_with("/system_stats")) && reply.status == 200 {
            // Other figures, but the same ones.
            let keys = |value: &Value| value.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>());
            let ours = reply.json();
            assert_eq!(keys(&ours["system"]), keys(&expected["json"]["system"]));
            assert_eq!(keys(&ours["devices"][0]), keys(&expected["json"]["devices"][0]));
        } else if let Some(json) = expected.get("json") {
            assert_eq!(plain(&reply.json(), &self.input), plain(json, &self.input), "{request}");
        } else if let Some(bytes) = expected["base64"].as_str() {
            assert_eq!(reply.body, base64(bytes), "{request}");
        } else if request["path"] != "/login" {
            // The login page is this server's own.
            assert_eq!(reply.text(), expected["text"].as_str().unwrap_or_default(), "{request}");
        }
    }
}

fn multipart(parts: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        let name = part["name"].as_str().expect("a name");
        let mut head = format!("--part\r\nContent-Disposition: form-data; name=\"{name}\"");
        if let Some(file) = part["filename"].as_str() {
            head += &format!("; filename=\"{file}\"\r\nContent-Type: {}", part["type"].as_str().expect("a type"));
        }
        out.extend((head + "\r\n\r\n").into_bytes());
        match part["base64"].as_str() {
            Some(bytes) => out.extend(base64(bytes)),
            None => out.extend(part["value"].as_str().expect("a value").bytes()),
        }
        out.extend(b"\r\n");
    }
    out.extend(b"--part--\r\n");
    out
}

/// Sends a scenario again, except for the requests that need a node this server lacks.
async fn replay(name: &str, lacks: &str) {
    let Some(exchanges) = scenario(name) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut replay = Replay::new(folder.path()).await;
    for exchange in exchanges {
        if lacks.is_empty() || !exchange["request"].to_string().contains(lacks) {
            replay.step(&exchange).await;
        }
    }
}

#[tokio::test]
async fn auth_matrix() {
    replay("auth-matrix", "").await;
}

#[tokio::test]
async fn run_and_events() {
    replay("run-and-events", "").await;
}

#[tokio::test]
async fn preview_image_node() {
    replay("preview-image-node", "").await;
}

#[tokio::test]
async fn validation_errors() {
    replay("validation-errors", "CheckpointLoaderSimple").await;
}

#[tokio::test]
async fn execution_error() {
    replay("execution-error", "").await;
}

#[tokio::test]
async fn upload_and_view() {
    replay("upload-and-view", "").await;
}

#[tokio::test]
async fn server_facts() {
    let Some(exchanges) = scenario("server-facts") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("models/checkpoints")).expect("made");
    std::fs::write(folder.path().join("models/checkpoints/random-sd15.safetensors"), "").expect("written");
    // The real server had its user's folder already.
    std::fs::create_dir_all(folder.path().join("user/default")).expect("made");
    let mut replay = Replay::new(folder.path()).await;
    for exchange in exchanges {
        let path = exchange["request"]["path"].as_str().unwrap_or_default();
        if !path.ends_with("KSampler") && !path.starts_with("/userdata") {
            replay.step(&exchange).await;
        }
    }
}

#[tokio::test]
async fn object_info() {
    let Some(folder) = recordings() else { return };
    let text = std::fs::read_to_string(folder.join("object_info.json")).expect("readable");
    let real: Value = serde_json::from_str(&text).expect("JSON");
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::builder().comfy_dir(folder.path()).checkpoint("random-sd15.safetensors").spawn().await.expect("starts");
    for name in ["blue.png", "broken.png", "example.png", "red (1).png", "red.png"] {
        std::fs::write(folder.path().join("input").join(name), "").expect("written");
    }
    let ours = get(server.addr(), "/object_info", &[]).await.json();
    for (class, entry) in ours.as_object().expect("classes") {
        assert_eq!(entry.to_string(), real[class].to_string(), "{class}, keys in their order");
    }
}
