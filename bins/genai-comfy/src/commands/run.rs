//! `genai-comfy run`: read, set, check, send, follow, bring home.

mod ending;
mod follow;
pub(super) mod prepare;

use std::time::Duration;

use comfy_client::{Client, Job, Outcome, Run as Made, Submission, Workflow};
use console::{
    ExitCode, Protocol, RunEnd, RunView, Screen,
    json::{
        comfy_v1::{Ending, File},
        run_v1::Event,
    },
};
use report::{Failure, FailureKind};
use settings::World;

use super::{download, failed};
use crate::cli::{Cli, Previews, Run};

/// How long a run may take to stop before it is left.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs it to its end, of which the last line tells.
pub(super) async fn run(world: &World, cli: &Cli, args: &Run, screen: &Screen) -> ExitCode {
    let previews = match args.previews {
        Previews::Never => None,
        Previews::Auto => Protocol::of(world),
        Previews::Always => Protocol::of(world).or(Some(Protocol::Kitty)),
    };
    let mut view = RunView::new(screen, previews);
    let end = steps(world, cli, args, &mut view).await;
    view.end(end.unwrap_or_else(ending::stopped))
}

async fn steps(world: &World, cli: &Cli, args: &Run, view: &mut RunView) -> Result<RunEnd, Failure> {
    let (client, workflow) = console::interruptible(prepare::prepare(world, cli, args, view)).await??;
    if args.dry_run {
        return Ok(ending::without_a_run(Ending::Valid, "the server would take it".to_owned(), None));
    }
    let (job, unwanted) = submit(&client, &workflow, args).await?;
    let id = job.prompt_id();
    view.show(Event::Submitted { prompt_id: id.to_owned() });
    for dropped in job.dropped() {
        view.show(Event::Warning { problem: format!("will not run: {dropped}") });
    }
    if unwanted {
        return Ok(stop(&job, &workflow, view).await);
    }
    if args.detach {
        let words = format!("left to itself; `genai-comfy download {id}` fetches its files");
        return Ok(ending::without_a_run(Ending::Detached, words, Some(id.to_owned())));
    }
    let outcome = tokio::select! {
        biased;
        () = console::interrupted() => return Ok(stop(&job, &workflow, view).await),
        outcome = follow::follow(&job, &workflow, args.deadline, view) => outcome,
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return Ok(ending::unknown(failed(error), id)),
    };
    let mut end = ending::of(&outcome, &workflow);
    if let Outcome::Succeeded(run) = &outcome {
        let failures = bring_home(&client, run, args, world, view, &mut end).await;
        end.failure = ending::not_home(failures, id);
    }
    Ok(end)
}

/// Sends it. Whether the user wants it stopped is told beside: what is half sent may run all the same, and so its id is drawn before.
async fn submit(client: &Client, workflow: &Workflow, args: &Run) -> Result<(Job, bool), Failure> {
    let id = client.draw_prompt_id().map_err(failed)?;
    let submission = Submission::new(workflow).fresh_id(&id);
    let submission = if args.front { submission.front() } else { submission };
    let mut sending = std::pin::pin!(client.submit_with(&submission));
    tokio::select! {
        biased;
        () = console::interrupted() => {}
        job = &mut sending => return Ok((job.map_err(failed)?, false)),
    }
    tokio::select! {
        biased;
        () = console::interrupted() => {
            let message = format!("left while the workflow was sent: it may run, as {id}");
            Err(Failure::new(FailureKind::Interrupted, message).hints(&ending::still_there(&id)))
        }
        job = &mut sending => Ok((job.map_err(failed)?, true)),
    }
}

/// Asks the server to stop this run, and waits until it has; a second wish leaves at once.
async fn stop(job: &Job, workflow: &Workflow, view: &mut RunView) -> RunEnd {
    view.show(Event::Stopping);
    let stopping = async {
        job.cancel().await?;
        job.wait(PATIENCE).await
    };
    let ended = tokio::select! {
        biased;
        () = console::interrupted() => None,
        ended = stopping => Some(ended),
    };
    ending::by_the_user(ended, workflow, job.prompt_id())
}

/// Brings home all that the run made: first what came over the WebSocket, which can't be had again, then the files in the order in which
/// it names them. Why some are not here.
async fn bring_home(
    client: &Client,
    run: &Made,
    args: &Run,
    world: &World,
    view: &mut RunView,
    end: &mut RunEnd,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut told = |saved, view: &mut RunView| match saved {
        Ok(file) => {
            view.show(Event::Saved { file: File::clone(&file) });
            end.files.push(file);
        }
        Err(failure) => failures.push(failure),
    };
    for (nth, image) in run.ws_images.iter().enumerate() {
        told(download::keep(image, &format!("{}-{nth}", run.prompt_id), &args.out, world), view);
    }
    for output in &run.outputs {
        let got = console::interruptible(download::fetch(client, &output.file, &args.out, world)).await.flatten();
        // To run it all again is not the way to go on.
        let got = got.map_err(|failure| match failure.kind {
            FailureKind::Interrupted => Failure { hints: Vec::new(), ..failure },
            _ => failure,
        });
        let stopped = got.as_ref().is_err_and(|failure| failure.kind == FailureKind::Interrupted);
        told(got, view);
        if stopped {
            break;
        }
    }
    if !run.ws_images_complete {
        let problem =
            "pictures that nodes sent over the WebSocket may be missing: the connection broke, or they took too much memory";
        view.show(Event::Warning { problem: problem.to_owned() });
    }
    failures
}
