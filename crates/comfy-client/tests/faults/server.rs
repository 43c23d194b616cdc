//! A small ComfyUI in this process, with one fault at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Multipart, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, copy, duplex, split};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{Message as Frame, protocol::Role};

/// How a request without the right credential is turned away.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Refusal {
    #[default]
    None,
    Status401,
    Redirect,
    LoginPage,
    EmptyObject,
}

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) refusal: Refusal,
    /// What `POST /prompt` does, one for each request, before it behaves again.
    pub(crate) prompt: Vec<PromptFault>,
    /// The history has the prompt only so long after the message that says so.
    pub(crate) history_lag: Duration,
    /// The upgrade is turned away.
    pub(crate) no_websocket: bool,
    /// The upgrade answers somebody else's key.
    pub(crate) wrong_key: bool,
    /// Uploads are too large.
    pub(crate) too_large: bool,
    /// `/view` announces more than it sends.
    pub(crate) cut_view: bool,
    /// `/view` gives the first half as a part that nobody asked for.
    pub(crate) part_unasked: bool,
    /// It has the jobs API, as servers of 2026.
    pub(crate) jobs_api: bool,
    /// A job that its jobs API does not know is a 404 with a reason.
    pub(crate) unknown_jobs_are_404: bool,
    /// Its version, if it tells one.
    pub(crate) version: Option<&'static str>,
    /// So often a proxy answers 503 to who asks for it.
    pub(crate) version_withheld: usize,
    /// Requests that begin so are never answered.
    pub(crate) hangs: Option<&'static str>,
    /// The WebSocket carries 16 KiB to the client, rests so long, and goes on.
    pub(crate) slow_socket: Option<Duration>,
    /// An answer of the history takes so long.
    pub(crate) history_takes: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PromptFault {
    /// The prompt is taken, but the answer breaks off.
    LosesAnswer,
    /// A proxy answers 502, and the prompt was not taken.
    LosesRequest,
    /// As servers before 0.3.45: the prompt is taken under an id of the server's own; and a proxy answers 502.
    TakenUnderItsOwnId,
    /// It is taken, but without one of its outputs.
    Partial,
    /// It is not accepted.
    Rejects,
    /// The prompt is taken, but a proxy answers this status.
    TakenBehind(u16),
    /// Somebody answers this status, and the prompt was not taken.
    Answers(u16),
    /// A proxy answers 503, and asks for so many seconds of patience.
    AsksToWait(u16),
    /// ComfyUI itself fails at it.
    Fails,
}

enum Order {
    Send(Frame),
    /// Ends the connection without a word.
    Cut,
}

#[derive(Default)]
struct World {
    faults: Faults,
    running: Option<Value>,
    pending: Vec<Value>,
    history: HashMap<String, Value>,
    sockets: HashMap<String, mpsc::UnboundedSender<Order>>,
    files: HashMap<String, Bytes>,
    /// What was asked: method and path.
    log: Vec<String>,
    /// The ids of the prompts that came.
    prompts: Vec<String>,
    /// What came with them.
    bodies: Vec<Value>,
    client_ids: Vec<String>,
    close_frames: usize,
    interrupts: Vec<Value>,
    origins: Vec<String>,
    /// How many questions about the history are under way, and how many were at most.
    history_looks: (usize, usize),
}

type Shared = Arc<Mutex<World>>;

pub(crate) struct Server {
    pub(crate) url: String,
    world: Shared,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap()
}

pub(crate) const TOKEN: &str = "open-sesame/1";

impl Server {
    pub(crate) async fn start(faults: Faults) -> Self {
        let world: Shared = Arc::new(Mutex::new(World { faults, ..World::default() }));
        let router = Router::new()
            .route("/prompt", get(health).post(prompt))
            .route("/queue", get(queue).post(delete))
            .route("/interrupt", post(interrupt))
            .route("/system_stats", get(system_stats))
            .route("/object_info", get(object_info))
            .route("/api/jobs", get(jobs))
            .route("/api/jobs/{id}/cancel", post(cancel_job))
            .route("/history/{id}", get(history))
            .route("/upload/image", post(upload))
            .route("/view", get(view))
            .route("/ws", get(websocket))
            .layer(axum::middleware::from_fn_with_state(world.clone(), guard))
            .with_state(world.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, world, task }
    }

