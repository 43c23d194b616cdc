//! `token-accepted`: the token opens the server by header, on the WebSocket and, on this machine, by query.

use comfy_client::{Answer, Credential, Error, Probe, Secret};
use report::{CheckId, Finding};

use super::{Check, fail, pass, skipped, unknown, with_answers};
use crate::{answers, subject::Subject};

pub(crate) const CHECK: Check = Check { id: CheckId("token-accepted"), run: |subject| Box::pin(run(subject)) };

async fn run(subject: &Subject<'_>) -> Finding {
    let Some((token, origin)) = subject.token() else {
        return skipped(CHECK.id, "nothing to try", "there is no token");
    };
    let by_header = Subject::bearer(token);
    let by_query = Credential::Query(Secret::new(token.expose()));
    let mut seen =
        vec![("GET /queue by header", subject.client.probe(&Probe::get("/queue").credential(by_header.clone())).await)];
    // A URL ends up in the logs of everything on its way: a token goes into one on this machine only.
    if subject.client.is_loopback() {
        seen.push(("GET /queue by query", subject.client.probe(&Probe::get("/queue").credential(by_query)).await));
    }
    seen.push(("/ws by header", subject.client.probe_socket(&by_header).await));
    judge(&origin, seen)
}

fn judge(origin: &str, seen: Vec<(&'static str, Result<Answer, Error>)>) -> Finding {
    let id = CHECK.id;
    let refused: Vec<_> =
        seen.iter().filter(|(_, answer)| answer.as_ref().is_ok_and(answers::is_refusal)).map(|(name, _)| *name).collect();
    let odd = seen
        .iter()
        .find(|(_, answer)| !answer.as_ref().is_ok_and(|answer| answers::is_refusal(answer) || answers::is_accepted(answer)));
    let finding = if refused.len() == seen.len() {
        fail(id, format!("the server refuses the token from {origin}"))
            .hint("if the token was changed, restart ComfyUI: the plugin reads it once, at its start")
            .hint("if ComfyUI runs with `--enable-cors-header ORIGIN`, the plugin takes tokens from that origin only")
    } else if !refused.is_empty() {
        fail(id, format!("the token opens some doors and not `{}`", refused.join("`, `")))
            .hint("a proxy before ComfyUI must pass on `Authorization`, the query and `Upgrade`")
    } else if let Some((name, answer)) = odd {
        let reason = answer
            .as_ref()
            .map_or_else(|error| answers::chain(error), |answer| format!("{name} gave {}", answers::words(answer)));
        unknown(id, "can't tell", reason)
    } else {
        pass(id, format!("the token from {origin} opens the server"))
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
    fn judged_by_the_worst_door() {
        let of = |statuses: [u16; 3]| judge("x", statuses.map(|status| ("door", Ok(answer(status, None)))).into()).outcome;
        assert_eq!(of([200, 200, 101]).name(), "pass");
        assert_eq!(of([401, 401, 401]).name(), "fail");
        assert_eq!(of([200, 401, 101]).name(), "fail");
        assert_eq!(of([200, 200, 502]).name(), "unknown");
    }

    #[tokio::test]
    async fn the_right_token_passes_a_wrong_one_fails() {
        let mut project = Project::new();
        project.save("pw");
        project.sync();
        let _server = project.serve().await;
        assert_eq!(outcome("token-accepted", &project).await, "pass");
        project.set_env("COMFYUI_API_TOKEN", "wrong");
        assert_eq!(outcome("token-accepted", &project).await, "fail");
    }
}
