//! A run as it goes on, told to the view.

use std::{io::Cursor, time::Duration};

use comfy_client::{Error, Event, ImageFormat, Job, Outcome, StallCause, Workflow};
use console::{
    Protocol, RunView,
    json::run_v1::{self, Node},
};
use futures_util::StreamExt;
use serde_json::Value;

/// Follows the run to its end, or to the deadline.
pub(super) async fn follow(
    job: &Job,
    workflow: &Workflow,
    deadline: Option<Duration>,
    view: &mut RunView,
) -> Result<Outcome, Error> {
    let mut events = job.events();
    let mut telling = std::pin::pin!(async {
        while let Some(event) = events.next().await {
            tell(event, workflow, view).await;
            view.room().await;
        }
    });
    let outcome = tokio::select! {
        biased;
        () = &mut telling => return job.wait(Duration::MAX).await,
        outcome = job.wait(deadline.unwrap_or(Duration::MAX)) => outcome?,
    };
    // The last event is on its way, unless the run goes on.
    if !matches!(&outcome, Outcome::Stalled(stall) if stall.cause == StallCause::Deadline) {
        telling.await;
    }
    Ok(outcome)
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

/// The node of this id, with what people call it. One that a subgraph made while it ran goes by its id.
pub(super) fn node(workflow: &Workflow, id: &str) -> Node {
    let node = workflow.nodes().get(id);
    let title = node.and_then(|node| {
        let title = node.pointer("/_meta/title").and_then(Value::as_str).filter(|title| !title.is_empty());
        title.or_else(|| node.get("class_type").and_then(Value::as_str))
    });
    Node { id: id.to_owned(), title: title.unwrap_or(id).to_owned() }
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
