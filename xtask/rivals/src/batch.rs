//! What our client holds in memory: a batch of prompts, and a long file. Each in a process of its own, without the server.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use comfy_client::{FileKind, Outcome as End, StoredFile, Workflow};
use comfy_sim::Fault;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clients::ours;
use crate::own::Own;
use crate::{Outcome, race, work};

const PROMPTS: usize = 10_000;
const AT_ONCE: usize = 64;
const LIMIT: Duration = Duration::from_secs(600);
const MIB: u64 = 1 << 20;

/// `rivals batch URL [TOKEN_FILE]`: many prompts, of which some are under way at any time.
pub async fn prompts(words: &[String]) -> Outcome<Value> {
    let [url, rest @ ..] = words else { return Err("name a URL".into()) };
    let client = ours(url, rest.first().map(Path::new))?;
    let (next, succeeded) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let from = Instant::now();
    let mark = format!("batch-{}", work::micros());
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, next, succeeded, mark) = (client.clone(), next.clone(), succeeded.clone(), mark.clone());
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= PROMPTS {
                    return Ok::<_, comfy_client::Error>(());
                }
                let mut workflow = Workflow::from_value(work::one_image(&mark, number))?;
                workflow.set("2", "filename_prefix", format!("{mark}/{}/picture", number % 100))?;
                let job = client.submit(&workflow).await?;
                if let End::Succeeded(_) = job.wait(LIMIT).await? {
                    succeeded.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    for worker in workers.join_all().await {
        worker?;
    }
    let seconds = from.elapsed().as_secs_f64();
    Ok(json!({"peak": work::peak(), "seconds": seconds, "succeeded": succeeded.load(Ordering::Relaxed), "at_once": AT_ONCE}))
}

pub async fn measure_prompts(url: &str, token_file: Option<&Path>) -> Outcome<Value> {
    child(Command::new(std::env::current_exe()?).args(["batch", url]).args(token_file)).await
}

/// `rivals download URL FILE DIR`.
pub async fn download(words: &[String]) -> Outcome<Value> {
    let [url, file, dir] = words else { return Err("name a URL, a file and a folder".into()) };
    let client = ours(url, None)?;
    let from = Instant::now();
    let got = client.download(&StoredFile::new(FileKind::Output, "", file.as_str()), Path::new(dir)).await?;
    Ok(json!({"peak": work::peak(), "seconds": from.elapsed().as_secs_f64(), "bytes": got.bytes}))
}

/// The same for a short and a long file: the difference is what the length costs.
pub async fn measure_downloads() -> Outcome<Value> {
    let sparse = |filename: &str, bytes| Fault::SparseFile { filename: filename.to_owned(), bytes };
    let own = Own::start(|builder| builder.fault(sparse("short.bin", MIB)).fault(sparse("long.bin", 100 * MIB))).await?;
    let to = tempfile::tempdir()?;
    let mut got = Vec::new();
    for file in ["short.bin", "long.bin"] {
        let mut command = Command::new(std::env::current_exe()?);
        got.push(child(command.args(["download", &own.server.url(), file]).arg(to.path())).await?);
    }
    Ok(json!({"short": got[0], "long": got[1]}))
}

async fn child(command: &mut Command) -> Outcome<Value> {
    let text = race::capture(command, LIMIT).await?;
    Ok(serde_json::from_str(&text).map_err(|_| "a run of our client gave no figures")?)
}
