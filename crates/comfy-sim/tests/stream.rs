//! A connection as a stream: several requests in several pieces, and all that comes back, as ComfyUI 0.3.64 answered it.

use std::time::Duration;

use comfy_sim::{Fault, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const GET: &str = "GET /prompt HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST: &str = "GET /prompt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const KEY: &str = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

async fn server() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::builder().comfy_dir(folder.path()).spawn().await.expect("starts");
    (folder, server)
}

/// The first lines of all answers and what is no header, once the server closes.
async fn talk(server: &Server, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(server.addr()).await.expect("connects");
    stream.set_nodelay(true).expect("set");
    for piece in pieces {
        stream.write_all(piece).await.expect("the server still reads");
        // So that the pieces arrive one by one, as far as a client can have it.
        tokio::task::yield_now().await;
    }
    let mut heard = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut heard)).await;
    read.expect("the server closes").expect("in order");
    let text = String::from_utf8_lossy(&heard).into_owned();
    let is_header = |line: &&str| {
        let name = line.split(": ").next().unwrap_or_default();
        line.is_empty() || (line.contains(": ") && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-'))
    };
    text.split("\r\n").filter(|line| !is_header(line)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn requests_of_one_connection_are_answered_in_order() {
    let (_folder, server) = server().await;
    let queue = "{\"exec_info\": {\"queue_remaining\": 0}}";
    let ok = format!("HTTP/1.1 200 OK\n{queue}");
    let expecting = "POST /interrupt HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let unread = "POST /nope HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let upgrade =
        format!("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{}\r\n", KEY.replace("13", "12"));
    let foreign = "GET /prompt HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let lifted = "POST /interrupt HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let cases: Vec<(Vec<&str>, String)> = vec![
        (vec![GET, GET, LAST], format!("{ok}{ok}{ok}")),
        (vec![&GET[..9], &GET[9..30], &GET[30..], LAST], format!("{ok}{ok}")),
        (vec![GET, expecting, "{}", LAST], format!("{ok}HTTP/1.1 100 Continue\nHTTP/1.1 200 OK\n{ok}")),
        (vec![unread, LAST], format!("HTTP/1.1 405 Method Not Allowed\n405: Method Not Allowed{ok}")),
        (vec![LAST, "\r\n"], ok.clone()),
        (vec![&upgrade, LAST], format!("HTTP/1.1 400 Bad Request\nUnsupported version: 12{ok}")),
        (vec![foreign, LAST], format!("{ok}{ok}")),
        (vec![lifted], "HTTP/1.0 200 OK".to_owned()),
        (
            vec!["GET /prompt HTTP/1.1\r\nHost: a\r\nExpect: xxx\r\n\r\n", LAST],
            format!("HTTP/1.1 417 Expectation Failed\nUnknown Expect: xxx{ok}"),
        ),
    ];
    for (pieces, wanted) in cases {
        let bytes: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
        assert_eq!(talk(&server, &bytes).await, wanted, "{pieces:?}");
        if !pieces.contains(&foreign) {
            assert_eq!(talk(&server, &[&bytes.concat()]).await, wanted, "{pieces:?} at once");
        }
    }
}

#[tokio::test]
async fn what_a_refused_client_still_sends_is_read() {
    let (_folder, server) = server().await;
    let body = vec![b'x'; 20 * 1024 * 1024];
    for (line, status) in [("POST /nope", "405"), ("OPTIONS /prompt", "200"), ("PUT /prompt", "405")] {
        let head = format!("{line} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        let heard = talk(&server, &[head.as_bytes(), &body, LAST.as_bytes()]).await;
        assert!(heard.starts_with(&format!("HTTP/1.1 {status}")) && heard.contains("exec_info"), "{line}: {heard}");
    }
}

#[tokio::test]
async fn a_refusal_waits_for_the_answer_before_it() {
    let (_folder, server) = server().await;
    server.faults().set(Fault::Delay { route: "GET /prompt".parse().expect("a route"), millis: 100 });
    let mut stream = TcpStream::connect(server.addr()).await.expect("connects");
    stream.write_all(GET.as_bytes()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(20)).await;
    stream.write_all(b"BAD x\r\n\r\n").await.expect("sent");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.expect("in order");
    let (first, second) = heard.split_once("HTTP/1.0 400 Bad Request\r\n").expect("a refusal");
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n") && first.ends_with('}'), "{first}");
    assert!(second.contains("Invalid method encountered"), "{second}");
}

#[tokio::test]
async fn heads_up_to_the_limits_of_the_real_server_pass() {
    let (_folder, server) = server().await;
    let long: String = (0..100).map(|name| format!("X-{name}: {}\r\n", "a".repeat(8000))).collect();
    let head = LAST.replace("\r\n\r\n", &format!("\r\n{long}\r\n"));
    assert!(talk(&server, &[head.as_bytes()]).await.starts_with("HTTP/1.1 200 OK\n"));
}

#[tokio::test]
async fn a_socket_opens_in_http_1_0_and_takes_frames_without_mask() {
    let (_folder, server) = server().await;
    let head = format!("GET /ws?clientId=a HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{KEY}\r\n");
    for (code, answer) in [([3, 232], [3, 232]), ([0, 1], [3, 234]), ([3, 237], [3, 234])] {
        let frames = [&b"\x81\x02{}\x88\x02"[..], &code].concat();
        let mut stream = TcpStream::connect(server.addr()).await.expect("connects");
        stream.write_all(&[head.as_bytes(), &frames].concat()).await.expect("sent");
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.expect("in order");
        assert!(heard.starts_with(b"HTTP/1.0 101 Switching Protocols\r\n"), "{}", String::from_utf8_lossy(&heard));
        assert!(heard.ends_with(&[&[0x88, 2][..], &answer].concat()), "{code:?}: {heard:?}");
    }
}
