//! Many prompts of one client look at the server together, and a slow look holds nobody up.

use std::time::Duration;

use comfy_client::{Client, Event, Job, Outcome};
use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::server::{Faults, Refusal, Server};
use crate::{client, config, eventually, submit};

const LONG: Duration = Duration::from_secs(20);
const MANY: usize = 100;

async fn submit_many(client: &Client) -> Vec<Job> {
    join_all((0..MANY).map(|_| submit(client))).await
}

/// Waits until each has seen its own place in the queue.
async fn all_placed(jobs: &[Job]) {
    join_all(jobs.iter().map(async |job| {
        let placed = job.events().any(async |event| matches!(event, Event::Queued { position: Some(_) }));
        assert!(placed.await);
    }))
    .await;
}

#[tokio::test]
async fn a_hundred_prompts_look_at_the_queue_together_with_a_connection_and_without() {
    for no_websocket in [false, true] {
        let server = Server::start(Faults { no_websocket, ..Faults::default() }).await;
        let client = client(&server);
        let jobs = submit_many(&client).await;
        all_placed(&jobs).await;
        let looks = server.asked("GET /queue");
        assert!(looks < MANY / 2, "{looks} looks");
    }
}

#[tokio::test]
async fn a_restart_is_found_out_together_and_the_history_is_not_stormed() {
    let server = Server::start(Faults { history_takes: Duration::from_millis(10), ..Faults::default() }).await;
    let client = client(&server);
    let jobs = submit_many(&client).await;
    server.restart();
    for outcome in join_all(jobs.iter().map(|job| job.wait(LONG))).await {
        assert!(matches!(&outcome, Ok(Outcome::Lost(_))), "{outcome:?}");
    }
    let (looks, at_once) = (server.asked("GET /queue"), server.history_looks_at_once());
    assert!(looks < MANY && at_once <= 8, "{looks} looks, {at_once} at once");
}

#[tokio::test]
async fn an_end_that_is_announced_during_a_look_that_hangs_is_read_at_once() {
    let server = Server::start(Faults { hangs: Some("GET /queue"), ..Faults::default() }).await;
    let client = Client::new(config(&server).request_timeout(Duration::from_secs(60))).unwrap();
    let job = submit(&client).await;
    eventually(|| server.asked("GET /queue") == 1).await;
    server.run_next();
    server.finish().await;
    let outcome = tokio::time::timeout(Duration::from_secs(4), job.wait(LONG)).await.expect("it was announced").unwrap();
    assert!(matches!(outcome, Outcome::Succeeded(_)), "{outcome:?}");
}

#[tokio::test]
async fn an_upgrade_that_hangs_is_waited_for_once() {
    let server = Server::start(Faults { hangs: Some("GET /ws"), ..Faults::default() }).await;
    let client = Client::new(config(&server).request_timeout(Duration::from_secs(60))).unwrap();
    let begun = Instant::now();
    for _ in 0..6 {
        submit(&client).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn one_refusal_from_something_that_restarts_does_not_end_a_wait() {
    for refusal in [Refusal::Status401, Refusal::LoginPage] {
        let server = Server::start(Faults { no_websocket: true, ..Faults::default() }).await;
        let client = Client::new(config(&server).credential(comfy_client::Credential::None)).unwrap();
        let job = submit(&client).await;
        server.set(|faults| faults.refusal = refusal);
        let before = server.asked("GET");
        eventually(|| server.asked("GET") > before).await;
        server.set(|faults| faults.refusal = Refusal::None);
        server.run_next();
        server.finish().await;
        let outcome = job.wait(LONG).await.unwrap();
        assert!(matches!(outcome, Outcome::Succeeded(_)), "{outcome:?}");
    }
}
