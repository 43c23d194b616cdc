//! One client, some jobs: `rivals run CLIENT URL NAME JOBS AT_ONCE SECONDS [TOKEN_FILE]`.
//!
//! Prints a line of JSON for each job that is done. `simplified.py` does the same for the client in Python.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Outcome;
use crate::clients::Client;
use crate::work::{self, PATIENCE};

pub async fn client(words: &[String]) -> Outcome<()> {
    let [client, url, name, jobs, at_once, seconds, rest @ ..] = words else { return Err("too few words".into()) };
    let (jobs, at_once): (usize, usize) = (jobs.parse()?, at_once.parse()?);
    let client = Arc::new(Client::open(client, url, rest.first().map(Path::new)).await?);
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        let (client, next, name) = (client.clone(), next.clone(), name.clone());
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= jobs {
                    return;
                }
                let workflow = work::one_image(&name, number);
                let from = work::micros();
                let line = match timeout(PATIENCE, client.picture(workflow)).await {
                    Ok(Ok((bytes, at))) => json!({"job": number, "from": from, "to": at, "bytes": bytes}),
                    Ok(Err(error)) => json!({"job": number, "error": error.to_string()}),
                    Err(_) => json!({"job": number, "hung": true}),
                };
                println!("{line}");
            }
        });
    }
    // What was not begun in this time is not begun any more.
    let _ = timeout(Duration::from_secs(seconds.parse()?), workers.join_all()).await;
    Ok(())
}
