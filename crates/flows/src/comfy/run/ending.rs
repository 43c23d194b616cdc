//! Each way in which a run ends: its name, its words, what to do, and with that the exit code.

use comfy_client::{Error, Interruption, Outcome, StallCause, Workflow};
use report::{Failure, FailureKind};

use super::{End, How, title};
use crate::connect;

impl End {
    fn new(how: How, words: String, prompt_id: Option<&str>, failure: Option<Failure>) -> Self {
        let prompt_id = prompt_id.map(str::to_owned);
        Self { how, words, prompt_id, files: Vec::new(), texts: Vec::new(), timing: None, failure }
    }

    /// The end of what never became a run.
    pub fn stopped(failure: Failure) -> Self {
        Self::new(How::Stopped, failure.to_string(), None, Some(failure))
    }

    /// The end of what was only checked, and is well.
    pub fn valid() -> Self {
        Self::new(How::Valid, "the server would take it".to_owned(), None, None)
    }

    /// A good end before the run's.
    pub(super) fn detached(id: &str) -> Self {
        let words = format!("left to itself; `genai-comfy download {id}` fetches its files");
        Self::new(How::Detached, words, Some(id), None)
    }

    /// The end of a wait that the server cut short.
    pub(super) fn unknown(failure: Failure, id: &str) -> Self {
        Self { prompt_id: Some(id.to_owned()), ..Self::stopped(failure.hints(&still_there(id))) }
    }

    /// The end of a run that the server told of, or of the wait for it.
    pub(super) fn of(outcome: &Outcome, workflow: &Workflow, id: &str) -> Self {
        let (timing, texts) = match outcome {
            Outcome::Succeeded(run) => (Some(run.timing), run.history.texts.iter().map(|text| text.text.clone()).collect()),
            Outcome::Failed(failure) => (Some(failure.timing), Vec::new()),
            Outcome::Interrupted(stop) => (Some(stop.timing), Vec::new()),
            _ => (None, Vec::new()),
        };
        let words = words(outcome, workflow);
        let failure = failure(outcome, &words, id);
        Self { texts, timing, ..Self::new(How::Ended(outcome.ending()), words, Some(id), failure) }
    }

    /// The end of a run that the user wanted stopped; `ended` is none if it was not waited for.
    pub(super) fn by_the_user(ended: Option<&Result<Outcome, Error>>, workflow: &Workflow, id: &str) -> Self {
        let (how, words, hints) = match ended {
            None => (How::Stopped, "left before the server had stopped it".to_owned(), still_there(id)),
            Some(Err(error)) => (How::Stopped, format!("it could not be stopped: {}", connect::failure(error)), still_there(id)),
            Some(Ok(outcome)) => {
                let hints = match outcome {
                    Outcome::Succeeded(run) if !run.outputs.is_empty() => {
                        vec![format!("`genai-comfy download {id}` fetches its files")]
                    }
                    Outcome::Stalled(_) => still_there(id),
                    _ => Vec::new(),
                };
                (How::Ended(outcome.ending()), words(outcome, workflow), hints)
            }
        };
        let failure = Failure::new(FailureKind::Interrupted, format!("stopped by the user: {words}")).hints(&hints);
        Self::new(how, words, Some(id), Some(failure))
    }
}

/// The outcome's words, a failed node by its title.
fn words(outcome: &Outcome, workflow: &Workflow) -> String {
    match outcome {
        Outcome::Failed(failed) if !failed.error.exception_type.is_empty() => {
            let (error, title) = (&failed.error, title(workflow, &failed.error.node));
            let class = if title == error.node_type { String::new() } else { format!(" ({})", error.node_type) };
            format!(
                "failed in node `{}` {title}{class}: {}: {}",
                error.node,
                error.exception_type,
                error.exception_message.trim()
            )
        }
        Outcome::Interrupted(Interruption { node: Some(node), .. }) => {
            format!("interrupted in node `{node}` {}", title(workflow, node))
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

/// Why not all of it is here: files that did not come, of which the server has some `left` under the run's id, and pictures that may be
/// `missing`, which nobody has any more.
pub(super) fn not_home(failures: Vec<Failure>, missing: Option<Failure>, left: Option<&str>) -> Option<Failure> {
    match (files_not_home(failures, left), missing) {
        (Some(failure), Some(missing)) => Some(Failure { causes: [failure.causes, vec![missing.message]].concat(), ..failure }),
        (files, missing) => files.or(missing),
    }
}

fn files_not_home(failures: Vec<Failure>, left: Option<&str>) -> Option<Failure> {
    let again = left.map(|id| format!("`genai-comfy download {id}` tries again"));
    let worst = failures.iter().map(|failure| failure.kind).max()?;
    if let [_] = failures.as_slice() {
        return failures.into_iter().next().map(|failure| failure.hints(again.as_slice()));
    }
    let mut hints: Vec<String> = Vec::new();
    for hint in failures.iter().flat_map(|failure| &failure.hints) {
        if !hints.contains(hint) {
            hints.push(hint.clone());
        }
    }
    let message = format!("{} of the files could not be brought home", failures.len());
    let causes = failures.into_iter().map(|failure| [vec![failure.message], failure.causes].concat().join(": ")).collect();
    Some(Failure { causes, ..Failure::new(worst, message) }.hints(&hints).hints(again.as_slice()))
}
