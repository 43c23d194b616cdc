//! Every fault on demand, seen from the outside.

mod socket;
mod wire;

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use comfy_sim::{Fault, Refusal, Scenario, Server};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use socket::Socket;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use wire::{get, post};

const JSON: &str = "application/json";

async fn site(faults: impl IntoIterator<Item = Fault>) -> (Server, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let builder = Server::builder().comfy_dir(folder.path());
    let server = faults.into_iter().fold(builder, comfy_sim::Builder::fault).spawn().await.expect("starts");
    (server, folder)
}

/// A picture of this color, shown by that many output nodes.
fn prompt(color: u32, outputs: usize) -> Value {
    let image = json!({"class_type": "EmptyImage", "inputs": {"width": 4, "height": 4, "batch_size": 1, "color": color}});
    let mut nodes = json!({ "1": image });
    for id in 2..2 + outputs {
        let inputs = json!({"images": ["1", 0], "filename_prefix": id.to_string()});
        nodes[id.to_string()] = json!({"class_type": "SaveImage", "inputs": inputs});
    }
    nodes
}

async fn submit(addr: SocketAddr, body: &Value) -> Value {
    let reply = post(addr, "/prompt", JSON, &[], &body.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// Messages up to one of this type; that one is the last.
async fn until(socket: &mut Socket, kind: &str) -> Vec<Value> {
    let mut out = Vec::new();
    while out.last().is_none_or(|message: &Value| message["type"] != kind) {
        out.push(socket.next().await.unwrap_or_else(|| panic!("no {kind} after {out:?}")));
    }
    out
}

/// Messages up to the `executing` that names no node.
async fn until_idle(socket: &mut Socket) -> Vec<Value> {
    let mut out = Vec::new();
    loop {
        out.extend(until(socket, "executing").await);
        if out.last().is_some_and(|message| message["data"]["node"].is_null()) {
            return out;
        }
    }
}

/// Whether the next thing that comes is the answer to a ping.
async fn answers_ping_only(socket: &mut Socket) -> bool {
    socket.0.send(Message::Ping("?".into())).await.expect("sends");
    matches!(socket.0.next().await, Some(Ok(Message::Pong(_))))
}

/// Waits until the history holds this prompt, ten seconds at most.
async fn entry(addr: SocketAddr, id: &str) -> Value {
    let found = async {
        loop {
            let history = get(addr, &format!("/history/{id}"), &[]).await.json();
            if let Some(entry) = history.get(id) {
                return entry.clone();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.unwrap_or_else(|_| panic!("`{id}` never ended"))
}

/// All that a request gets back, which is nothing if its connection is cut.
async fn raw(addr: SocketAddr, head: &str, body: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).await.expect("connects");
    let request = format!("{head} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.expect("sends");
    let mut out = Vec::new();
    // A reset connection has no answer either.
    let _ = stream.read_to_end(&mut out).await;
    out
}

#[tokio::test]
async fn requests_are_refused_as_the_real_server_and_its_proxies_refuse() {
    let (server, _folder) = site([]).await;
    for (status, code, kind, body) in [
        (Refusal::LoginPage, 302, "text/plain; charset=utf-8", "302: Found"),
        (Refusal::Unauthorized, 401, "application/json; charset=utf-8", r#"{"error": "Authentication required."}"#),
        (Refusal::Forbidden, 403, "", ""),
        (Refusal::TooLarge, 413, "text/plain; charset=utf-8", "Maximum request body size 104857600 exceeded"),
        (Refusal::TooManyRequests, 429, "text/plain; charset=utf-8", "429 Too Many Requests"),
        (Refusal::Broken, 500, "text/plain; charset=utf-8", "500 Internal Server Error"),
        (Refusal::BadGateway, 502, "text/plain; charset=utf-8", "502 Bad Gateway"),
        (Refusal::Unavailable, 503, "text/plain; charset=utf-8", "503 Service Unavailable"),
        (Refusal::GatewayTimeout, 504, "text/plain; charset=utf-8", "504 Gateway Timeout"),
    ] {
        server.faults().set(Fault::Refuse { route: "GET /queue".parse().expect("a route"), status }.times(1));
        let other = get(server.addr(), "/history", &[]).await;
        let refused = get(server.addr(), "/api/queue", &[]).await;
        let after = get(server.addr(), "/queue", &[]).await;
        assert_eq!((other.status, refused.status, after.status), (200, code, 200));
        assert_eq!(refused.header("Content-Type").unwrap_or_default(), kind, "{code}");
        assert!(refused.text().starts_with(body), "{code}: {}", refused.text());
        assert_eq!(refused.header("Location").is_some(), code == 302);
    }
}

#[tokio::test]
async fn an_upgrade_can_be_refused_too() {
    let refuse = Fault::Refuse { route: "/ws".parse().expect("a route"), status: Refusal::LoginPage };
    let (server, _folder) = site([refuse]).await;
    assert_eq!(Socket::open(server.addr(), "clientId=c").await.err(), Some(302));
    server.faults().clear();
    assert!(Socket::open(server.addr(), "clientId=c").await.is_ok());
}

#[tokio::test]
async fn an_answer_is_delayed_after_the_work_is_done() {
    let delay = |millis| Fault::Delay { route: "POST /prompt".parse().expect("a route"), millis }.times(1);
    let (server, _folder) = site([]).await;
    let addr = server.addr();
    server.faults().set(delay(20));
    let from = tokio::time::Instant::now();
    submit(addr, &json!({"prompt": prompt(1, 1)})).await;
    assert!(from.elapsed() >= Duration::from_millis(20));
    server.faults().set(delay(3_600_000));
    let waiting = tokio::spawn(async move { submit(addr, &json!({"prompt": prompt(2, 1), "prompt_id": "p"})).await });
    entry(addr, "p").await;
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn a_lost_request_did_nothing_and_a_lost_answer_did_all() {
    let (server, _folder) = site([]).await;
    let body = |id: &str| json!({"prompt": prompt(1, 1), "prompt_id": id}).to_string();
    server.faults().set(Fault::LoseRequest { route: "POST /prompt".parse().expect("a route") }.times(1));
    assert!(raw(server.addr(), "POST /prompt", &body("lost")).await.is_empty());
    server.faults().set(Fault::LoseAnswer { route: "POST /prompt".parse().expect("a route") }.times(1));
    assert!(raw(server.addr(), "POST /prompt", &body("done")).await.is_empty());
    entry(server.addr(), "done").await;
    assert_eq!(get(server.addr(), "/history/lost", &[]).await.json(), json!({}));
    assert!(raw(server.addr(), "POST /prompt", &body("answered")).await.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_is_cut_in_the_middle() {
    let (server, home) = site([]).await;
    std::fs::write(home.path().join("output/long.bin"), vec![7; 3_000_000]).expect("written");
    let short = |after_bytes| Fault::CutBody { route: "GET /view".parse().expect("a route"), after_bytes }.times(1);
    for after in [0, 1, 2_000_000, 2_999_999, 3_000_000] {
        server.faults().clear();
        server.faults().set(short(after));
        let told = get(server.addr(), "/view?filename=long.bin", &[]).await;
        assert_eq!((told.status, told.header("Content-Length")), (200, Some("3000000")));
        assert_eq!(told.body.len() as u64, after);
    }
    // The last one was none, since the body is not longer; and other routes are left alone.
    assert_eq!(get(server.addr(), "/features", &[]).await.json()["max_upload_size"], 104_857_600);
    server.faults().clear();
    server.faults().set(Fault::CutBody { route: "GET /object_info".parse().expect("a route"), after_bytes: 100 }.times(1));
    let told = get(server.addr(), "/object_info", &[]).await;
    assert_eq!(told.body.len(), 100);
    assert!(told.header("Content-Length").and_then(|length| length.parse().ok()).is_some_and(|length: usize| length > 10_000));
    assert_eq!(get(server.addr(), "/object_info", &[]).await.json()["KSampler"]["name"], "KSampler");
}

#[tokio::test]
async fn a_prompt_is_taken_in_part() {
    let (server, _folder) = site([Fault::PartialPrompt]).await;
    let whole = submit(server.addr(), &json!({"prompt": prompt(1, 1)})).await;
    assert_eq!(whole["node_errors"], json!({}), "a lone output can't be dropped");
    let part = submit(server.addr(), &json!({"prompt": prompt(2, 2), "prompt_id": "part"})).await;
    assert_eq!(part["node_errors"]["3"]["class_type"], "SaveImage");
    assert_eq!(part["node_errors"]["3"]["dependent_outputs"], json!(["3"]));
    let entry = entry(server.addr(), "part").await;
    let shown = [&entry["outputs"]["2"], &entry["outputs"]["3"]].map(|output| !output.is_null());
    assert_eq!((shown, &entry["status"]["status_str"]), ([true, false], &json!("success")));
}

#[tokio::test]
async fn a_blocked_output_ends_nothing_and_is_not_in_the_history() {
    let (server, _folder) = site([Fault::Blocked { message: "no".to_owned() }]).await;
    let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    submit(server.addr(), &json!({"prompt": prompt(1, 1), "client_id": "c", "prompt_id": "p"})).await;
    let told = until_idle(&mut socket).await;
    let kinds: Vec<_> = told.iter().filter_map(|message| message["type"].as_str()).collect();
    let error = kinds.iter().position(|kind| *kind == "execution_error").expect("an error");
    assert_eq!(told[error]["data"]["exception_type"], "ExecutionBlocked");
    assert_eq!(told[error]["data"]["exception_message"], "Execution Blocked: no");
    assert!(kinds[error..].contains(&"execution_success") && !kinds.contains(&"executed"), "{kinds:?}");
    let entry = entry(server.addr(), "p").await;
    assert_eq!((&entry["outputs"], &entry["status"]["completed"]), (&json!({}), &json!(true)));
    assert!(!entry["status"]["messages"].to_string().contains("execution_error"));
}

#[tokio::test]
async fn the_history_comes_after_the_success() {
    let (server, _folder) = site([]).await;
    let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    for (millis, id) in [(1, "soon"), (3_600_000, "late")] {
        server.faults().set(Fault::HistoryLag { millis }.times(1));
        submit(server.addr(), &json!({"prompt": prompt(1, 1), "client_id": "c", "prompt_id": id})).await;
        until(&mut socket, "execution_success").await;
        if id == "soon" {
            entry(server.addr(), id).await;
        }
    }
    assert_eq!(get(server.addr(), "/history/late", &[]).await.json(), json!({}));
}

#[tokio::test]
async fn a_dead_worker_leaves_the_queue_standing_until_it_is_replaced() {
    let (server, _folder) = site([Fault::DeadWorker]).await;
    let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    for id in ["a", "b"] {
        submit(server.addr(), &json!({"prompt": prompt(1, 1), "client_id": "c", "prompt_id": id})).await;
    }
    let queue = get(server.addr(), "/queue", &[]).await.json();
    assert_eq!((&queue["queue_running"][0][1], &queue["queue_pending"][0][1]), (&json!("a"), &json!("b")));
    post(server.addr(), "/interrupt", JSON, &[], "{}").await;
    assert_eq!(get(server.addr(), "/prompt", &[]).await.json(), json!({"exec_info": {"queue_remaining": 2}}));
    server.faults().clear();
    entry(server.addr(), "b").await;
    assert!(until(&mut socket, "execution_start").await.len() > 1);
}

#[tokio::test]
async fn a_restart_cuts_connections_and_forgets_queue_and_history() {
    let (server, folder) = site([]).await;
    let addr = server.addr();
    submit(addr, &json!({"prompt": prompt(1, 1), "prompt_id": "old"})).await;
    entry(addr, "old").await;
    let mut socket = Socket::open(addr, "clientId=c").await.expect("opens");
    until(&mut socket, "status").await;
    server.faults().set(Fault::DeadWorker.times(1));
    submit(addr, &json!({"prompt": prompt(2, 1), "prompt_id": "stuck"})).await;
    std::fs::write(folder.path().join("output/kept.txt"), "x").expect("a file");
    server.restart(Duration::ZERO).await;
    until_cut(&mut socket).await;
    assert_eq!(get(addr, "/history", &[]).await.json(), json!({}));
    assert_eq!(get(addr, "/prompt", &[]).await.json(), json!({"exec_info": {"queue_remaining": 0}}));
    assert_eq!(get(addr, "/view?filename=kept.txt", &[]).await.text(), "x");
    submit(addr, &json!({"prompt": prompt(1, 1), "prompt_id": "new"})).await;
    entry(addr, "new").await;
}

/// Takes messages until there are no more.
async fn until_cut(socket: &mut Socket) {
    while socket.next().await.is_some() {}
}

#[tokio::test]
async fn a_prompt_can_bring_the_server_down_for_a_while() {
    let (server, _folder) = site([]).await;
    server.faults().set(Fault::Restart { down_millis: 200 }.after(1).times(1));
    let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    submit(server.addr(), &json!({"prompt": prompt(1, 1), "prompt_id": "good"})).await;
    entry(server.addr(), "good").await;
    // The server may be gone before it answers.
    raw(server.addr(), "POST /prompt", &json!({"prompt": prompt(2, 1), "prompt_id": "fatal"}).to_string()).await;
    until_cut(&mut socket).await;
    assert!(TcpStream::connect(server.addr()).await.is_err(), "the port refuses while the server is down");
    while TcpStream::connect(server.addr()).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(server.addr(), "/history", &[]).await.json(), json!({}));
}

#[tokio::test]
async fn a_socket_is_cut_at_a_frame() {
    let (server, _folder) = site([]).await;
    server.faults().set(Fault::CutSocket { after_frames: 3 }.times(1));
    for whole in [false, true] {
        let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
        until(&mut socket, "status").await;
        submit(server.addr(), &json!({"prompt": prompt(1, 1), "client_id": "c"})).await;
        if whole {
            until_idle(&mut socket).await;
        } else {
            let got = [socket.next().await, socket.next().await, socket.next().await];
            assert_eq!(got.map(|message| message.is_some()), [true, true, false]);
        }
    }
}

#[tokio::test]
async fn a_deaf_socket_stays_open_and_hears_nothing_while_the_work_goes_on() {
    let (server, _folder) = site([Fault::DeafSocket { after_frames: 1 }]).await;
    let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    until(&mut socket, "status").await;
    submit(server.addr(), &json!({"prompt": prompt(1, 1), "client_id": "c", "prompt_id": "p"})).await;
    entry(server.addr(), "p").await;
    socket.send(r#"{"type": "feature_flags", "data": {}}"#).await;
    assert!(answers_ping_only(&mut socket).await, "another message came");
}

#[tokio::test]
async fn the_second_socket_of_an_id_is_deaf_once_the_first_ends_without_any_fault() {
    let (server, _folder) = site([]).await;
    let mut first = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    let mut second = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    for socket in [&mut first, &mut second] {
        until(socket, "status").await;
    }
    let run = |id: &str| json!({"prompt": prompt(1, 1), "client_id": "c", "prompt_id": id});
    submit(server.addr(), &run("heard")).await;
    until_idle(&mut second).await;
    // The server ends the connection after it has heard of the close.
    first.0.close(None).await.expect("closes");
    while let Some(Ok(_)) = first.0.next().await {}
    submit(server.addr(), &run("unheard")).await;
    entry(server.addr(), "unheard").await;
    assert!(answers_ping_only(&mut second).await, "another message came");
}

#[tokio::test]
async fn a_slow_reader_holds_up_all_others() {
    // So long a node id makes frames that fill the buffers between the server and who does not read.
    let long = "x".repeat(1 << 19);
    let big = json!({ long.as_str(): prompt(1, 0)["1"], "2": {"class_type": "PreviewImage", "inputs": {"images": [long, 0]}} });
    for shared in [false, true] {
        let (server, _folder) = site(shared.then_some(Fault::SharedDelivery)).await;
        let tcp = TcpSocket::new_v4().expect("a socket");
        tcp.set_recv_buffer_size(4096).expect("a size");
        let stream = tcp.connect(server.addr()).await.expect("connects");
        let url = format!("ws://{}/ws?clientId=slow", server.addr());
        let (slow, _) = tokio_tungstenite::client_async(url, stream).await.expect("opens");
        let mut quick = Socket::open(server.addr(), "clientId=quick").await.expect("opens");
        until(&mut quick, "status").await;
        // Without an owner its progress goes to everyone.
        submit(server.addr(), &json!({ "prompt": big })).await;
        submit(server.addr(), &json!({"prompt": prompt(9, 1), "client_id": "quick", "prompt_id": "mine"})).await;
        entry(server.addr(), "mine").await;
        if shared {
            let silence = async { while quick.next().await.is_some_and(|message| message["type"] != "execution_success") {} };
            let stalled = tokio::time::timeout(Duration::from_millis(300), silence).await.is_err();
            assert!(stalled, "the prompt is done, and its client does not hear of it");
        }
        drop(slow);
        until(&mut quick, "execution_success").await;
    }
}

#[tokio::test]
async fn json_is_compressed_for_who_takes_it() {
    let (server, _folder) = site([Fault::Compress]).await;
    let plain = get(server.addr(), "/queue", &[]).await;
    assert_eq!(plain.header("Content-Encoding"), None);
    for (accepted, coding) in [("gzip", Some("gzip")), ("gzip, deflate", Some("deflate")), ("deflate", None), ("GZIP", None)] {
        let reply = get(server.addr(), "/queue", &[("Accept-Encoding", accepted)]).await;
        assert_eq!(reply.header("Content-Encoding"), coding, "{accepted}");
        let mut text = String::new();
        let read = match coding {
            Some("gzip") => flate2::read::GzDecoder::new(reply.body.as_slice()).read_to_string(&mut text),
            Some(_) => flate2::read::ZlibDecoder::new(reply.body.as_slice()).read_to_string(&mut text),
            None => Read::read_to_string(&mut reply.body.as_slice(), &mut text),
        };
        assert!(read.is_ok() && text.as_bytes() == plain.body, "{accepted}: {text}");
    }
    let raised = get(server.addr(), "/history?max_items=x", &[("Accept-Encoding", "gzip")]).await;
    assert_eq!((raised.status, raised.header("Content-Encoding")), (500, None));
}

#[tokio::test]
async fn three_gigabytes_can_be_fetched_in_part_from_a_few_blocks() {
    const SIZE: u64 = 3 << 30;
    let (server, _folder) = site([Fault::SparseFile { filename: "big.bin".to_owned(), bytes: SIZE }]).await;
    let path = "/view?filename=big.bin";
    let head = wire::call(server.addr(), "HEAD", path, &[], b"").await;
    assert_eq!((head.status, head.header("Content-Length")), (200, Some("3221225472")));
    for at in [0, 1 << 24, SIZE - (1 << 24)] {
        let reply = get(server.addr(), path, &[("Range", &format!("bytes={at}-{}", at + 15))]).await;
        assert_eq!(reply.status, 206);
        assert_eq!(reply.body, [at.to_be_bytes(), [0; 8]].concat());
    }
    assert_eq!(get(server.addr(), "/view?filename=other.bin", &[]).await.status, 404);
}

#[tokio::test]
async fn free_vram_falls_from_answer_to_answer() {
    let (server, _folder) = site([Fault::FallingVram { total: 100, free: 25, step: 10 }]).await;
    for free in [25, 15, 5, 0, 0] {
        let device = get(server.addr(), "/system_stats", &[]).await.json()["devices"][0].clone();
        assert_eq!((&device["vram_total"], &device["vram_free"]), (&json!(100), &json!(free)));
    }
}

#[tokio::test]
async fn a_scenario_sets_what_it_says_in_json_and_in_toml() {
    let json = r#"{"faults": [{"fault": {"refuse": {"route": "GET /queue", "status": 503}}, "after": 1, "times": 1}]}"#;
    let toml = "[[faults]]\nafter = 1\ntimes = 1\nfault = { refuse = { route = \"GET /queue\", status = 503 } }\n";
    for text in [json, toml] {
        let folder = tempfile::tempdir().expect("a folder");
        let scenario = Scenario::parse(text).expect("a scenario");
        let server = Server::builder().comfy_dir(folder.path()).scenario(&scenario).spawn().await.expect("starts");
        for status in [200, 503, 200] {
            assert_eq!(get(server.addr(), "/queue", &[]).await.status, status);
        }
    }
}

#[test]
fn the_examples_are_scenarios() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/scenarios");
    let mut read = 0;
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!scenario.faults().is_empty());
        read += 1;
    }
    assert!(read > 0);
}

#[test]
fn a_wrong_scenario_is_blamed_by_line_and_field() {
    for (text, blamed) in [
        ("{\"faults\": [\n{\"fault\": \"sleep\"}]}", ["unknown variant `sleep`", "line 2"]),
        ("{\"faults\": [],\n\"fauls\": 1}", ["unknown field `fauls`", "line 2"]),
        ("[[faults]]\nfault = \"dead_worker\"\ntims = 1\n", ["unknown field `tims`", "line 3"]),
        ("[[faults]]\nfault = { delay = { route = \"GET x\", millis = 1 } }\n", ["`x` in `GET x` is no path", "line 2"]),
        ("[[faults]]\nfault = { refuse = { route = \"*\", status = 418 } }\n", ["`418` is none of 302, 401", "line 2"]),
        ("[[faults]]\nfault = { history_lag = { milis = 1 } }\n", ["milis", "line 2"]),
    ] {
        let error = Scenario::parse(text).expect_err(text);
        assert_eq!(error.kind(), comfy_sim::ErrorKind::Scenario);
        for part in blamed {
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}
