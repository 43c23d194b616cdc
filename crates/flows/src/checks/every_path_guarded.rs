//! `every-path-guarded`: no path escapes the login by its ending. The plugin lets every path through that ends in `.js`,
//! `.css`, `.css.map` or `.ico`, with any method: a hole that only a gate before ComfyUI closes.

use comfy_client::{Answer, Error, Probe};
use report::{CheckId, Finding};

use super::{Check, pass, unknown, warn};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check = Check { id: CheckId("every-path-guarded"), run: |subject| Box::pin(run(subject)) };

/// Reads the history of a prompt that can't exist: an empty object, if the request goes through.
const HARMLESS: &str = "/history/x.js";

async fn run(subject: &Subject<'_>) -> Finding {
    judge(subject.client.probe(&Probe::get(HARMLESS)).await)
}

fn judge(answer: Result<Answer, Error>) -> Finding {
    let id = CHECK.id;
    let request = format!("GET {HARMLESS}");
    match answer {
        Ok(answer) if answers::is_refusal(&answer) => {
            pass(id, "paths that look like static files are guarded too").seen(request, answers::words(&answer))
        }
        Ok(answer) if answers::is_accepted(&answer) => {
            warn(id, "paths that end in .js, .css, .css.map or .ico pass without any login, users' files among them")
                .seen(request, answers::words(&answer))
                .hint("the cure is a gate before ComfyUI that guards every path (genai-gate, planned)")
                .hint("until then let nobody reach the port but this machine")
        }
        Ok(answer) => unknown(id, "can't tell", format!("{request} gave {}", answers::words(&answer))),
        Err(error) => unknown(id, "the request got no answer", answers::chain(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        answers::tests::answer,
        checks::test_project::{Project, outcome},
    };

    #[test]
    fn a_refusal_passes_an_answer_warns() {
        for (status, expected) in [(401, "pass"), (403, "pass"), (200, "warn"), (404, "unknown"), (502, "unknown")] {
            assert_eq!(judge(Ok(answer(status, None))).outcome.name(), expected, "{status}");
        }
    }

    #[tokio::test]
    async fn the_plugin_has_the_hole() {
        let mut project = Project::new();
        project.save("pw");
        project.sync();
        let _server = project.serve().await;
        assert_eq!(outcome("every-path-guarded", &project).await, "warn");
    }
}
