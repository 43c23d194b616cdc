//! A prompt is followed by its id; what was written down before a stop is not sent twice.

use std::time::Duration;

use comfy_client::{Ending, Event, Outcome, Submission};
use futures_util::StreamExt;

use crate::server::{Faults, PromptFault, Server};
use crate::{client, submit, workflow};

const LONG: Duration = Duration::from_secs(8);
const ID: &str = "0b5b1f7e-8b5e-4c3a-9d56-0123456789ab";

#[tokio::test]
async fn another_client_finds_the_end_and_a_prompt_that_nobody_knows_is_lost() {
    let server = Server::start(Faults::default()).await;
    let (first, second) = (client(&server), client(&server));
    let job = submit(&first).await;
    let attached = second.job(job.prompt_id()).unwrap();
    server.run_next();
    let mut events = attached.events();
    while events.next().await != Some(Event::Started) {}
    server.finish().await;
    assert!(matches!(attached.wait(LONG).await.unwrap(), Outcome::Succeeded(_)));
    assert_eq!(events.collect::<Vec<_>>().await, [Event::Finished { how: Ending::Succeeded }]);
    // It is as true long after the end, and of two in one client.
    let again = first.job(job.prompt_id()).unwrap().wait(LONG).await.unwrap();
    assert!(matches!(again, Outcome::Succeeded(_)));
    assert!(matches!(job.wait(LONG).await.unwrap(), Outcome::Succeeded(_)));
    assert!(matches!(second.job(ID).unwrap().wait(LONG).await.unwrap(), Outcome::Lost(_)));
    assert_eq!(server.client_ids().len(), 1, "to look needs no connection");
    second.job("").unwrap_err();
}

#[tokio::test]
async fn what_the_server_knows_already_is_followed_and_not_sent() {
    let server = Server::start(Faults::default()).await;
    let workflow = workflow();
    let submission = Submission::new(&workflow).prompt_id(ID);
    let stopped = client(&server).submit_with(&submission).await.unwrap();
    assert_eq!(stopped.prompt_id(), ID);
    drop(stopped);
    let waiting = client(&server).submit_with(&submission).await.unwrap();
    server.run_next();
    server.finish().await;
    assert!(matches!(waiting.wait(LONG).await.unwrap(), Outcome::Succeeded(_)));
    let ended = client(&server).submit_with(&submission).await.unwrap();
    assert!(matches!(ended.wait(LONG).await.unwrap(), Outcome::Succeeded(_)));
    assert_eq!(server.prompts(), [ID]);
}

#[tokio::test]
async fn a_key_and_a_place_in_the_queue_survive_a_lost_request() {
    let server =
        Server::start(Faults { prompt: vec![PromptFault::LosesRequest], version: Some("0.3.45"), ..Faults::default() }).await;
    let workflow = workflow();
    let submission = Submission::new(&workflow).front().only(["2"]).secret("api_key_comfy_org", "k3y".into());
    client(&server).submit_with(&submission).await.unwrap();
    let body = &server.bodies()[0];
    assert_eq!(body["front"], true);
    assert_eq!(body["partial_execution_targets"], serde_json::json!(["2"]));
    assert_eq!(body["extra_data"], serde_json::json!({"api_key_comfy_org": "k3y"}));
}

#[tokio::test]
async fn the_node_classes_are_asked_for_once_and_anew_when_told() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let workflow = comfy_client::Workflow::from_json(r#"{"1": {"class_type": "X", "inputs": {"cfg": -1}}}"#).unwrap();
    let (one, other) = tokio::join!(client.dry_run(&workflow), client.dry_run(&workflow));
    assert_eq!(one.unwrap()[0].to_string(), "node `1` X, input `cfg`: -1 is under 0, the least allowed");
    assert_eq!((other.unwrap().len(), server.asked("GET /object_info")), (1, 1));
    client.refresh_object_info().await.unwrap();
    client.clone().object_info().await.unwrap();
    assert_eq!(server.asked("GET /object_info"), 2);
    server.set(|faults| faults.refusal = crate::server::Refusal::Redirect);
    let stranger = comfy_client::Client::new(comfy_client::Config::new(&server.url).unwrap()).unwrap();
    assert!(stranger.object_info().await.unwrap_err().is_refused());
}