    /// The prompt that waits first begins to run.
    pub(crate) fn run_next(&self) -> String {
        let mut world = lock(&self.world);
        let item = world.pending.remove(0);
        let id = item[1].as_str().unwrap().to_owned();
        world.running = Some(item);
        world.send(&id, "execution_start", json!({}));
        world.send(&id, "execution_cached", json!({"nodes": []}));
        world.send(&id, "executing", json!({"node": "2"}));
        id
    }

    /// The node that runs sends a picture of so many bytes.
    pub(crate) fn send_picture(&self, length: usize) {
        let world = lock(&self.world);
        let client = world.running.as_ref().unwrap()[3]["client_id"].as_str().unwrap();
        let frame = [&b"\0\0\0\x01\0\0\0\x02"[..], &vec![0; length]].concat();
        if let Some(socket) = world.sockets.get(client) {
            socket.send(Order::Send(Frame::binary(frame))).ok();
        }
    }

    /// The prompt that runs ends well; the history follows after its lag.
    pub(crate) async fn finish(&self) {
        self.end(
            "success",
            json!([["execution_start", {"timestamp": 1000}], ["execution_success", {"timestamp": 1250}]]),
            "execution_success",
        )
        .await;
    }

    /// The prompt that runs fails.
    pub(crate) async fn fail(&self) {
        let error = json!({"prompt_id": "?", "node_id": "2", "node_type": "SaveImage", "exception_type": "OSError", "exception_message": "disk full\n"});
        self.end("error", json!([["execution_error", error]]), "execution_error").await;
    }

    async fn end(&self, status: &str, messages: Value, announce: &str) {
        let (id, item, lag) = {
            let world = lock(&self.world);
            let item = world.running.clone().unwrap();
            let id = item[1].as_str().unwrap().to_owned();
            let output = json!({"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]});
            world.send(&id, "executed", json!({"node": "2", "output": output}));
            world.send(&id, announce, json!({}));
            (id, item, world.faults.history_lag)
        };
        tokio::time::sleep(lag).await;
        let mut world = lock(&self.world);
        let outputs = if status == "success" {
            json!({"2": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}})
        } else {
            json!({})
        };
        let entry = json!({"prompt": item, "outputs": outputs, "status": {"status_str": status, "completed": status == "success", "messages": messages}});
        world.running = None;
        world.history.insert(id.clone(), entry);
        world.status();
        world.send(&id, "executing", json!({"node": null}));
    }

    /// Queue and history are empty, and every connection breaks.
    pub(crate) fn restart(&self) {
        let mut world = lock(&self.world);
        world.running = None;
        world.pending.clear();
        world.history.clear();
        world.cut();
    }

    /// Every WebSocket breaks, without a word.
    pub(crate) fn cut_sockets(&self) {
        lock(&self.world).cut();
    }

    /// The server forgets its connections, which stay open: ComfyUI's bug with two connections of one id.
    pub(crate) fn deafen(&self) -> impl Sized + use<> {
        std::mem::take(&mut lock(&self.world).sockets)
    }

    /// Somebody empties the queue.
    pub(crate) fn clear_pending(&self) {
        let mut world = lock(&self.world);
        world.pending.clear();
        world.status();
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut lock(&self.world).faults);
    }

    pub(crate) fn put(&self, name: &str, bytes: &'static [u8]) {
        lock(&self.world).files.insert(name.to_owned(), Bytes::from_static(bytes));
    }

    pub(crate) fn pending(&self) -> usize {
        lock(&self.world).pending.len()
    }

    pub(crate) fn prompts(&self) -> Vec<String> {
        lock(&self.world).prompts.clone()
    }

    pub(crate) fn bodies(&self) -> Vec<Value> {
        lock(&self.world).bodies.clone()
    }

    pub(crate) fn client_ids(&self) -> Vec<String> {
        lock(&self.world).client_ids.clone()
    }

    pub(crate) fn open_sockets(&self) -> usize {
        lock(&self.world).sockets.len()
    }

    pub(crate) fn close_frames(&self) -> usize {
        lock(&self.world).close_frames
    }

    pub(crate) fn interrupts(&self) -> Vec<Value> {
        lock(&self.world).interrupts.clone()
    }

