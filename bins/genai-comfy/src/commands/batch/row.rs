//! What became of an item, in the words of the results.

use comfy_client::{BatchRow, End, ErrorKind, Outcome};
use console::json::batch_v1::{File, Line};
use flows::comfy::home;
use report::{Failure, FailureKind};
use settings::World;

use super::super::failed;
use crate::cli::Batch;

/// The pictures that came over the WebSocket in place of files.
#[derive(Default)]
pub(super) struct Pictures {
    files: Vec<File>,
    unsaved: Option<Failure>,
}

/// Writes them to the item's folder: they can't be had again.
pub(super) fn pictures(row: &BatchRow, args: &Batch, world: &World) -> Pictures {
    let mut pictures = Pictures::default();
    let End::Outcome(Outcome::Succeeded(run)) = &row.delivery.end else { return pictures };
    for (nth, image) in run.ws_images.iter().enumerate() {
        match home::keep(image, &format!("{}-{nth}", run.prompt_id), &args.out.join(&row.id), world) {
            Ok(kept) => pictures.files.push(File {
                file: kept.file,
                node: image.node.clone(),
                path: Some(kept.path),
                bytes: Some(kept.bytes),
                sha256: Some(kept.sha256),
            }),
            Err(failure) => pictures.unsaved = Some(failure),
        }
    }
    pictures
}

pub(super) fn line(row: &BatchRow, pictures: &Pictures, world: &World) -> Line {
    let delivery = &row.delivery;
    let files = row.files.iter().map(|file| File {
        file: file.output.file.to_string(),
        node: file.output.node.clone(),
        path: file.saved.as_ref().map(|saved| home::shown(&saved.path, world)),
        bytes: file.saved.as_ref().map(|saved| saved.bytes),
        sha256: file.saved.as_ref().map(|saved| saved.sha256_hex.clone()),
    });
    Line {
        version: 1,
        at: world.clock.stamp(),
        id: row.id.clone(),
        outcome: if pictures.unsaved.is_some() { "unsaved" } else { row.word() }.to_owned(),
        backend: delivery.backend.clone(),
        prompt_id: delivery.prompt_id.clone(),
        reroutes: delivery.reroutes,
        seconds: (delivery.waited.as_secs_f64() * 1000.0).round() / 1000.0,
        files: files.chain(pictures.files.iter().cloned()).collect(),
        error: failure(row).as_ref().or(pictures.unsaved.as_ref()).map(Into::into),
    }
}

fn failure(row: &BatchRow) -> Option<Failure> {
    let declined = |words: String| Some(Failure::new(FailureKind::Declined, words));
    match &row.delivery.end {
        End::Outcome(Outcome::Succeeded(_)) => row.unsaved.clone().map(failed),
        End::Outcome(outcome) => declined(outcome.to_string()),
        End::Untaken(error) | End::Unknown(error) | End::Unserved(error) => Some(failed(error.clone())),
        End::Cancelled => declined("cancelled before a server took it".to_owned()),
        End::Deadline => declined("no server had room for it in time".to_owned()),
        _ => declined(row.word().to_owned()),
    }
}

/// Why the whole batch ends with this row, since the next would end so too; none if it goes on.
pub(super) fn stops(row: &BatchRow, pictures: &Pictures, args: &Batch) -> Option<Failure> {
    let failure = match (&row.delivery.end, &row.unsaved) {
        (End::Unserved(error), _) => failed(error.clone()),
        (_, Some(error)) if error.kind() == ErrorKind::Io => {
            failed(error.clone()).hint("make room, or choose another folder with `--out`")
        }
        _ => pictures.unsaved.clone()?,
    };
    Some(match args.results {
        Some(_) => failure.hint("then the same command with `--resume` goes on"),
        None => failure,
    })
}
