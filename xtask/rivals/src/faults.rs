//! Each fault of the embedded server, and what our client makes of it: a named end, in time.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use comfy_client::{Client, FileKind, StoredFile, Workflow};
use comfy_sim::{Fault, Planned, Refusal};
use futures_util::future::{try_join_all, try_join3};
use serde_json::{Value, json};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

use crate::own::Own;
use crate::{Outcome, work};

/// So long a job may take; then its end is `stalled`.
const DEADLINE: Duration = Duration::from_secs(4);
/// After that a client has hung: its own limits are over.
const HUNG: Duration = Duration::from_secs(45);

/// What is asked of the server while it fails.
#[derive(Clone, Copy)]
enum Asked {
    Picture,
    TwoPictures,
    File,
    Stats,
}

pub async fn table() -> Outcome<Value> {
    let rows = cases()?.into_iter().map(|(name, planned, asked)| async move {
        let own = Own::start(|builder| builder.step_time(Duration::from_millis(10)).fault(planned)).await?;
        let client = own.client()?;
        Outcome::Ok(row(&name, Instant::now(), timeout(HUNG, outcome(&client, asked)).await))
    });
    let (mut rows, same_id, deleted) = try_join3(try_join_all(rows), same_id(), deleted()).await?;
    rows.extend([same_id, deleted]);
    Ok(rows.into())
}

fn cases() -> Outcome<Vec<(String, Planned, Asked)>> {
    use Asked::{File, Picture, Stats, TwoPictures};
    use Refusal::{
        BadGateway, Broken, Forbidden, GatewayTimeout, LoginPage, TooLarge, TooManyRequests, Unauthorized, Unavailable,
    };
    let refusals =
        [LoginPage, Unauthorized, Forbidden, TooLarge, TooManyRequests, Broken, BadGateway, Unavailable, GatewayTimeout];
    let mut cases = Vec::new();
    for status in refusals {
        let fault = Fault::Refuse { route: "POST /prompt".parse()?, status };
        cases.push((format!("refuse POST /prompt with {}", status.code()), fault.into(), Picture));
    }
    for (status, times) in [(Unavailable, 3), (Unauthorized, u32::MAX)] {
        let fault = Fault::Refuse { route: "GET /history/*".parse()?, status }.times(times);
        cases.push((format!("refuse GET /history with {}", status.code()), fault, Picture));
    }
    let post = || "POST /prompt".parse();
    let file = "big.bin".to_owned();
    let others: [(&str, Planned, Asked); 15] = [
        ("delay POST /prompt by 500 ms", Fault::Delay { route: post()?, millis: 500 }.into(), Picture),
        ("lose_request POST /prompt", Fault::LoseRequest { route: post()? }.times(1), Picture),
        ("lose_answer POST /prompt", Fault::LoseAnswer { route: post()? }.times(1), Picture),
        ("lose_request GET /history, twice", Fault::LoseRequest { route: "GET /history/*".parse()? }.times(2), Picture),
        ("partial_prompt", Fault::PartialPrompt.into(), TwoPictures),
        ("blocked", Fault::Blocked { message: "blocked".to_owned() }.into(), Picture),
        ("history_lag of 300 ms", Fault::HistoryLag { millis: 300 }.into(), Picture),
        ("dead_worker", Fault::DeadWorker.into(), Picture),
        ("restart, 500 ms down", Fault::Restart { down_millis: 500 }.times(1), Picture),
        ("cut_socket", Fault::CutSocket { after_frames: 5 }.into(), Picture),
        ("deaf_socket", Fault::DeafSocket { after_frames: 5 }.into(), Picture),
        ("shared_delivery", Fault::SharedDelivery.into(), Picture),
        ("compress", Fault::Compress.into(), Picture),
        ("sparse_file of 256 MiB", Fault::SparseFile { filename: file, bytes: 256 << 20 }.into(), File),
        ("falling_vram", Fault::FallingVram { total: 8 << 30, free: 1 << 30, step: 1 << 30 }.into(), Stats),
    ];
    cases.extend(others.into_iter().map(|(name, planned, asked)| (name.to_owned(), planned, asked)));
    Ok(cases)
}

/// The end in the client's own words.
async fn outcome(client: &Client, asked: Asked) -> String {
    let said = match asked {
        Asked::Picture => picture(client, &work::sampled(20, 1)).await,
        Asked::TwoPictures => {
            let mut workflow = work::sampled(20, 1);
            workflow["10"] = workflow["9"].clone();
            picture(client, &workflow).await
        }
        Asked::File => file(client).await,
        Asked::Stats => client.system_stats().await.map(|stats| format!("read, {} card", stats.devices.len())),
    };
    said.unwrap_or_else(|error| format!("{:?}: {error}", error.kind()))
}

async fn picture(client: &Client, workflow: &Value) -> Result<String, comfy_client::Error> {
    let job = client.submit(&Workflow::from_value(workflow.clone())?).await?;
    Ok(job.wait(DEADLINE).await?.to_string())
}

async fn file(client: &Client) -> Result<String, comfy_client::Error> {
    let folder = tempfile::tempdir().map(|folder| folder.keep()).unwrap_or_default();
    let got = client.download(&StoredFile::new(FileKind::Output, "", "big.bin"), &folder).await;
    std::fs::remove_dir_all(&folder).ok();
    Ok(format!("{} bytes on disk", got?.bytes))
}

/// Another program takes the client's id, as two of one fixed id do: the server forgets the first one's socket.
async fn same_id() -> Outcome<Value> {
    let own = Own::start(|builder| builder.step_time(Duration::from_millis(50))).await?;
    let twin = |own: &Own, seed: u8| {
        let drawn = AtomicU8::new(0);
        // The first is the client's id, and the same for both.
        let ids = move || match drawn.fetch_add(1, Ordering::Relaxed) {
            0 => [7; 16],
            number => [seed.wrapping_add(number); 16],
        };
        Client::new(comfy_client::Config::new(&own.server.url())?.ids(ids))
    };
    let (client, other) = (twin(&own, 10)?, twin(&own, 100)?);
    let job = client.submit(&Workflow::from_value(work::sampled(20, 1))?).await?;
    drop(other.submit(&Workflow::from_value(work::sampled(1, 2))?).await?);
    drop(other);
    Ok(row("another client takes the id and leaves", Instant::now(), timeout(HUNG, waited(&job)).await))
}

/// Somebody else deletes the prompt while it waits: no message tells of it.
async fn deleted() -> Outcome<Value> {
    let own = Own::start(|builder| builder.step_time(Duration::from_millis(100))).await?;
    let (client, other) = (own.client()?, own.client()?);
    client.submit(&Workflow::from_value(work::sampled(20, 1))?).await?;
    let job = client.submit(&Workflow::from_value(work::sampled(20, 2))?).await?;
    let from = Instant::now();
    other.delete_queued([job.prompt_id()]).await?;
    Ok(row("another client deletes the waiting prompt", from, timeout(HUNG, waited(&job)).await))
}

async fn waited(job: &comfy_client::Job) -> String {
    job.wait(HUNG).await.map_or_else(|error| error.to_string(), |end| end.to_string())
}

fn row(fault: &str, from: Instant, said: Result<String, Elapsed>) -> Value {
    let hung = said.is_err();
    let said = said.unwrap_or_else(|_| "hung".to_owned());
    json!({"fault": fault, "outcome": said, "hung": hung, "seconds": from.elapsed().as_secs_f64()})
}