    pub(crate) fn origins(&self) -> Vec<String> {
        lock(&self.world).origins.clone()
    }

    /// How many questions about the history were under way at once, at most.
    pub(crate) fn history_looks_at_once(&self) -> usize {
        lock(&self.world).history_looks.1
    }

    /// How many requests came before the first of this sort.
    pub(crate) fn when(&self, what: &str) -> usize {
        lock(&self.world).log.iter().position(|line| line == what).unwrap()
    }

    pub(crate) fn asked(&self, what: &str) -> usize {
        lock(&self.world).log.iter().filter(|line| line.starts_with(what)).count()
    }
}

impl World {
    /// To the client that submitted the prompt, if it is connected; else to nobody.
    fn send(&self, prompt_id: &str, kind: &str, mut data: Value) {
        let client =
            self.running.iter().chain(&self.pending).find(|item| item[1] == prompt_id).map(|item| item[3]["client_id"].clone());
        let client = client.or_else(|| Some(self.history.get(prompt_id)?["prompt"][3]["client_id"].clone()));
        data["prompt_id"] = prompt_id.into();
        let frame = Frame::text(json!({"type": kind, "data": data}).to_string());
        if let Some(socket) = client.as_ref().and_then(Value::as_str).and_then(|client| self.sockets.get(client)) {
            socket.send(Order::Send(frame)).ok();
        }
    }

    fn status(&self) {
        let remaining = self.pending.len() + usize::from(self.running.is_some());
        let frame = json!({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": remaining}}}});
        for socket in self.sockets.values() {
            socket.send(Order::Send(Frame::text(frame.to_string()))).ok();
        }
    }

    fn cut(&mut self) {
        for (_, socket) in self.sockets.drain() {
            socket.send(Order::Cut).ok();
        }
    }
}

async fn guard(State(world): State<Shared>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).map(|origin| origin.to_str().unwrap().to_owned());
    let admitted = request.headers().get(header::AUTHORIZATION).is_some_and(|value| *value == format!("Bearer {TOKEN}"))
        || request.uri().query().unwrap_or_default().contains("token=open-sesame%2F1");
    let (refusal, hangs) = {
        let mut world = lock(&world);
        let line = format!("{} {}", request.method(), request.uri().path());
        let hangs = world.faults.hangs.is_some_and(|begin| line.starts_with(begin));
        world.log.push(line);
        world.origins.extend(origin);
        (world.faults.refusal, hangs)
    };
    if hangs {
        std::future::pending::<()>().await;
    }
    match refusal {
        _ if admitted => next.run(request).await,
        Refusal::None => next.run(request).await,
        Refusal::Status401 => {
            (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, "application/json")], r#"{"error": "Authentication required."}"#)
                .into_response()
        }
        Refusal::Redirect => (StatusCode::FOUND, [(header::LOCATION, "/login")], "302: Found").into_response(),
        Refusal::LoginPage => ([(header::CONTENT_TYPE, "text/html")], "<title>ComfyUI Login</title>").into_response(),
        Refusal::EmptyObject => ([(header::CONTENT_TYPE, "application/json")], "{}").into_response(),
    }
}

fn reply(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], value.to_string()).into_response()
}

async fn health(State(world): State<Shared>) -> Response {
    let world = lock(&world);
    let remaining = world.pending.len() + usize::from(world.running.is_some());
    reply(&json!({"exec_info": {"queue_remaining": remaining}}))
}

async fn queue(State(world): State<Shared>) -> Response {
    let world = lock(&world);
    reply(&json!({"queue_running": world.running.iter().collect::<Vec<_>>(), "queue_pending": world.pending}))
}

async fn delete(State(world): State<Shared>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let ids = body["delete"].as_array().unwrap();
    lock(&world).pending.retain(|item| !ids.contains(&item[1]));
    StatusCode::OK.into_response()
}

async fn interrupt(State(world): State<Shared>, body: Bytes) -> Response {
    lock(&world).interrupts.push(serde_json::from_slice(&body).unwrap());
    StatusCode::OK.into_response()
}

