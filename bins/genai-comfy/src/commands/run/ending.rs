//! Each way in which a run ends: its name, its words, what to do, and with that the exit code.

use comfy_client::{Error, Interruption, Outcome, StallCause, Timing, Workflow};
use console::{ExitCode, RunEnd, json::comfy_v1::Ending};
use report::{Failure, FailureKind};

use super::{super::history, failed, follow};

/// The end of a run that the server told of, or of the wait for it.
pub(super) fn of(outcome: &Outcome, workflow: &Workflow) -> RunEnd {
    let words = words(outcome, workflow);
    let (prompt_id, timing, texts) = match outcome {
        Outcome::Succeeded(run) => {
            (&run.prompt_id, Some(run.timing), run.history.texts.iter().map(|text| text.text.clone()).collect())
        }
        Outcome::Failed(failure) => (&failure.prompt_id, Some(failure.timing), Vec::new()),
        Outcome::Interrupted(stop) => (&stop.prompt_id, Some(stop.timing), Vec::new()),
        Outcome::Cancelled(cancellation) => (&cancellation.prompt_id, None, Vec::new()),
        Outcome::Lost(loss) => (&loss.prompt_id, None, Vec::new()),
        Outcome::Stalled(stall) => (&stall.prompt_id, None, Vec::new()),
        _ => return stopped(Failure::new(FailureKind::Unexpected, words)),
    };
    RunEnd {
        outcome: history::ending(outcome),
        failure: failure(outcome, &words, prompt_id),
        prompt_id: Some(prompt_id.clone()),
        ran_seconds: timing.and_then(|Timing { ran_for, .. }| Some(ran_for?.as_secs_f64())),
        waited_seconds: timing.map(|timing| timing.waited.as_secs_f64()),
        texts,
        words,
        ..RunEnd::default()
    }
}

/// The outcome's words, a failed node by its title.
fn words(outcome: &Outcome, workflow: &Workflow) -> String {
    match outcome {
        Outcome::Failed(failed) if !failed.error.exception_type.is_empty() => {
            let (error, title) = (&failed.error, follow::node(workflow, &failed.error.node).title);
            let class = if title == error.node_type { String::new() } else { format!(" ({})", error.node_type) };
            format!(
                "failed in node `{}` {title}{class}: {}: {}",
                error.node,
                error.exception_type,
                error.exception_message.trim()
            )
        }
        Outcome::Interrupted(Interruption { node: Some(node), .. }) => {
            format!("interrupted in node `{node}` {}", follow::node(workflow, node).title)
        }
        Outcome::Succeeded(run) if !run.ws_images.is_empty() => match run.outputs.len() + run.ws_images.len() {
            1 => "succeeded with 1 file".to_owned(),
            files => format!("succeeded with {files} files"),
        },
        outcome => outcome.to_string(),
    }
}

fn failure(outcome: &Outcome, words: &str, id: &str) -> Option<Failure> {
    let hints = match outcome {
        Outcome::Succeeded(_) => return None,
        Outcome::Failed(failed) if failed.error.exception_type.contains("OutOfMemory") => {
            vec!["make the picture or the batch smaller, or let the server free its memory with `genai-comfy free`".to_owned()]
        }
        Outcome::Failed(_) => vec!["the server's log has the whole traceback".to_owned()],
        Outcome::Interrupted(_) | Outcome::Cancelled(_) => {
            vec!["somebody else stopped it; run it again if it is still wanted".to_owned()]
        }
        Outcome::Lost(_) => vec!["the server restarted, or its queue or history was cleared: run it again".to_owned()],
        Outcome::Stalled(stall) if stall.cause == StallCause::NothingRuns => {
            vec!["the server's worker seems dead: restart ComfyUI".to_owned()]
        }
        _ => still_there(id),
    };
    Some(Failure::new(FailureKind::Declined, format!("the run {words}")).hints(&hints))
}

pub(super) fn still_there(id: &str) -> Vec<String> {
    vec![
        format!("it may still run: `genai-comfy download {id}` fetches its files once it has ended"),
        format!("`genai-comfy cancel {id}` stops it"),
    ]
}

/// Why not all of its files are here.
pub(super) fn not_home(failures: Vec<Failure>, id: &str) -> Option<Failure> {
    let again = format!("`genai-comfy download {id}` tries again");
    let worst = failures.iter().map(|failure| failure.kind).max_by_key(|kind| ExitCode::for_kind(*kind) as u8)?;
    if let [_] = failures.as_slice() {
        return failures.into_iter().next().map(|failure| failure.hint(again));
    }
    let mut hints: Vec<String> = Vec::new();
    for hint in failures.iter().flat_map(|failure| &failure.hints) {
        if !hints.contains(hint) {
            hints.push(hint.clone());
        }
    }
    let message = format!("{} of the files could not be brought home", failures.len());
    let causes = failures.into_iter().map(|failure| failure.message).collect();
    Some(Failure { causes, ..Failure::new(worst, message) }.hints(&hints).hint(again))
}

/// The end of what never became a run.
pub(super) fn stopped(failure: Failure) -> RunEnd {
    RunEnd { outcome: Ending::Stopped, words: failure.to_string(), failure: Some(failure), ..RunEnd::default() }
}

/// A good end without a run, or before it ended.
pub(super) fn without_a_run(outcome: Ending, words: String, prompt_id: Option<String>) -> RunEnd {
    RunEnd { outcome, words, prompt_id, ..RunEnd::default() }
}

/// The end of a wait that the server cut short.
pub(super) fn unknown(failure: Failure, id: &str) -> RunEnd {
    RunEnd { prompt_id: Some(id.to_owned()), ..stopped(failure.hints(&still_there(id))) }
}

/// The end of a run that the user wanted stopped; `ended` is none if it was not waited for.
pub(super) fn by_the_user(ended: Option<Result<Outcome, Error>>, workflow: &Workflow, id: &str) -> RunEnd {
    let stopped_run = |outcome, words: String, hints: &[String]| {
        let failure = Failure::new(FailureKind::Interrupted, format!("stopped by the user: {words}")).hints(hints);
        RunEnd { outcome, words, failure: Some(failure), prompt_id: Some(id.to_owned()), ..RunEnd::default() }
    };
    match ended {
        None => stopped_run(Ending::Stopped, "left before the server had stopped it".to_owned(), &still_there(id)),
        Some(Err(error)) => {
            let failure = failed(error);
            stopped_run(Ending::Stopped, format!("it could not be stopped: {failure}"), &still_there(id))
        }
        Some(Ok(outcome)) => {
            let words = words(&outcome, workflow);
            let hints = match &outcome {
                Outcome::Succeeded(_) => vec![format!("`genai-comfy download {id}` fetches its files")],
                Outcome::Stalled(_) => still_there(id),
                _ => Vec::new(),
            };
            stopped_run(history::ending(&outcome), words, &hints)
        }
    }
}
