//! One run of a workflow: it is prepared, sent, followed, stopped if the user wishes so, and its files are brought home.

mod ending;
mod prepare;
#[cfg(test)]
mod tests;

use std::{path::Path, pin::pin, time::Duration};

use comfy_client::{Client, Error, Event, Job, Outcome, Output, Run, Submission, Timing, Workflow, WsImage};
use futures_util::StreamExt;
use report::{Failure, FailureKind};
use serde_json::Value;
use settings::World;
use tokio::time::Instant;

use super::home::{self, File};
use crate::connect::failure;
pub use prepare::{Draft, Prepared, prepare};

/// How long a run may take to stop before it is left.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is to be run, where, and how.
#[derive(Debug)]
pub struct Order<'a> {
    /// The server; it let us in.
    pub client: &'a Client,
    /// The workflow, as it is sent.
    pub workflow: &'a Workflow,
    /// Before all that waits.
    pub front: bool,
    /// How long to wait for the end.
    pub deadline: Option<Duration>,
    /// Where the files go; none to leave the run to itself once the server has it.
    pub out: Option<&'a Path>,
    /// For the current folder.
    pub world: &'a World,
}

/// What happens in a run. Closed: who shows it must show all of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The server took it, under this id.
    Submitted(String),
    /// The result may not be what was meant.
    Warning(String),
    /// The server told of it.
    Told(Event),
    /// The user wants it stopped, and the server is asked to stop this run.
    Stopping,
    /// A file was brought home.
    Saved(File),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// As the server says.
    Ended(comfy_client::Ending),
    /// It was left to itself.
    Detached,
    /// It was only checked, and is well.
    Valid,
    /// It did not come to a run, or was left before its end.
    Stopped,
}

/// What is known of a run at its end.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// How it ended.
    pub how: How,
    /// The same in words.
    pub words: String,
    /// The prompt's id, if the server took it.
    pub prompt_id: Option<String>,
    /// The files that were brought home.
    pub files: Vec<File>,
    /// The texts that it made.
    pub texts: Vec<String>,
    /// How long it ran and was waited for.
    pub timing: Option<Timing>,
    /// Why it did not end well.
    pub failure: Option<Failure>,
}

/// Runs it to its end, and says what happens. `wish` waits until the user wants it to stop: the first stops the run, the next leaves it
/// at once. Who is told of a [`Step::Told`] may take his time: a wish is heard meanwhile.
pub async fn run(order: &Order<'_>, wish: impl AsyncFn(), mut tell: impl AsyncFnMut(Step)) -> End {
    steps(order, &wish, &mut tell).await.unwrap_or_else(End::stopped)
}

async fn steps(order: &Order<'_>, wish: &impl AsyncFn(), tell: &mut impl AsyncFnMut(Step)) -> Result<End, Failure> {
    let (job, unwanted) = submit(order, wish).await?;
    let (id, workflow) = (job.prompt_id(), order.workflow);
    tell(Step::Submitted(id.to_owned())).await;
    for dropped in job.dropped() {
        tell(Step::Warning(format!("will not run: {dropped}"))).await;
    }
    if unwanted {
        return Ok(stop(order, &job, wish, tell).await);
    }
    let Some(out) = order.out else { return Ok(End::detached(id)) };
    let outcome = tokio::select! {
        biased;
        () = wish() => return Ok(stop(order, &job, wish, tell).await),
        outcome = follow(&job, order.deadline, tell) => outcome,
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return Ok(End::unknown(failure(&error), id)),
    };
    let mut end = End::of(&outcome, workflow, id);
    if let Outcome::Succeeded(run) = &outcome {
        let haul = bring_home(order, run, out, 0, wish, tell).await;
        let missing = run.missing_pictures().map(|error| failure(&error));
        (end.files, end.failure) = (haul.files, ending::not_home(haul.failures, missing, haul.left.then_some(id)));
    }
    Ok(end)
}

/// Sends it. Whether the user wants it stopped is told beside: what is half sent may run all the same, and so its id is drawn before.
async fn submit(order: &Order<'_>, wish: &impl AsyncFn()) -> Result<(Job, bool), Failure> {
    let failed = |error: Error| failure(&error);
    let id = order.client.draw_prompt_id().map_err(failed)?;
    let submission = Submission::new(order.workflow).fresh_id(&id);
    let submission = if order.front { submission.front() } else { submission };
    let mut sending = pin!(order.client.submit_with(&submission));
    tokio::select! {
        biased;
        () = wish() => {}
        job = &mut sending => return Ok((job.map_err(failed)?, false)),
    }
    tokio::select! {
        biased;
        () = wish() => {
            let message = format!("left while the workflow was sent: it may run, as {id}");
            Err(Failure::new(FailureKind::Interrupted, message).hints(&ending::still_there(&id)))
        }
        job = &mut sending => job.map(|job| (job, true)).map_err(|error| {
            let Failure { message, causes, hints, .. } = failed(error);
            let causes = [vec![message], causes].concat();
            let stopped = Failure::new(FailureKind::Interrupted, "stopped by the user while the workflow was sent");
            Failure { causes, hints, ..stopped }
        }),
    }
}

