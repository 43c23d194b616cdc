//! The client against a server with one fault at a time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy lets only the test functions themselves")]

mod attach;
mod auth;
mod cancel;
mod files;
mod looks;
mod order;
mod pictures;
mod run;
mod server;
mod submit;

use std::time::Duration;

use comfy_client::{Client, Config, Credential, Job, Workflow};
use server::{Server, TOKEN};

fn config(server: &Server) -> Config {
    Config::new(&server.url)
        .unwrap()
        .credential(Credential::Bearer(TOKEN.into()))
        .connect_timeout(Duration::from_secs(2))
        .request_timeout(Duration::from_secs(5))
}

fn client(server: &Server) -> Client {
    Client::new(config(server)).unwrap()
}

fn workflow() -> Workflow {
    Workflow::from_json(
        r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 8}}, "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}}"#,
    )
    .unwrap()
}

async fn submit(client: &Client) -> Job {
    client.submit(&workflow()).await.unwrap()
}

/// Waits for something that happens elsewhere, at most two seconds.
async fn eventually(what: impl Fn() -> bool) {
    for _ in 0..400 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never happened");
}
