//! `genai-comfy history`.

use comfy_client::{Client, HistoryEntry, Place};
use console::{
    Screen,
    json::comfy_v1::{Document, Ending, Past},
};
use report::{Failure, FailureKind};
use settings::World;

use super::{client, confirmed, failed, ordered};
use crate::cli::{Cli, History, HistoryAction};

pub(super) async fn run(world: &World, cli: &Cli, args: &History, screen: &Screen) -> Result<Document, Failure> {
    if let Some(HistoryAction::Clear { yes }) = args.action {
        confirmed(yes, "Make the server forget everybody's runs?", screen).await?;
    }
    match args.action {
        None => console::interruptible(act(world, cli, args)).await?,
        Some(_) => ordered(act(world, cli, args)).await,
    }
}

async fn act(world: &World, cli: &Cli, args: &History) -> Result<Document, Failure> {
    let client = client(world, cli).await?;
    match (&args.action, &args.id) {
        (Some(HistoryAction::Delete { ids }), _) => {
            client.delete_history(ids).await.map_err(failed)?;
            Ok(Document::Done { what: "The server remembers these runs no more.".to_owned() })
        }
        (Some(HistoryAction::Clear { .. }), _) => {
            client.clear_history().await.map_err(failed)?;
            Ok(Document::Done { what: "The server remembers no run any more.".to_owned() })
        }
        (None, Some(id)) => Ok(Document::History { runs: vec![past(id, entry(&client, id).await?)] }),
        (None, None) => {
            let newest = usize::try_from(args.newest).unwrap_or(usize::MAX);
            let entries = client.histories(newest, None).await.map_err(failed)?;
            Ok(Document::History { runs: entries.into_iter().rev().map(|(id, entry)| past(&id, entry)).collect() })
        }
    }
}

/// A run that has ended; of another it is said whether it waits, runs, or is unknown.
pub(super) async fn entry(client: &Client, id: &str) -> Result<HistoryEntry, Failure> {
    if let Some(entry) = client.history(id).await.map_err(failed)? {
        return Ok(entry);
    }
    let unfinished = |how: &str| {
        Failure::new(FailureKind::Declined, format!("`{id}` {how}: it has made nothing yet"))
            .hint("ask again when `genai-comfy queue` shows it no more")
    };
    match client.queue().await.map_err(failed)?.place(id) {
        Place::Running => Err(unfinished("still runs")),
        Place::Pending { .. } => Err(unfinished("still waits")),
        // It may have ended since the first look.
        _ => client.history(id).await.map_err(failed)?.ok_or_else(|| {
            Failure::new(FailureKind::Declined, format!("the server remembers no run `{id}`"))
                .hint("ComfyUI forgets its history when it restarts")
        }),
    }
}

fn past(id: &str, entry: HistoryEntry) -> Past {
    let ran_seconds = entry.ran_for().map(|time| time.as_secs_f64());
    let files = entry.outputs.iter().map(|output| output.file.to_string()).collect();
    let texts = entry.texts.iter().map(|text| text.text.clone()).collect();
    let outcome = entry.into_outcome(id);
    Past { prompt_id: id.to_owned(), ending: ending(outcome.ending()), words: outcome.to_string(), ran_seconds, files, texts }
}

/// How a run ended, in one word.
pub(super) fn ending(ending: comfy_client::Ending) -> Ending {
    match ending {
        comfy_client::Ending::Succeeded => Ending::Succeeded,
        comfy_client::Ending::Failed => Ending::Failed,
        comfy_client::Ending::Interrupted => Ending::Interrupted,
        comfy_client::Ending::Cancelled => Ending::Cancelled,
        comfy_client::Ending::Lost => Ending::Lost,
        comfy_client::Ending::Stalled => Ending::Stalled,
        _ => Ending::Stopped,
    }
}
