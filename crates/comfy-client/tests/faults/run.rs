//! A run comes to a named end, whatever becomes of the messages.

use std::time::Duration;

use comfy_client::{Client, Ending, Event, Job, Outcome, StallCause, Standing};
use futures_util::StreamExt;

use crate::server::{Faults, Server};
use crate::{client, config, eventually, submit};

const LONG: Duration = Duration::from_secs(8);

async fn end(job: &Job) -> Outcome {
    tokio::time::timeout(LONG, job.wait(LONG)).await.expect("a wait keeps its deadline").unwrap()
}

fn succeeded(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Succeeded(run) if run.outputs.len() == 1)
}

#[tokio::test]
async fn a_run_is_told_step_by_step_and_costs_one_look() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = submit(&client).await;
    server.run_next();
    server.finish().await;
    let outcome = end(&job).await;
    assert!(succeeded(&outcome), "{outcome:?}");
    let Outcome::Succeeded(run) = outcome else { unreachable!() };
    assert_eq!(run.timing.ran_for, Some(Duration::from_millis(250)));
    assert_eq!(run.outputs[0].file.to_string(), "output/a.png");
    let events: Vec<Event> = job.events().collect().await;
    let names: Vec<String> =
        events.iter().map(|event| format!("{event:?}").split([' ', '{']).next().unwrap().to_owned()).collect();
    assert_eq!(names, ["Queued", "Started", "NodeStarted", "NodeFinished", "Finished"]);
    assert_eq!(events.last(), Some(&Event::Finished { how: Ending::Succeeded }));
    assert!(job.events().next().await.is_none(), "all events were given");
    assert_eq!((server.asked("GET /queue"), server.asked("GET /ws")), (0, 1));
    assert!(server.asked("GET /history") <= 3);
}

#[tokio::test]
async fn a_failure_is_not_a_success() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = submit(&client).await;
    server.run_next();
    server.fail().await;
    let outcome = end(&job).await;
    assert!(matches!(&outcome, Outcome::Failed(failure) if failure.error.exception_message == "disk full"), "{outcome:?}");
}

#[tokio::test]
async fn a_history_that_lags_is_waited_for() {
    let server = Server::start(Faults { history_lag: Duration::from_millis(300), ..Faults::default() }).await;
    let client = client(&server);
    let job = submit(&client).await;
    server.run_next();
    server.finish().await;
    assert!(succeeded(&end(&job).await));
    assert!(server.asked("GET /history") > 3);
}

#[tokio::test]
async fn prompts_share_one_connection() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let (one, two) = (submit(&client).await, submit(&client).await);
    for _ in 0..2 {
        server.run_next();
        server.finish().await;
    }
    assert!(succeeded(&end(&one).await) && succeeded(&end(&two).await));
    assert_eq!(server.client_ids().len(), 1);
    drop((one, two, client));
    eventually(|| server.close_frames() == 1).await;
}

#[tokio::test]
async fn without_a_websocket_everything_works_by_looking() {
    let server = Server::start(Faults { no_websocket: true, ..Faults::default() }).await;
    let client = client(&server);
    let job = submit(&client).await;
    server.run_next();
    server.finish().await;
    assert!(succeeded(&end(&job).await));
}

#[tokio::test]
async fn a_cut_connection_is_dialled_again_under_the_same_id_and_the_run_goes_on() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = submit(&client).await;
    server.run_next();
    server.cut_sockets();
    eventually(|| server.open_sockets() == 1).await;
    let ids = server.client_ids();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1], "the messages of what is under way go to this id");
    server.finish().await;
    assert!(succeeded(&end(&job).await));
    let events: Vec<Event> = job.events().collect().await;
    assert!(events.iter().any(|event| matches!(event, Event::NodeFinished { .. })), "the new connection hears: {events:?}");
}

#[tokio::test]
async fn a_deaf_connection_delays_but_does_not_hang_and_is_replaced() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = submit(&client).await;
    let keep = server.deafen();
    server.run_next();
    server.finish().await;
    assert!(succeeded(&end(&job).await));
    eventually(|| server.close_frames() == 1).await;
    drop(keep);
    let next = submit(&client).await;
    assert_eq!((server.client_ids().len(), server.open_sockets()), (2, 1));
    server.run_next();
    server.finish().await;
    assert!(succeeded(&end(&next).await));
    assert!(next.events().any(async |event| matches!(event, Event::NodeFinished { .. })).await);
}

#[tokio::test]
async fn a_server_that_restarts_loses_the_prompt_and_says_so() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = submit(&client).await;
    server.run_next();
    server.restart();
    let outcome = end(&job).await;
    assert!(matches!(&outcome, Outcome::Lost(loss) if loss.connection_broke), "{outcome:?}");
    // The same client goes on with the restarted server.
    let next = submit(&client).await;
    server.run_next();
    server.finish().await;
    assert!(succeeded(&end(&next).await));
}

#[tokio::test]
async fn a_prompt_that_somebody_takes_out_is_cancelled() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = submit(&client).await;
    server.clear_pending();
    let outcome = end(&job).await;
    assert!(matches!(&outcome, Outcome::Cancelled(by) if !by.by_this_client), "{outcome:?}");
}

#[tokio::test]
async fn the_deadline_is_kept_and_the_last_look_finds_what_no_message_told() {
    let server = Server::start(Faults::default()).await;
    let client = client(&server);
    let job = submit(&client).await;
    server.run_next();
    eventually(|| server.open_sockets() == 1).await;
    let outcome = job.wait(Duration::from_millis(100)).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Stalled(stall) if stall.cause == StallCause::Deadline && matches!(stall.last, Standing::Running { .. })),
        "{outcome:?}"
    );
    let keep = server.deafen();
    server.finish().await;
    assert!(succeeded(&job.wait(Duration::from_millis(20)).await.unwrap()));
    drop(keep);
}

#[tokio::test]
async fn a_token_that_stops_working_ends_the_wait_with_a_refusal() {
    let server = Server::start(Faults { no_websocket: true, ..Faults::default() }).await;
    let client = Client::new(config(&server).credential(comfy_client::Credential::None)).unwrap();
    let job = submit(&client).await;
    server.set(|faults| faults.refusal = crate::server::Refusal::Status401);
    let error = job.wait(LONG).await.unwrap_err();
    assert!(error.is_refused(), "{error:?}");
    let last = job.events().collect::<Vec<_>>().await.pop();
    assert_eq!(last, Some(Event::Finished { how: Ending::Unknown }));
}
