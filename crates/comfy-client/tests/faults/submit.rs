//! A workflow goes to the server exactly once.

use comfy_client::{Client, ErrorKind, Outcome, Submission};
use std::time::Duration;

use tokio::time::Instant;

use crate::server::{Faults, PromptFault, Server};
use crate::{client, config, submit, workflow};

async fn with(faults: &[PromptFault]) -> Server {
    Server::start(Faults { prompt: faults.to_vec(), version: Some("0.3.45"), ..Faults::default() }).await
}

#[tokio::test]
async fn a_lost_answer_does_not_run_the_prompt_twice() {
    let server = with(&[PromptFault::LosesAnswer]).await;
    let client = client(&server);
    let job = submit(&client).await;
    assert_eq!(server.prompts(), [job.prompt_id()]);
    server.run_next();
    server.finish().await;
    assert!(matches!(job.wait(Duration::from_secs(5)).await.unwrap(), Outcome::Succeeded(_)));
}

#[tokio::test]
async fn a_lost_request_is_sent_again_under_the_same_id() {
    let server = with(&[PromptFault::LosesRequest]).await;
    server.set(|faults| faults.version_withheld = 2);
    let client = client(&server);
    let job = submit(&client).await;
    assert_eq!(server.prompts(), [job.prompt_id()]);
    assert_eq!(server.asked("POST /prompt"), 2);
    assert!(server.asked("GET /queue") >= 2, "one absence is not enough");
}

#[tokio::test]
async fn what_a_server_that_draws_the_id_itself_may_have_taken_is_not_sent_again() {
    for version in [None, Some("0.3.44")] {
        let server = with(&[PromptFault::TakenUnderItsOwnId]).await;
        server.set(|faults| faults.version = version);
        let error = client(&server).submit(&workflow()).await.unwrap_err();
        assert_eq!((server.asked("POST /prompt"), server.prompts().len()), (1, 1), "{version:?}");
        assert!(error.was_sent() && error.prompt_id().is_some(), "{error:?}");
        assert!(error.hints().iter().any(|hint| hint.contains("another id")), "{:?}", error.hints());
    }
}

#[tokio::test]
async fn what_a_server_of_unknown_age_may_have_taken_is_not_said_to_be_under_another_id() {
    let server = with(&[PromptFault::LosesRequest]).await;
    server.set(|faults| faults.version_withheld = usize::MAX);
    let client = Client::new(config(&server).request_timeout(Duration::from_secs(1))).unwrap();
    let error = client.submit(&workflow()).await.unwrap_err();
    assert!(server.asked("POST /prompt") == 1 && error.prompt_id().is_some(), "{error:?}");
    assert!(!error.hints().iter().any(|hint| hint.contains("another id")), "{:?}", error.hints());
}

#[tokio::test]
async fn a_prompt_lost_twice_is_an_error_that_names_its_id() {
    let server = with(&[PromptFault::LosesRequest, PromptFault::LosesRequest]).await;
    let error = client(&server).submit(&workflow()).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Server, Some(502)));
    assert!(error.was_sent() && error.is_retryable());
    assert!(error.hints().iter().any(|hint| hint.contains("may be in the queue")), "{:?}", error.hints());
    assert!(server.prompts().is_empty());
}

#[tokio::test]
async fn half_a_workflow_is_taken_back_unless_it_is_allowed() {
    let server = with(&[PromptFault::Partial, PromptFault::Partial]).await;
    let client = client(&server);
    let error = client.submit(&workflow()).await.unwrap_err();
    assert_eq!((error.kind(), error.node_errors().len()), (ErrorKind::Rejected, 1));
    assert_eq!(server.pending(), 0);
    // The prompt is not left to run while the server is asked what it would have liked.
    assert!(server.when("POST /queue") < server.when("GET /object_info/X"));
    let job = client.submit(&workflow().allow_partial(true)).await.unwrap();
    assert_eq!((job.dropped()[0].node.as_str(), server.asked("GET /object_info")), ("1", 1));
    assert_eq!(server.pending(), 1);
}

#[tokio::test]
async fn an_id_that_was_drawn_before_is_the_prompts_and_costs_no_look() {
    let server = with(&[]).await;
    let (client, workflow) = (client(&server), workflow());
    let id = client.draw_prompt_id().unwrap();
    let submission = Submission::new(&workflow).fresh_id(&id);
    let job = client.submit_with(&submission).await.unwrap();
    assert_eq!((job.prompt_id(), server.prompts()), (id.as_str(), vec![id.clone()]));
    assert_eq!((server.asked("GET /queue"), server.asked("GET /history")), (0, 0));
    // The same id once more is no fresh one: then it is looked for, and not sent.
    let again = client.submit_with(&submission.prompt_id(&id)).await.unwrap();
    assert_eq!((again.prompt_id(), server.prompts().len()), (id.as_str(), 1));
}

#[tokio::test]
async fn a_prompt_taken_behind_any_odd_answer_is_found_and_not_sent_again() {
    // 524 is what Cloudflare says of an answer that takes its time.
    for status in [200, 408, 500, 504, 520, 524, 599] {
        let server = with(&[PromptFault::TakenBehind(status)]).await;
        let job = submit(&client(&server)).await;
        assert_eq!(server.prompts(), [job.prompt_id()], "{status}");
        assert_eq!(server.asked("POST /prompt"), 1, "{status}");
    }
}

#[tokio::test]
async fn what_may_have_been_taken_is_sent_again_only_where_that_is_safe_and_its_id_is_named() {
    for status in [200, 408, 500, 520, 524] {
        let server = with(&[PromptFault::Answers(status)]).await;
        let (client, workflow) = (client(&server), workflow());
        let id = client.draw_prompt_id().unwrap();
        let error = client.submit_with(&Submission::new(&workflow).fresh_id(&id)).await.unwrap_err();
        assert_eq!(error.prompt_id(), Some(id.as_str()), "{status}");
        assert!(error.was_sent() && error.hints().iter().any(|hint| hint.contains(&id)), "{status} {:?}", error.hints());
        assert_eq!((server.asked("POST /prompt"), server.asked("GET /queue")), (1, 2), "{status}");
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_not_looked_up() {
    let answers = [400, 401, 403, 404, 405, 413, 429].map(PromptFault::Answers);
    for fault in answers.into_iter().chain([PromptFault::Rejects, PromptFault::Fails]) {
        let server = with(&[fault]).await;
        let error = client(&server).submit(&workflow()).await.unwrap_err();
        assert_eq!((server.asked("POST /prompt"), server.asked("GET /queue")), (1, 0), "{fault:?} {error:?}");
        assert_eq!(error.prompt_id(), None, "{fault:?}");
    }
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_not_sent_the_prompt_again_before() {
    let server = with(&[PromptFault::AsksToWait(2)]).await;
    let (client, begun) = (client(&server), Instant::now());
    let job = submit(&client).await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(server.prompts(), [job.prompt_id()]);
}

#[tokio::test]
async fn a_prompt_lost_once_is_named_though_the_second_try_is_refused() {
    let server = with(&[PromptFault::LosesRequest, PromptFault::Answers(401)]).await;
    let error = client(&server).submit(&workflow()).await.unwrap_err();
    assert!(error.is_refused() && error.was_sent() && error.prompt_id().is_some(), "{error:?}");
}
