//! What our client holds in memory: a batch of prompts, and a long file. Each in a process of its own, without the server.

use std::future::ready;
use std::path::Path;
use std::time::Duration;

use comfy_client::{Batch, BatchItem, FileKind, Fleet, StoredFile, Workflow};
use comfy_sim::Fault;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::Instant;

use crate::clients::ours;
use crate::own::Own;
use crate::{Outcome, race, work};

const PROMPTS: usize = 10_000;
const AT_ONCE: usize = 64;
const LIMIT: Duration = Duration::from_secs(600);
const MIB: u64 = 1 << 20;

/// `rivals batch URL [TOKEN_FILE]`: many prompts, of which some are under way at any time; their pictures go to a folder.
pub async fn prompts(words: &[String]) -> Outcome<Value> {
    let [url, rest @ ..] = words else { return Err("name a URL".into()) };
    let fleet = Fleet::builder().server("one", ours(url, rest.first().map(Path::new))?, AT_ONCE).build()?;
    let mark = format!("batch-{}", work::micros());
    let item = |number: usize| {
        let mut workflow = Workflow::from_value(work::one_image(&mark, number))?;
        workflow.set("2", "filename_prefix", format!("{mark}/{}/picture", number % 100))?;
        BatchItem::new(number.to_string(), workflow)
    };
    let (to, from) = (tempfile::tempdir()?, Instant::now());
    let items = stream::iter((0..PROMPTS).filter_map(|number| item(number).ok()));
    let rows = Batch::new(fleet).deadline(LIMIT).download_to(to.path()).run(items);
    let succeeded = rows.filter(|row| ready(row.is_success())).count().await;
    let seconds = from.elapsed().as_secs_f64();
    Ok(json!({"peak": work::peak(), "seconds": seconds, "succeeded": succeeded, "at_once": AT_ONCE}))
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
