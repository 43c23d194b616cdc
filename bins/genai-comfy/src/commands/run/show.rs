//! What happens in a run, in the words of the view.

use std::io::Cursor;

use comfy_client::{Event, ImageFormat, SeedSet, Workflow};
use console::{
    ExitCode, Protocol, RunView,
    json::{
        comfy_v1::Ending,
        run_v1::{self, Ended, Node, Seed},
    },
};
use flows::comfy::run::{End, How, Prepared, Step, title};
use report::Failure;

use super::super::{download, history};
use crate::cli::Run;

/// Shows what was read and found. Returns what is to be sent.
pub(super) fn prepared(prepared: Prepared, args: &Run, view: &mut RunView) -> Result<Workflow, Failure> {
    let Prepared { workflow, converted, seeds, warnings, refusal } = prepared;
    let seed = |seed: SeedSet| Seed { node: node(&workflow, &seed.node), input: seed.input, value: seed.value };
    view.show(run_v1::Event::Read {
        workflow: args.workflow.display().to_string(),
        nodes: workflow.nodes().len(),
        converted,
        seeds: seeds.into_iter().map(seed).collect(),
    });
    warnings.into_iter().for_each(|problem| view.show(run_v1::Event::Warning { problem }));
    refusal.map_or(Ok(workflow), Err)
}

/// Shows a step. Returns once most of what was shown is written, where the server's events might come quicker than that.
pub(super) async fn step(step: Step, workflow: &Workflow, view: &mut RunView) {
    let said = match step {
        Step::Told(event) => {
            tell(event, workflow, view).await;
            return view.room().await;
        }
        Step::Submitted(prompt_id) => run_v1::Event::Submitted { prompt_id },
        Step::Warning(problem) => run_v1::Event::Warning { problem },
        Step::Stopping => run_v1::Event::Stopping,
        Step::Saved(file) => run_v1::Event::Saved { file: download::said(file) },
    };
    view.show(said);
}

async fn tell(event: Event, workflow: &Workflow, view: &mut RunView) {
    let node = |id: String| node(workflow, &id);
    let said = match event {
        Event::Queued { position } => run_v1::Event::Queued { position },
        Event::Started => run_v1::Event::Started,
        Event::Cached { nodes } => run_v1::Event::Cached { nodes: nodes.into_iter().map(node).collect() },
        Event::NodeStarted { node: id } => run_v1::Event::NodeStarted { node: node(id) },
        Event::Progress { node: id, value, max } => run_v1::Event::Progress { node: node(id), value, max },
        Event::NodeFinished { node: id, .. } => run_v1::Event::NodeFinished { node: node(id) },
        Event::Text { node: id, text } => run_v1::Event::Text { node: node(id), text },
        Event::Unknown { raw } => run_v1::Event::Unknown { message: raw },
        Event::Preview { node: id, format, image } => {
            let bytes = image.len();
            if let Some(protocol) = view.previews() {
                // It takes a while, and what waits here is to hear Ctrl-C.
                let drawable = tokio::task::spawn_blocking(move || drawable(protocol, format, &image)).await;
                if let Ok(Some(drawable)) = drawable {
                    view.draw(&drawable);
                }
            }
            let format = match format {
                ImageFormat::Jpeg => "jpeg",
                ImageFormat::Png => "png",
                _ => "other",
            };
            run_v1::Event::Preview { node: id.map(node), format: format.to_owned(), bytes }
        }
        // The outcome says more.
        _ => return,
    };
    view.show(said);
}

fn node(workflow: &Workflow, id: &str) -> Node {
    Node { id: id.to_owned(), title: title(workflow, id).to_owned() }
}

/// The picture as the terminal takes it; none if it can't be read.
fn drawable(protocol: Protocol, format: ImageFormat, image: &[u8]) -> Option<Vec<u8>> {
    if protocol == Protocol::Iterm || format == ImageFormat::Png {
        return Some(image.to_vec());
    }
    let mut png = Cursor::new(Vec::new());
    image::load_from_memory(image).ok()?.to_rgb8().write_to(&mut png, image::ImageFormat::Png).ok()?;
    Some(png.into_inner())
}

/// Shows the end. Returns the exit code that it stands for.
pub(super) fn end(end: End, view: RunView) -> ExitCode {
    let outcome = match end.how {
        How::Ended(ending) => history::ending(ending),
        How::Detached => Ending::Detached,
        How::Valid => Ending::Valid,
        How::Stopped => Ending::Stopped,
    };
    let ended = Ended {
        outcome,
        words: end.words,
        prompt_id: end.prompt_id,
        files: end.files.into_iter().map(download::said).collect(),
        texts: end.texts,
        ran_seconds: end.timing.and_then(|timing| Some(timing.ran_for?.as_secs_f64())),
        waited_seconds: end.timing.map(|timing| timing.waited.as_secs_f64()),
        ..Ended::default()
    };
    view.end(ended, end.failure.as_ref())
}
