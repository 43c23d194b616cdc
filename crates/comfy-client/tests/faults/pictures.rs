//! Pictures over the WebSocket are there once, and nowhere else.

use std::time::Duration;

use comfy_client::{Job, Outcome, Run, Workflow};

use crate::server::{Faults, Server};
use crate::{client, eventually, submit};

const LONG: Duration = Duration::from_secs(20);

fn sending() -> Workflow {
    let nodes = r#"{"1": {"class_type": "EmptyImage", "inputs": {}}, "2": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}}}"#;
    Workflow::from_json(nodes).unwrap()
}

async fn end(job: &Job) -> Run {
    let Outcome::Succeeded(run) = job.wait(LONG).await.unwrap() else { panic!("it fails") };
    run
}

#[tokio::test]
async fn a_picture_that_is_on_its_way_is_waited_for_whoever_else_ends_meanwhile() {
    // A second and a half for the picture: both ends are in the history long before their messages come.
    let server = Server::start(Faults { slow_socket: Some(Duration::from_millis(20)), ..Faults::default() }).await;
    let client = client(&server);
    let (sending, other) = (client.submit(&sending()).await.unwrap(), submit(&client).await);
    server.run_next();
    server.send_picture(1_200_000);
    server.finish().await;
    server.run_next();
    server.finish().await;
    let (run, other) = tokio::join!(end(&sending), end(&other));
    assert!(run.ws_images_complete && other.ws_images_complete);
    assert_eq!(run.ws_images.iter().map(|picture| picture.image.len()).collect::<Vec<_>>(), [1_200_000]);
    assert_eq!(server.client_ids().len(), 1, "the connection was not replaced");
}

#[tokio::test]
async fn an_end_that_was_read_needs_no_second_answer_at_the_deadline() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = client.submit(&sending()).await.unwrap();
    server.run_next();
    let _deaf = server.deafen();
    server.finish().await;
    eventually(|| server.asked("GET /history") == 1).await;
    server.set(|faults| faults.hangs = Some("GET /history"));
    let Outcome::Succeeded(run) = job.wait(Duration::from_secs(1)).await.unwrap() else { panic!("it is forgotten") };
    assert!(!run.ws_images_complete && run.ws_images.is_empty());
}

#[tokio::test]
async fn pictures_are_not_sent_over_a_connection_that_is_thought_deaf() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let unheard = submit(&client).await;
    server.run_next();
    let _deaf = server.deafen();
    server.finish().await;
    end(&unheard).await;
    let job = client.submit(&sending()).await.unwrap();
    server.run_next();
    server.send_picture(100);
    server.finish().await;
    let run = end(&job).await;
    assert!(run.ws_images_complete && run.ws_images.len() == 1, "{run:?}");
}

#[tokio::test]
async fn a_prompt_that_sends_pictures_waits_for_a_connection_that_comes_back() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let hold = submit(&client).await;
    server.cut_sockets();
    while client.connect().await {
        tokio::task::yield_now().await;
    }
    let job = client.submit(&sending()).await.unwrap();
    eventually(|| server.open_sockets() == 1).await;
    server.run_next();
    server.finish().await;
    server.run_next();
    server.send_picture(100);
    server.finish().await;
    let run = end(&job).await;
    assert!(run.ws_images_complete && run.ws_images.len() == 1, "{run:?}");
    drop(hold);
}