/// Follows the run to its end, or to the deadline.
async fn follow(job: &Job, deadline: Option<Duration>, tell: &mut impl AsyncFnMut(Step)) -> Result<Outcome, Error> {
    let (begun, deadline, mut events) = (Instant::now(), deadline.unwrap_or(Duration::MAX), job.events());
    let mut telling = pin!(async {
        while let Some(event) = events.next().await {
            tell(Step::Told(event)).await;
        }
    });
    let outcome = tokio::select! {
        biased;
        () = &mut telling => return job.wait(Duration::MAX).await,
        outcome = job.wait(deadline) => outcome?,
    };
    // The last event is on its way, unless the job still waits: for the end, or for a picture after it.
    if begun.elapsed() < deadline {
        telling.await;
    }
    Ok(outcome)
}

/// Asks the server to stop this run, and waits until it has; a second wish leaves at once. Of a run that was over before, the pictures
/// come home that can't be had again.
async fn stop(order: &Order<'_>, job: &Job, wish: &impl AsyncFn(), tell: &mut impl AsyncFnMut(Step)) -> End {
    tell(Step::Stopping).await;
    let stopping = async {
        job.cancel().await?;
        job.wait(PATIENCE).await
    };
    let ended = tokio::select! {
        biased;
        () = wish() => None,
        ended = stopping => Some(ended),
    };
    let mut end = End::by_the_user(ended.as_ref(), order.workflow, job.prompt_id());
    if let (Some(Ok(Outcome::Succeeded(run))), Some(out)) = (&ended, order.out) {
        let haul = bring_home(order, run, out, 1, wish, tell).await;
        let refused = haul.failures.into_iter().filter(|failure| failure.kind != FailureKind::Interrupted);
        let missing = run.missing_pictures().map(|error| error.to_string());
        let causes = refused.map(|failure| failure.message).chain(missing).collect();
        (end.files, end.failure) = (haul.files, end.failure.map(|failure| Failure { causes, ..failure }));
    }
    end
}

/// What came home, and why the rest did not.
#[derive(Default)]
struct Haul {
    files: Vec<File>,
    failures: Vec<Failure>,
    /// Whether the server has what is not here.
    left: bool,
}

impl Haul {
    async fn take(&mut self, got: Result<File, Failure>, tell: &mut impl AsyncFnMut(Step)) {
        match got {
            Ok(file) => {
                tell(Step::Saved(file.clone())).await;
                self.files.push(file);
            }
            Err(failure) => self.failures.push(failure),
        }
    }
}

/// What a run made.
enum Made<'a> {
    /// It came over the WebSocket, as the picture of this number.
    Picture((usize, &'a WsImage)),
    /// The server has it.
    File(&'a Output),
}

impl Made<'_> {
    async fn fetch(self, order: &Order<'_>, run: &Run, out: &Path) -> Result<File, Failure> {
        match self {
            Self::Picture((nth, image)) => {
                let name = format!("{}-{nth}", run.prompt_id);
                home::keep(image, &name, out, order.world).await.map_err(|(_, failure)| failure)
            }
            Self::File(output) => home::fetch(order.client, &output.file, out, order.world).await,
        }
    }
}

/// Brings home all that the run made: first what came over the WebSocket, then the files in the order in which it names them. A wish to
/// stop leaves the files; what can't be had again is left at the second. So many `wishes` came before.
async fn bring_home(
    order: &Order<'_>,
    run: &Run,
    out: &Path,
    mut wishes: usize,
    wish: &impl AsyncFn(),
    tell: &mut impl AsyncFnMut(Step),
) -> Haul {
    let mut haul = Haul::default();
    let pictures = run.ws_images.iter().enumerate().map(Made::Picture);
    for made in pictures.chain(run.outputs.iter().map(Made::File)) {
        let kept = matches!(made, Made::File(_));
        let enough = if kept { 1 } else { 2 };
        let mut fetching = pin!(made.fetch(order, run, out));
        let got = loop {
            if wishes >= enough {
                break None;
            }
            tokio::select! {
                biased;
                () = wish() => wishes += 1,
                got = &mut fetching => break Some(got),
            }
        };
        let Some(got) = got else {
            haul.failures.push(Failure::new(FailureKind::Interrupted, "stopped by the user"));
            haul.left = !run.outputs.is_empty();
            break;
        };
        haul.left |= kept && got.is_err();
        haul.take(got, tell).await;
    }
    haul
}

/// What people call the node of this id. One that a subgraph made while it ran goes by its id.
pub fn title<'a>(workflow: &'a Workflow, id: &'a str) -> &'a str {
    let node = workflow.nodes().get(id);
    let title = node.and_then(|node| {
        let title = node.pointer("/_meta/title").and_then(Value::as_str).filter(|title| !title.is_empty());
        title.or_else(|| node.get("class_type").and_then(Value::as_str))
    });
    title.unwrap_or(id)
}
