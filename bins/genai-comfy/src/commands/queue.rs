//! `genai-comfy queue` and `genai-comfy cancel`.

use comfy_client::{Client, Place, QueueItem};
use console::{
    ExitCode, Screen,
    json::comfy_v1::{Cancelled, Document, Done, Queued},
};
use report::Failure;
use settings::World;

use super::{client, confirmed, each, failed, ordered};
use crate::cli::{Cancel, Cli, Queue, QueueAction};

pub(super) async fn run(world: &World, cli: &Cli, args: &Queue, screen: &Screen) -> Result<Document, Failure> {
    if let Some(QueueAction::Clear { yes }) = args.action {
        confirmed(yes, "Take everybody's waiting prompts out of the queue?", screen).await?;
    }
    match args.action {
        None => console::interruptible(act(world, cli, args)).await?,
        Some(_) => ordered(act(world, cli, args)).await,
    }
}

async fn act(world: &World, cli: &Cli, args: &Queue) -> Result<Document, Failure> {
    let client = client(world, cli).await?;
    match &args.action {
        None => {
            let queue = client.queue().await.map_err(failed)?;
            let items = |items: &[QueueItem]| items.iter().map(queued).collect();
            Ok(Document::Queue { running: items(&queue.running), pending: items(&queue.pending) })
        }
        Some(QueueAction::Delete { ids }) => {
            let before = client.queue().await.map_err(failed)?;
            client.delete_queued(ids).await.map_err(failed)?;
            let done = |id: &String| match before.place(id) {
                Place::Pending { .. } => cancelled(id, Done::TakenOut),
                _ => cancelled(id, Done::Nothing),
            };
            Ok(Document::Cancelled { prompts: ids.iter().map(done).collect(), failed: Vec::new() })
        }
        Some(QueueAction::Clear { .. }) => {
            client.clear_queue().await.map_err(failed)?;
            Ok(Document::Done { what: "Nothing waits any more.".to_owned() })
        }
    }
}

pub(super) async fn cancel(world: &World, cli: &Cli, args: &Cancel, screen: &Screen) -> Result<ExitCode, Failure> {
    let client = console::interruptible(client(world, cli)).await??;
    let stops =
        each(&args.ids, ToString::to_string, async |id| ordered(async { stop(&client, id).await.map_err(failed) }).await).await;
    Ok(screen.answer_with(Document::Cancelled { prompts: stops.done, failed: stops.failed }, &stops.failures))
}

async fn stop(client: &Client, id: &str) -> Result<Cancelled, comfy_client::Error> {
    let before = client.queue().await?.place(id);
    Ok(match (client.cancel(id).await?, before) {
        (false, _) => cancelled(id, Done::Nothing),
        (true, Place::Pending { .. }) => cancelled(id, Done::TakenOut),
        (true, _) => cancelled(id, Done::Interrupted),
    })
}

fn cancelled(id: &str, done: Done) -> Cancelled {
    Cancelled { prompt_id: id.to_owned(), done }
}

fn queued(item: &QueueItem) -> Queued {
    let nodes = item.workflow.as_object().map_or(0, serde_json::Map::len);
    Queued { prompt_id: item.prompt_id.clone(), number: item.number, nodes }
}
