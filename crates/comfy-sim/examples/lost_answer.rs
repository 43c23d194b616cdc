//! A client that must find out whether its prompt was taken: `cargo run -p comfy-sim --example lost_answer`.
//!
//! The server takes the prompt, and the connection ends without an answer. A client that submits again without looking
//! makes the picture twice; this one chose its own prompt id, so it can ask the history.

use std::net::SocketAddr;

use comfy_sim::{Fault, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PROMPT: &str = r#"{"prompt_id": "mine", "prompt": {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "example"}}}}"#;

#[expect(clippy::print_stdout, reason = "an example shows what happens")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let lost = Fault::LoseAnswer { route: "POST /prompt".parse()? };
    let server = Server::builder().comfy_dir(folder.path()).fault(lost.times(1)).spawn().await?;

    let answer = ask(server.addr(), "POST /prompt", PROMPT).await?;
    println!("the submit got {} bytes back", answer.len());
    while !ask(server.addr(), "GET /history/mine", "").await?.contains("\"completed\": true") {}
    println!("and yet the prompt ran: {}/output/example_00001_.png", folder.path().display());
    server.shutdown().await;
    Ok(())
}

/// One request on a connection of its own; the whole answer, or nothing.
async fn ask(addr: SocketAddr, line: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(addr).await?;
    let length = body.len();
    let request = format!("{line} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
