//! What became of an item.

use std::{error::Error as _, io, time::Duration};

use comfy_client::{BatchFile, BatchRow, End, Outcome};
use report::{Failure, FailureKind};

use super::Order;
use crate::{
    comfy::home::{self, File},
    connect,
};

/// What became of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The item.
    pub id: String,
    /// When it ended, RFC 3339 in UTC.
    pub at: String,
    /// How it ended, in one word.
    pub outcome: &'static str,
    /// The server that had it last.
    pub backend: Option<String>,
    /// The prompt's id there.
    pub prompt_id: Option<String>,
    /// How often it went to a server again.
    pub reroutes: u32,
    /// From the moment that it began to wait for a server.
    pub waited: Duration,
    /// The files that it made.
    pub files: Vec<Made>,
    /// Why it did not end well.
    pub failure: Option<Failure>,
}

/// A file that an item made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The node that made it.
    pub node: String,
    /// The file on the server, as [`File::file`].
    pub file: String,
    /// The file on this machine; none if it could not be brought home.
    pub home: Option<File>,
}

/// Tells of it, and writes what came over the WebSocket, which can't be had again, to the item's folder. With it why the whole batch ends
/// here, since the next would end so too; none if it goes on.
pub(super) async fn told(row: BatchRow, order: &Order<'_>) -> (Row, Option<Failure>) {
    let (mut files, mut unsaved): (Vec<Made>, _) = (row.files.iter().map(|file| made(file, order)).collect(), None);
    let mut unkept = None;
    if let End::Outcome(Outcome::Succeeded(run)) = &row.delivery.end {
        for (nth, image) in run.ws_images.iter().enumerate() {
            let name = format!("{}-{nth}", run.prompt_id);
            match home::keep(image, &name, &order.out.join(&row.id), order.world).await {
                Ok(file) => files.push(Made { node: image.node.clone(), file: file.file.clone(), home: Some(file) }),
                Err((kind, failure)) => {
                    unkept = Some(failure.clone()).filter(|_| is_of_all(kind)).or(unkept);
                    unsaved = Some(failure);
                }
            }
        }
    }
    let last = match (&row.delivery.end, &row.unsaved) {
        (End::Unserved(error), _) => Some(connect::failure(error)),
        (_, Some(error)) if ends_all(error) => {
            Some(connect::failure(error).hint("make room, or choose another folder with `--out`"))
        }
        _ => unkept,
    };
    let last = last.map(|failure| match order.results {
        Some(_) => failure.hint("then the same command with `--resume` goes on"),
        None => failure,
    });
    let told = Row {
        at: order.world.clock.stamp(),
        outcome: if unsaved.is_some() { "unsaved" } else { row.word() },
        failure: why(&row).or(unsaved),
        id: row.id,
        backend: row.delivery.backend,
        prompt_id: row.delivery.prompt_id,
        reroutes: row.delivery.reroutes,
        waited: row.delivery.waited,
        files,
    };
    (told, last)
}

/// Whether its prompt may still run: its server did not say what became of it.
pub(super) fn may_run(row: &BatchRow) -> bool {
    matches!(row.delivery.end, End::Unknown(_) | End::Outcome(Outcome::Stalled(_)))
}

/// Whether no file of any item could be written now. A name that this disk does not take is the item's own trouble.
fn ends_all(error: &comfy_client::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| is_of_all(cause.kind()))
}

fn is_of_all(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(kind, StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied)
}

fn made(BatchFile { output, saved, .. }: &BatchFile, order: &Order<'_>) -> Made {
    let home = saved.as_ref().map(|got| home::brought(&output.file, got, order.world));
    Made { node: output.node.clone(), file: output.file.to_string(), home }
}

fn why(row: &BatchRow) -> Option<Failure> {
    let declined = |words: &str| Some(Failure::new(FailureKind::Declined, words));
    match &row.delivery.end {
        End::Outcome(Outcome::Succeeded(_)) => row.unsaved.as_ref().map(connect::failure),
        End::Outcome(outcome) => declined(&outcome.to_string()),
        End::Untaken(error) | End::Unknown(error) | End::Unserved(error) => Some(connect::failure(error)),
        End::Cancelled => declined("cancelled before a server took it"),
        End::Deadline => declined("no server had room for it in time"),
        _ => declined(row.word()),
    }
}
