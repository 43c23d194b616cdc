//! `auth-enforced`: nobody gets in without a credential, on the bare paths and under `/api`, reading and writing.

use comfy_client::{Answer, Error, Probe};
use report::{CheckId, Finding};

use super::{Check, fail, pass, unknown, with_answers};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check = Check { id: CheckId("auth-enforced"), run: |subject| Box::pin(run(subject)) };

/// Harmless on an open server: two readings, and a submission without a body, which ComfyUI answers with an error.
const REQUESTS: [(&str, &str); 4] = [("GET", "/queue"), ("GET", "/api/queue"), ("GET", "/system_stats"), ("POST", "/prompt")];

async fn run(subject: &Subject<'_>) -> Finding {
    let mut seen = Vec::new();
    for (method, path) in REQUESTS {
        seen.push((format!("{method} {path}"), subject.client.probe(&Probe::get(path).method(method)).await));
    }
    judge(seen)
}

fn judge(seen: Vec<(String, Result<Answer, Error>)>) -> Finding {
    let id = CHECK.id;
    let open: Vec<_> = seen
        .iter()
        .filter(|(_, answer)| answer.as_ref().is_ok_and(answers::went_through))
        .map(|(name, _)| name.clone())
        .collect();
    let odd = seen.iter().find(|(_, answer)| !answer.as_ref().is_ok_and(answers::is_refusal));
    let finding =
        match odd {
            _ if !open.is_empty() => fail(
                id,
                format!("no credential was asked for at `{}`: everybody who reaches this server owns it", open.join("`, `")),
            )
            .hint("install ComfyUI-Login into `custom_nodes`, write its PASSWORD with `genai-auth setup`, and restart ComfyUI")
            .hint("if it is installed, read ComfyUI's log: when the plugin fails to load, the server starts without any login"),
            Some((name, Ok(answer))) => {
                unknown(id, "a request was neither answered nor refused", format!("{name} gave {}", answers::words(answer)))
                    .hint("see what stands before ComfyUI: this is not its own answer")
            }
            Some((_, Err(error))) => unknown(id, "a request got no answer", answers::chain(error)),
            None => pass(id, "without a credential every request is refused"),
        };
    with_answers(finding, seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        answers::tests::answer,
        checks::test_project::{Project, outcome},
    };

    #[test]
    fn one_open_path_is_enough_to_fail() {
        let of = |statuses: [u16; 2]| judge(statuses.map(|status| (status.to_string(), Ok(answer(status, None)))).into()).outcome;
        assert_eq!(of([401, 403]).name(), "pass");
        assert_eq!(of([401, 200]).name(), "fail");
        assert_eq!(of([401, 500]).name(), "fail", "an error of the handler is not a refusal: the request went through");
        assert_eq!(of([502, 200]).name(), "fail");
        assert_eq!(of([401, 502]).name(), "unknown", "what a proxy says of itself proves nothing");
        assert_eq!(of([429, 429]).name(), "unknown");
        assert_eq!(judge(vec![("x".into(), Ok(answer(302, Some("/login"))))]).outcome.name(), "pass");
    }

    #[tokio::test]
    async fn a_guarded_server_passes_an_open_one_fails() {
        let mut project = Project::new();
        project.save("pw");
        project.sync();
        let guarded = project.serve().await;
        assert_eq!(outcome("auth-enforced", &project).await, "pass");
        guarded.shutdown().await;
        let _open = project.serve_open().await;
        assert_eq!(outcome("auth-enforced", &project).await, "fail");
    }
}
