//! How a socket ends: the server's own code, and nothing left of it for the next one of the same client.

#[expect(dead_code, reason = "shared with the other tests")]
mod socket;
#[expect(dead_code, reason = "shared with the other tests")]
mod wire;

use comfy_sim::Server;
use futures_util::StreamExt;
use serde_json::json;
use socket::Socket;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use wire::{get, post};

#[tokio::test]
async fn a_close_is_answered_with_1000_and_the_id_is_free_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::builder().comfy_dir(folder.path()).spawn().await.expect("starts");
    for code in [1001_u16, 3000, 4999] {
        let mut socket = Socket::open(server.addr(), "clientId=c").await.expect("opens");
        assert_eq!(socket.next().await.expect("a greeting")["data"]["sid"], "c");
        socket.0.close(Some(CloseFrame { code: code.into(), reason: "bye".into() })).await.expect("closes");
        let Some(Ok(Message::Close(Some(frame)))) = socket.0.next().await else { panic!("no close for {code}") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1000, ""));
    }
    let mut again = Socket::open(server.addr(), "clientId=c").await.expect("opens");
    let prompt = json!({"prompt": {"1": {"class_type": "PreviewImage", "inputs": {"images": 5}}}, "client_id": "c"});
    assert_eq!(post(server.addr(), "/prompt", "application/json", &[], &prompt.to_string()).await.status, 200);
    while again.next().await.expect("its messages")["type"] != "execution_error" {}
    assert_eq!(get(server.addr(), "/prompt", &[]).await.status, 200);
}