async fn system_stats(State(world): State<Shared>) -> Response {
    let faults = &mut lock(&world).faults;
    if faults.version_withheld > 0 {
        faults.version_withheld -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    reply(&json!({"system": {"comfyui_version": faults.version}, "devices": []}))
}

/// As ComfyUI writes it where a node's limit is infinite.
async fn object_info() -> Response {
    let class =
        r#"{"X": {"input": {"required": {"cfg": ["FLOAT", {"max": Infinity, "min": 0}]}}, "output": [], "output_node": true}}"#;
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], class).into_response()
}

async fn jobs(State(world): State<Shared>) -> Response {
    let world = lock(&world);
    if !world.faults.jobs_api {
        return StatusCode::NOT_FOUND.into_response();
    }
    let state = |state: &'static str| move |item: &Value| json!({"id": item[1], "status": state, "priority": item[0]});
    let running = world.running.iter().map(state("in_progress"));
    let jobs: Vec<Value> = running.chain(world.pending.iter().map(state("pending"))).collect();
    reply(&json!({"jobs": jobs, "pagination": {"offset": 0, "limit": null, "total": jobs.len(), "has_more": false}}))
}

/// In one step, as the newest servers do; those without it know no POST below their static files.
async fn cancel_job(State(world): State<Shared>, Path(id): Path<String>) -> Response {
    let mut world = lock(&world);
    if !world.faults.jobs_api {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let before = world.pending.len();
    world.pending.retain(|item| item[1] != *id);
    let runs = world.running.as_ref().is_some_and(|item| item[1] == *id);
    let cancelled = runs || world.pending.len() < before;
    if !cancelled && world.faults.unknown_jobs_are_404 {
        return (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "application/json")], r#"{"error": "Job not found"}"#)
            .into_response();
    }
    reply(&json!({ "cancelled": cancelled }))
}

async fn history(State(world): State<Shared>, Path(id): Path<String>) -> Response {
    let takes = {
        let mut world = lock(&world);
        world.history_looks.0 += 1;
        world.history_looks.1 = world.history_looks.1.max(world.history_looks.0);
        world.faults.history_takes
    };
    tokio::time::sleep(takes).await;
    let mut world = lock(&world);
    world.history_looks.0 -= 1;
    reply(&world.history.get(&id).map_or(json!({}), |entry| json!({ id: entry })))
}

async fn prompt(State(world): State<Shared>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let mut world = lock(&world);
    let fault = if world.faults.prompt.is_empty() { None } else { Some(world.faults.prompt.remove(0)) };
    let broken = json!({"1": {"errors": [{"type": "value_not_in_list", "message": "Value not in list", "details": "ckpt_name"}], "dependent_outputs": ["2"], "class_type": "X"}});
    match fault {
        Some(PromptFault::LosesRequest) => return StatusCode::BAD_GATEWAY.into_response(),
        Some(PromptFault::Answers(status)) => return StatusCode::from_u16(status).unwrap().into_response(),
        Some(PromptFault::AsksToWait(seconds)) => {
            return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, seconds.to_string())]).into_response();
        }
        Some(PromptFault::Fails) => {
            let said = "500 Internal Server Error\n\nServer got itself in trouble";
            return (StatusCode::INTERNAL_SERVER_ERROR, said).into_response();
        }
        Some(PromptFault::Rejects) => {
            let error = json!({"error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation", "details": ""}, "node_errors": broken});
            return (StatusCode::BAD_REQUEST, error.to_string()).into_response();
        }
        _ => {}
    }
    let own = fault == Some(PromptFault::TakenUnderItsOwnId);
    let id = if own { "its-own".into() } else { body["prompt_id"].clone() };
    world.prompts.push(id.as_str().unwrap().to_owned());
    let number = world.prompts.len();
    world.bodies.push(body.clone());
    world.pending.push(json!([number, id, body["prompt"], {"client_id": body["client_id"]}, ["2"]]));
    world.status();
    if own {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if let Some(PromptFault::TakenBehind(status)) = fault {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    if fault == Some(PromptFault::LosesAnswer) {
        let pieces = futures_util::stream::iter([Ok(Bytes::from_static(b"{\"prompt")), Err(std::io::Error::other("cut"))]);
        return Body::from_stream(pieces).into_response();
    }
    let errors = if fault == Some(PromptFault::Partial) { broken } else { json!({}) };
    reply(&json!({"prompt_id": id, "number": number, "node_errors": errors}))
}

async fn upload(State(world): State<Shared>, mut form: Multipart) -> Response {
    if lock(&world).faults.too_large {
        return (StatusCode::PAYLOAD_TOO_LARGE, "Maximum request body size 104857600 exceeded").into_response();
    }
    let (mut answer, mut bytes) = (json!({"subfolder": "", "type": "input"}), Bytes::new());
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().unwrap().to_owned();
        if name == "image" {
            answer["name"] = field.file_name().unwrap().into();
            bytes = field.bytes().await.unwrap();
        } else {
            answer[&name] = field.text().await.unwrap().into();
        }
    }
    lock(&world).files.insert(answer["name"].as_str().unwrap().to_owned(), bytes);
    reply(&answer)
}

