//! Prompts that run: the pictures they leave, the messages they send, and the rules of the queue.

mod socket;
mod wire;

use std::io::Cursor;
use std::net::SocketAddr;
use std::path::Path;

use comfy_sim::{ErrorKind, Login, Server};
use futures_util::StreamExt;
use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use serde_json::{Value, json};
use socket::Socket;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use wire::{call, get, post};

const JSON: &str = "application/json";

async fn site() -> (Server, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::builder().comfy_dir(folder.path()).spawn().await.expect("starts");
    (server, folder)
}

async fn submit(addr: SocketAddr, body: &Value) -> Value {
    let reply = post(addr, "/prompt", JSON, &[], &body.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn empty_image(color: u32) -> Value {
    json!({"class_type": "EmptyImage", "inputs": {"width": 4, "height": 3, "batch_size": 1, "color": color}})
}

fn save(from: &str, prefix: &str) -> Value {
    json!({"class_type": "SaveImage", "inputs": {"images": [from, 0], "filename_prefix": prefix}})
}

/// The messages up to the one that says that a prompt is over.
async fn until_idle(socket: &mut Socket) -> Vec<Value> {
    let mut out = Vec::new();
    while let Some(message) = socket.next().await {
        let over = message["type"] == "executing" && message["data"]["node"].is_null();
        out.push(message);
        if over {
            break;
        }
    }
    out
}

/// A message in short: its type, and the node that it is about.
fn short(message: &Value) -> String {
    let data = &message["data"];
    let about = match message["type"].as_str().unwrap_or_default() {
        "status" => data["status"]["exec_info"]["queue_remaining"].to_string(),
        "execution_cached" => data["nodes"].to_string(),
        "progress_state" => {
            let nodes = data["nodes"].as_object().expect("nodes");
            let states: Vec<_> = nodes.iter().map(|(id, n)| format!("{id}={}", n["state"].as_str().unwrap_or(""))).collect();
            states.join(",")
        }
        _ => data["node"].as_str().unwrap_or_default().to_owned(),
    };
    format!("{} {about}", message["type"].as_str().unwrap_or_default()).trim_end().to_owned()
}

fn png(folder: &Path, name: &str) -> RgbImage {
    let bytes = std::fs::read(folder.join(name)).expect("a file");
    image::load_from_memory(&bytes).expect("a picture").into_rgb8()
}

#[tokio::test]
async fn a_run_tells_its_steps_and_the_same_again_comes_from_the_cache() {
    let (server, folder) = site().await;
    let mut socket = Socket::open(server.addr(), "clientId=c1").await.expect("opens");
    assert_eq!(
        socket.next().await,
        Some(json!({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "c1"}}))
    );
    let workflow = json!({"nodes": [], "version": 0.4});
    let body = json!({
        "prompt": {"1": empty_image(0x01_80_FF), "2": save("1", "rec")},
        "client_id": "c1",
        "extra_data": {"extra_pnginfo": {"workflow": workflow}},
    });
    let told = submit(server.addr(), &body).await;
    assert_eq!((&told["number"], &told["node_errors"]), (&json!(0), &json!({})));
    let first: Vec<_> = until_idle(&mut socket).await.iter().map(short).collect();
    let expected = [
        "status 1",
        "status 1",
        "execution_start",
        "execution_cached []",
        "progress_state 1=running",
        "executing 1",
        "progress_state 1=finished",
        "progress_state 1=finished,2=running",
        "executing 2",
        "executed 2",
        "progress_state 1=finished,2=finished",
        "execution_success",
        "status 0",
        "executing",
    ];
    assert_eq!(first, expected);

    let picture = png(folder.path(), "output/rec_00001_.png");
    assert_eq!((picture.dimensions(), picture.get_pixel(3, 2)), ((4, 3), &Rgb([1, 0x80, 0xFF])));
    let bytes = std::fs::read(folder.path().join("output/rec_00001_.png")).expect("a file");
    let holds = |text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(holds("tEXtprompt\0{\"1\": {\"class_type\": \"EmptyImage\", "));
    assert!(holds("tEXtworkflow\0{\"nodes\": [], \"version\": 0.4}"));

    let again = submit(server.addr(), &body).await;
    assert_eq!(again["number"], 1);
    let second: Vec<_> = until_idle(&mut socket).await.iter().map(short).collect();
    let expected = [
        "status 1",
        "status 1",
        "execution_start",
        "execution_cached [\"1\",\"2\"]",
        "executed 2",
        "progress_state 2=finished",
        "execution_success",
        "status 0",
        "executing",
    ];
    assert_eq!(second, expected);
    assert!(!folder.path().join("output/rec_00002_.png").exists());

    // `free_memory` drops the cache, so the third run saves anew.
    post(server.addr(), "/free", JSON, &[], r#"{"free_memory": true}"#).await;
    submit(server.addr(), &body).await;
    let third: Vec<_> = until_idle(&mut socket).await.iter().map(short).collect();
    assert!(third.contains(&"executing 1".to_owned()), "{third:?}");
    assert!(folder.path().join("output/rec_00002_.png").exists());
    server.shutdown().await;
}

#[tokio::test]
async fn a_picture_goes_through_the_nodes_and_keeps_its_pixels() {
    let (server, folder) = site().await;
    let mut picture = RgbaImage::from_fn(5, 2, |x, y| Rgba([x as u8 * 50, y as u8 * 255, 7, 255]));
    picture.put_pixel(0, 0, Rgba([10, 20, 30, 0]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).expect("encodes");
    std::fs::write(folder.path().join("input/in.png"), bytes.into_inner()).expect("written");
    let info = get(server.addr(), "/object_info/LoadImage", &[]).await.json();
    assert_eq!(info["LoadImage"]["input"]["required"]["image"][0], json!(["in.png"]));

    let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    socket.next().await;
    let load = json!({"class_type": "LoadImage", "inputs": {"image": "in.png"}});
    let invert = json!({"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}});
    let prompt = json!({"1": load, "2": invert, "3": save("2", "a/b/out"), "4": save("1", "same")});
    let id = submit(server.addr(), &json!({"prompt": prompt, "client_id": "c"})).await["prompt_id"].clone();
    let order: Vec<_> = until_idle(&mut socket).await.iter().filter(|m| m["type"] == "executing").map(short).collect();
    assert_eq!(order, ["executing 1", "executing 4", "executing 2", "executing 3", "executing"]);

    let (same, inverted) = (png(folder.path(), "output/same_00001_.png"), png(folder.path(), "output/a/b/out_00001_.png"));
    for (x, y, pixel) in picture.enumerate_pixels() {
        let [r, g, b, _] = pixel.0;
        assert_eq!(same.get_pixel(x, y), &Rgb([r, g, b]));
        // `255 * (1 - x / 255)` in 32 bits may fall just below the whole number, and is then cut.
        let flip = |v: u8| (255.0 * (1.0 - f32::from(v) / 255.0)) as u8;
        assert_eq!(inverted.get_pixel(x, y), &Rgb([flip(r), flip(g), flip(b)]));
    }
    let id = id.as_str().expect("an id");
    let entry = get(server.addr(), &format!("/history/{id}"), &[]).await.json();
    assert_eq!(
        entry[id]["outputs"]["3"],
        json!({"images": [{"filename": "out_00001_.png", "subfolder": "a/b", "type": "output"}]})
    );
    assert_eq!(entry[id]["prompt"][2]["1"].get("is_changed"), None, "the history keeps the prompt as it came");

    // Another content under the same name is another picture; the node does not come from the cache.
    RgbImage::new(1, 1).save(folder.path().join("input/in.png")).expect("written");
    submit(server.addr(), &json!({"prompt": prompt, "client_id": "c"})).await;
    let cached = until_idle(&mut socket).await.into_iter().find(|m| m["type"] == "execution_cached");
    assert_eq!(cached.map(|m| m["data"]["nodes"].clone()), Some(json!([])));
}

#[tokio::test]
async fn messages_reach_the_owner_and_nobody_else() {
    let (server, _folder) = site().await;
    let mut mine = Socket::open(server.addr(), "clientId=mine").await.expect("opens");
    let mut other = Socket::open(server.addr(), "").await.expect("opens");
    mine.next().await;
    let minted = other.next().await.expect("a message")["data"]["sid"].clone();
    assert_eq!(minted.as_str().map(str::len), Some(32));
    let prompt = json!({"1": empty_image(1), "2": save("1", "x")});
    submit(server.addr(), &json!({"prompt": prompt, "client_id": "mine"})).await;
    assert!(until_idle(&mut mine).await.len() > 10);
    let heard: Vec<_> = [other.next().await, other.next().await, other.next().await].iter().flatten().map(short).collect();
    assert_eq!(heard, ["status 1", "status 1", "status 0"]);

    // Without a client id progress goes to everyone, and the rest to nobody: not even the end is told.
    let prompt = json!({"1": empty_image(2), "2": save("1", "x")});
    submit(server.addr(), &json!({"prompt": prompt})).await;
    let mut heard = Vec::new();
    while heard.last().is_none_or(|last| last != "status 0") {
        heard.push(short(&other.next().await.expect("a message")));
    }
    assert_eq!(
        heard,
        [
            "status 1",
            "status 1",
            "progress_state 1=running",
            "progress_state 1=finished",
            "progress_state 1=finished,2=running",
            "progress_state 1=finished,2=finished",
            "status 0",
        ]
    );
}

#[tokio::test]
async fn the_first_message_of_a_client_may_ask_for_the_features() {
    let (server, _folder) = site().await;
    let ask = r#"{"type": "feature_flags", "data": {"supports_preview_metadata": true}}"#;
    let flags = json!({
        "type": "feature_flags",
        "data": {"supports_preview_metadata": true, "max_upload_size": 104_857_600}
    });
    let mut socket = Socket::open(server.addr(), "clientId=a").await.expect("opens");
    socket.next().await;
    socket.send("no json").await;
    socket.send(ask).await;
    assert_eq!(socket.next().await, Some(flags), "what is no JSON does not count as first");
    let mut late = Socket::open(server.addr(), "clientId=b").await.expect("opens");
    late.next().await;
    late.send(r#"{"type": "hello"}"#).await;
    late.send(ask).await;
    submit(server.addr(), &json!({"prompt": {"1": empty_image(1), "2": save("1", "x")}, "client_id": "b"})).await;
    assert!(until_idle(&mut late).await.iter().all(|message| message["type"] != "feature_flags"));
}

#[tokio::test]
async fn prompts_wait_their_turn_and_can_be_taken_back() {
    let (server, _folder) = site().await;
    let addr = server.addr();
    let mut socket = Socket::open(addr, "clientId=c").await.expect("opens");
    socket.next().await;
    // Long enough to keep the worker busy while the others are sent.
    let mut chain = json!({
        "0": {"class_type": "EmptyImage", "inputs": {"width": 2048, "height": 2048, "batch_size": 1, "color": 3}},
        "out": save("20", "big"),
    });
    for n in 1..=20 {
        chain[n.to_string()] = json!({"class_type": "ImageInvert", "inputs": {"image": [(n - 1).to_string(), 0]}});
    }
    let send = |prompt: Value, more: Value| {
        let mut body = json!({"prompt": prompt, "client_id": "c"});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        async move { submit(addr, &body).await }
    };
    let small = |color| json!({"1": empty_image(color), "2": save("1", "small")});
    let first = send(chain, json!({"prompt_id": "first"})).await;
    assert_eq!((&first["prompt_id"], &first["number"]), (&json!("first"), &json!(0)));
    assert_eq!(send(small(1), json!({"prompt_id": "back"})).await["number"], 1);
    assert_eq!(send(small(2), json!({"prompt_id": "front", "front": true})).await["number"], -2);
    assert_eq!(send(small(3), json!({"prompt_id": "gone", "number": "7.5"})).await["number"], 7.5);
    let queue = get(addr, "/queue", &[]).await.json();
    assert_eq!(queue["queue_running"][0][1], "first");
    let waiting: Vec<_> = queue["queue_pending"].as_array().expect("a list").iter().map(|item| &item[1]).collect();
    assert_eq!(waiting, ["front", "back", "gone"]);
    assert_eq!(get(addr, "/prompt", &[]).await.json(), json!({"exec_info": {"queue_remaining": 4}}));

    assert_eq!(post(addr, "/queue", JSON, &[], r#"{"delete": ["gone", "unknown"]}"#).await.text(), "");
    // An id that does not run is left alone; the one that runs stops before its next node.
    assert_eq!(post(addr, "/interrupt", JSON, &[], r#"{"prompt_id": "back"}"#).await.status, 200);
    assert_eq!(post(addr, "/interrupt", JSON, &[], r#"{"prompt_id": "first"}"#).await.status, 200);
    let mut over = Vec::new();
    for _ in 0..3 {
        let messages = until_idle(&mut socket).await;
        let end = &messages[messages.len() - 3];
        over.push((end["data"]["prompt_id"].clone(), end["type"].clone()));
    }
    let end = |id: &str, kind: &str| (json!(id), json!(kind));
    assert_eq!(
        over,
        [end("first", "execution_interrupted"), end("front", "execution_success"), end("back", "execution_success")]
    );
    let history = get(addr, "/history", &[]).await.json();
    let ids: Vec<_> = history.as_object().expect("entries").keys().collect();
    assert_eq!(ids, ["first", "front", "back"]);
    assert_eq!(history["first"]["status"]["status_str"], "error");
    assert_eq!(history["first"]["status"]["completed"], false);
    assert_eq!(history["first"]["status"]["messages"][2][0], "execution_interrupted");
    assert_eq!(get(addr, "/history?max_items=1", &[]).await.json().as_object().map(serde_json::Map::len), Some(1));
    post(addr, "/history", JSON, &[], r#"{"delete": ["first"]}"#).await;
    assert_eq!(get(addr, "/history/first", &[]).await.json(), json!({}));
    post(addr, "/history", JSON, &[], r#"{"clear": true}"#).await;
    assert_eq!(get(addr, "/history", &[]).await.json(), json!({}));
}

#[tokio::test]
async fn what_python_would_raise_is_a_500() {
    let (server, _folder) = site().await;
    for (path, body) in [
        ("/prompt", "{not json"),
        ("/prompt", ""),
        ("/prompt", "null"),
        ("/prompt", r#"{"prompt": {"last_node_id": 9}}"#),
        ("/prompt", r#"{"prompt": null}"#),
        ("/prompt", r#"{"number": null}"#),
        ("/queue", ""),
        ("/queue", r#"{"delete": 5}"#),
        ("/interrupt", "null"),
        ("/interrupt", "[]"),
        ("/free", ""),
        ("/history", r#"{"delete": 5}"#),
    ] {
        let reply = post(server.addr(), path, JSON, &[("Connection", "keep-alive")], body).await;
        assert_eq!(reply.status, 500, "{path} {body}");
        assert_eq!(reply.text(), "500 Internal Server Error\n\nServer got itself in trouble");
        assert_eq!(reply.header("Connection"), Some("close"));
    }
    for (path, body) in [("/interrupt", "{}"), ("/interrupt", ""), ("/interrupt", "x"), ("/queue", "{}"), ("/free", "{}")] {
        let reply = post(server.addr(), path, JSON, &[], body).await;
        assert_eq!((reply.status, reply.header("Content-Type"), reply.body.len()), (200, None, 0), "{path} {body}");
    }
    assert_eq!(get(server.addr(), "/history?max_items=x", &[]).await.status, 500);
}

#[tokio::test]
async fn a_file_is_sent_whole_in_part_or_not_at_all() {
    let (server, folder) = site().await;
    std::fs::write(folder.path().join("output/a.txt"), "0123456789").expect("written");
    let path = "/view?filename=a.txt";
    let whole = get(server.addr(), path, &[]).await;
    assert_eq!((whole.status, whole.text().as_str()), (200, "0123456789"));
    assert_eq!(whole.header("Content-Disposition"), Some("filename=\"a.txt\""));
    assert_eq!(whole.header("Accept-Ranges"), Some("bytes"));
    let (tag, since) = (whole.header("ETag").expect("a tag"), whole.header("Last-Modified").expect("a date"));
    for (name, value, status, body) in [
        ("Range", "bytes=2-4", 206, "234"),
        ("Range", "bytes=-3", 206, "789"),
        ("Range", "bytes=20-", 416, ""),
        ("If-None-Match", tag, 304, ""),
        ("If-None-Match", "\"other\"", 200, "0123456789"),
        ("If-Modified-Since", since, 304, ""),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 200, "0123456789"),
        ("If-Match", "\"other\"", 412, ""),
    ] {
        let reply = get(server.addr(), path, &[(name, value)]).await;
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{name}: {value}");
    }
    let part = get(server.addr(), path, &[("Range", "bytes=2-4")]).await;
    assert_eq!(part.header("Content-Range"), Some("bytes 2-4/10"));
    let head = call(server.addr(), "HEAD", path, &[], b"").await;
    assert_eq!((head.status, head.header("Content-Length"), head.body.len()), (200, Some("10"), 0));
    for (query, status) in [
        ("filename=b.txt", 404),
        ("type=output", 404),
        ("filename=", 400),
        ("filename=/etc/passwd", 400),
        ("filename=..%2Fa.txt", 400),
        ("filename=a.txt&type=models", 400),
        ("filename=a.txt&subfolder=../..", 403),
        ("filename=a.txt%20[output]&type=input", 200),
    ] {
        assert_eq!(get(server.addr(), &format!("/view?{query}"), &[]).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_served() {
    let (server, _folder) = site().await;
    for (method, path, status, allow) in [
        ("GET", "/nowhere", 404, None),
        ("HEAD", "/nowhere", 404, None),
        ("GET", "/queue/", 404, None),
        ("GET", "/api", 404, None),
        ("GET", "/api/queue", 200, None),
        ("GET", "/%71ueue", 200, None),
        ("GET", "/interrupt", 404, None),
        ("DELETE", "/queue", 405, Some("GET,HEAD,POST")),
        ("POST", "/nowhere", 405, Some("GET,HEAD")),
    ] {
        let reply = call(server.addr(), method, path, &[], b"").await;
        assert_eq!((reply.status, reply.header("Allow")), (status, allow), "{method} {path}");
        if status == 404 {
            assert_eq!(reply.header("Content-Type"), (method == "GET").then_some("application/octet-stream"));
            assert_eq!(reply.body.len(), 0);
        }
    }
    let large = [("Content-Length", "104857601"), ("Connection", "close")];
    let reply = call(server.addr(), "POST", "/queue", &large, b"").await;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.text(), "Maximum request body size 104857600 exceeded.");
}

#[tokio::test]
async fn who_sends_too_much_before_it_reads_is_told_so() {
    let (server, _folder) = site().await;
    let mut stream = TcpStream::connect(server.addr()).await.expect("connects");
    let head = "POST /queue HTTP/1.1\r\nHost: x\r\nContent-Length: 104857601\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&vec![b' '; 104_857_601]).await.expect("read to its end");
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 413");
}

/// The code of the close frame that a socket is sent for these bytes.
async fn closed_for(addr: SocketAddr, bytes: &[u8]) -> Option<CloseCode> {
    let mut socket = Socket::open(addr, "").await.expect("opens");
    socket.0.get_mut().write_all(bytes).await.expect("sent");
    loop {
        if let Message::Close(frame) = socket.0.next().await?.ok()? {
            return frame.map(|frame| frame.code);
        }
    }
}

#[tokio::test]
async fn a_socket_that_breaks_the_protocol_is_told_how() {
    let (server, _folder) = site().await;
    // The mask of zeros leaves what is sent as it is.
    let frame = |head: [u8; 2], payload: &[u8]| [&head[..], &[0; 4], payload].concat();
    let text = |length: u64| {
        let head = [&[0x81, 0xFF][..], &length.to_be_bytes(), &[0; 4]].concat();
        [head, vec![b' '; length as usize]].concat()
    };
    for (what, bytes, code) in [
        ("a reserved bit", frame([0xC1, 0x81], b"a"), CloseCode::Protocol),
        ("no such opcode", frame([0x83, 0x80], b""), CloseCode::Protocol),
        ("a continuation of nothing", frame([0x80, 0x81], b"a"), CloseCode::Protocol),
        ("a long ping", [&[0x89, 0xFE, 0, 126, 0, 0, 0, 0][..], &[b'a'; 126]].concat(), CloseCode::Protocol),
        ("half a close code", frame([0x88, 0x81], b"a"), CloseCode::Protocol),
        ("no UTF-8", frame([0x81, 0x81], b"\xFF"), CloseCode::Invalid),
        ("4 MB", text(4_194_304), CloseCode::Size),
    ] {
        assert_eq!(closed_for(server.addr(), &bytes).await, Some(code), "{what}");
    }
    let most = [text(4_194_303), frame([0x88, 0x82], &1000_u16.to_be_bytes())].concat();
    assert_eq!(closed_for(server.addr(), &most).await, Some(CloseCode::Normal));
}

#[tokio::test]
async fn a_busy_port_is_told_and_an_end_frees_it() {
    let (server, folder) = site().await;
    let addr = server.addr();
    let again = || Server::builder().comfy_dir(folder.path()).listen(addr).spawn();
    let error = again().await.expect_err("the port is taken");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::AddressInUse, format!("another program listens on `{addr}`")));
    let mut socket = Socket::open(addr, "clientId=c").await.expect("opens");
    socket.next().await;
    server.shutdown().await;
    assert_eq!(socket.next().await, None, "the socket was closed");
    let next = again().await.expect("the port is free");
    drop(next);
    tokio::task::yield_now().await;
    for _ in 0..100 {
        match again().await {
            Ok(_) => return,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
    panic!("a dropped server keeps its port");
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    let (server, _folder) = site().await;
    let stats = get(server.addr(), "/system_stats", &[]).await.json();
    assert!(stats["devices"][0]["name"].as_str().is_some_and(|name| name.contains("comfy-sim")));
    let classes = get(server.addr(), "/object_info", &[]).await.json();
    for class in ["SaveImage", "ImageCrop", "KSampler"] {
        assert_eq!(classes[class]["name"], class);
    }
    assert_eq!(get(server.addr(), "/object_info/NoSuchNode", &[]).await.text(), "{}");
    let no_folder = Server::builder().spawn().await.expect_err("no folder");
    assert_eq!(no_folder.kind(), ErrorKind::NoFolder);
}

#[tokio::test]
async fn a_login_that_others_can_reach_needs_a_key_that_they_cannot_guess() {
    let folder = tempfile::tempdir().expect("a folder");
    let builder = |ip| Server::builder().comfy_dir(folder.path()).login(Login::Plugin).listen(SocketAddr::from((ip, 0)));
    let error = builder([0, 0, 0, 0]).spawn().await.expect_err("anybody could guess the key");
    assert_eq!(error.kind(), ErrorKind::NoEntropy);
    builder([127, 0, 0, 1]).spawn().await.expect("nobody else reaches it").shutdown().await;
}
