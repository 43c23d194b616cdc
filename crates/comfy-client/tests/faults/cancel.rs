//! One prompt is cancelled, and no other, whatever the server can do.

use std::time::Duration;

use comfy_client::{ErrorKind, JobState, Outcome};
use serde_json::json;

use crate::server::{Faults, Server};
use crate::{client, submit};

const LONG: Duration = Duration::from_secs(8);
const NEW: Option<&str> = Some("0.3.64");

#[tokio::test]
async fn without_the_jobs_api_what_waits_is_taken_out_and_only_what_runs_is_interrupted() {
    let server = Server::start(Faults { version: NEW, ..Faults::default() }).await;
    let client = client(&server);
    let (runs, waits) = (submit(&client).await, submit(&client).await);
    server.run_next();
    assert!(waits.cancel().await.unwrap());
    let outcome = waits.wait(LONG).await.unwrap();
    assert!(matches!(&outcome, Outcome::Cancelled(by) if by.by_this_client), "{outcome:?}");
    assert!(server.interrupts().is_empty(), "somebody else runs");
    assert!(runs.cancel().await.unwrap());
    assert_eq!(server.interrupts(), [json!({"prompt_id": runs.prompt_id()})]);
    assert!(!client.cancel("unknown").await.unwrap());
    assert_eq!(server.interrupts().len(), 1);
    // What the server lacks is asked for once.
    assert_eq!((server.asked("POST /api/jobs"), server.asked("GET /system_stats")), (1, 1));
    assert!(client.interrupt("").await.is_err() && client.cancel("").await.is_err());
    assert_eq!(client.jobs().await.unwrap(), None);
}

#[tokio::test]
async fn with_the_jobs_api_it_is_one_step() {
    let server = Server::start(Faults { jobs_api: true, ..Faults::default() }).await;
    let client = client(&server);
    let (runs, waits) = (submit(&client).await, submit(&client).await);
    server.run_next();
    let listed: Vec<_> = client.jobs().await.unwrap().unwrap().into_iter().map(|job| (job.prompt_id, job.state)).collect();
    assert_eq!(listed, [(runs.prompt_id().to_owned(), JobState::Running), (waits.prompt_id().to_owned(), JobState::Pending)]);
    assert!(waits.cancel().await.unwrap() && runs.cancel().await.unwrap());
    let outcome = waits.wait(LONG).await.unwrap();
    assert!(matches!(&outcome, Outcome::Cancelled(by) if by.by_this_client), "{outcome:?}");
    assert!(!client.cancel("unknown").await.unwrap());
    assert_eq!((server.asked("POST /queue"), server.asked("POST /interrupt")), (0, 0));
}

#[tokio::test]
async fn a_server_that_would_stop_whatever_runs_is_not_told_to_stop() {
    for version in [Some("0.3.51"), None] {
        let server = Server::start(Faults { version, ..Faults::default() }).await;
        let client = client(&server);
        let (runs, waits) = (submit(&client).await, submit(&client).await);
        server.run_next();
        let error = runs.cancel().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert!(waits.cancel().await.unwrap(), "what waits is taken out by its id in every version");
        assert_eq!((server.pending(), server.interrupts().len()), (0, 0));
    }
}

#[tokio::test]
async fn whether_a_server_reads_ids_is_asked_each_time() {
    let server = Server::start(Faults { version: NEW, ..Faults::default() }).await;
    let client = client(&server);
    let job = submit(&client).await;
    server.run_next();
    assert!(job.cancel().await.unwrap());
    // An older one answers at the same address: behind a balancer, or after a step back.
    server.set(|faults| faults.version = Some("0.3.51"));
    assert_eq!(job.cancel().await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(server.interrupts().len(), 1);
}

#[tokio::test]
async fn a_job_that_the_jobs_api_does_not_know_does_not_mean_that_there_is_none() {
    let server = Server::start(Faults { jobs_api: true, unknown_jobs_are_404: true, ..Faults::default() }).await;
    let client = client(&server);
    let job = submit(&client).await;
    assert!(!client.cancel("0b5b1f7e-8b5e-4c3a-9d56-0123456789ab").await.unwrap());
    assert!(job.cancel().await.unwrap());
    assert_eq!((server.asked("POST /api/jobs"), server.asked("POST /queue")), (2, 0));
}