async fn view(State(world): State<Shared>, request: Request) -> Response {
    let query: HashMap<_, _> =
        url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let world = lock(&world);
    let Some(bytes) = world.files.get(&query["filename"]).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if world.faults.part_unasked {
        let range = format!("bytes 0-{}/*", bytes.len() / 2 - 1);
        return (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, range)], bytes.slice(..bytes.len() / 2)).into_response();
    }
    if world.faults.cut_view {
        let half = bytes.slice(..bytes.len() / 2);
        let pieces = futures_util::stream::iter([Ok(half), Err(std::io::Error::other("cut"))]);
        return ([(header::CONTENT_LENGTH, bytes.len())], Body::from_stream(pieces)).into_response();
    }
    ([(header::CONTENT_TYPE, "image/png")], bytes).into_response()
}

async fn websocket(State(world): State<Shared>, headers: HeaderMap, mut request: Request) -> Response {
    if lock(&world).faults.no_websocket {
        return StatusCode::FORBIDDEN.into_response();
    }
    let query: HashMap<_, _> =
        url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let client_id = query["clientId"].clone();
    let mut accept = derive_accept_key(headers[header::SEC_WEBSOCKET_KEY].as_bytes());
    if lock(&world).faults.wrong_key {
        accept = derive_accept_key(b"somebody else's");
    }
    let (upgrade, slow) = (hyper::upgrade::on(&mut request), lock(&world).faults.slow_socket);
    tokio::spawn(async move {
        let wire = TokioIo::new(upgrade.await.unwrap());
        match slow {
            None => talk(wire, &world, client_id).await,
            Some(rest) => {
                let (near, far) = duplex(16 << 10);
                tokio::join!(talk(near, &world, client_id), trickle(far, wire, rest));
            }
        }
    });
    let head = [
        (header::CONNECTION, "Upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, head).into_response()
}

async fn talk(wire: impl AsyncRead + AsyncWrite + Unpin, world: &Shared, client_id: String) {
    let mut socket = WebSocketStream::from_raw_socket(wire, Role::Server, None).await;
    let (sender, mut orders) = mpsc::unbounded_channel();
    {
        let mut world = lock(world);
        world.client_ids.push(client_id.clone());
        world.sockets.insert(client_id.clone(), sender);
        world.status();
    }
    let mut open = true;
    loop {
        tokio::select! {
            order = orders.recv(), if open => match order {
                Some(Order::Send(frame)) => { socket.send(frame).await.ok(); }
                Some(Order::Cut) => return,
                None => open = false,
            },
            frame = socket.next() => match frame {
                Some(Ok(Frame::Close(_))) => lock(world).close_frames += 1,
                Some(Ok(_)) => {}
                _ => break,
            },
        }
    }
    // As ComfyUI does: whoever has this id now is forgotten.
    lock(world).sockets.remove(&client_id);
}

/// Carries bytes both ways until either ends, to the client slowly.
async fn trickle(near: DuplexStream, wire: TokioIo<Upgraded>, rest: Duration) {
    let ((mut from_server, mut to_server), (mut from_client, mut to_client)) = (split(near), split(wire));
    let down = async {
        let mut piece = vec![0; 16 << 10];
        while let Ok(read @ 1..) = from_server.read(&mut piece).await {
            if to_client.write_all(&piece[..read]).await.is_err() {
                break;
            }
            tokio::time::sleep(rest).await;
        }
    };
    tokio::select! {
        () = down => {}
        _ = copy(&mut from_client, &mut to_server) => {}
    }
}
