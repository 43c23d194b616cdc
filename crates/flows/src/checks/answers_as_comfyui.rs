//! `answers-as-comfyui`: what answers is ComfyUI, or the login before it. Decided before anything secret is sent.

use comfy_client::{Answer, Probe};
use report::{CheckId, Finding};
use serde_json::Value;

use super::{Check, fail, pass, unknown};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check = Check { id: CheckId("answers-as-comfyui"), run: |subject| Box::pin(run(subject)) };

async fn run(subject: &Subject<'_>) -> Finding {
    match subject.client.probe(&Probe::get("/prompt")).await {
        Ok(answer) => judge(subject.client.url(), &answer),
        Err(error) => unknown(CHECK.id, "can't tell", answers::chain(&error)),
    }
}

fn judge(url: &str, answer: &Answer) -> Finding {
    let id = CHECK.id;
    let json = serde_json::from_slice::<Value>(&answer.body).unwrap_or(Value::Null);
    let seen = answers::words(answer);
    let finding = if json.pointer("/exec_info/queue_remaining").is_some() {
        pass(id, "ComfyUI, which answers without a credential")
    } else if answer.status == 401 && json["error"] == "Authentication required." {
        pass(id, "ComfyUI-Login stands before it")
    } else if answers::is_refusal(answer) {
        pass(id, "a login stands before it")
    } else {
        let kind = answer.content_type.as_deref().map_or_else(String::new, |kind| format!(" of type `{}`", kind.escape_debug()));
        fail(id, format!("`{url}` is not ComfyUI: GET /prompt gave {seen}{kind}, and no token was sent there"))
            .hint("check host, port and path of the URL; ComfyUI prints its own at start (`To see the GUI go to: …`)")
    };
    finding.seen("GET /prompt without credential", seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::tests::answer;

    #[test]
    fn comfyui_and_its_logins_pass_others_fail() {
        let with = |status, location, body: &str| {
            let mut answer = answer(status, location);
            answer.body = body.as_bytes().to_vec();
            answer
        };
        let cases = [
            (with(200, None, r#"{"exec_info": {"queue_remaining": 0}}"#), "pass"),
            (with(401, None, r#"{"error": "Authentication required."}"#), "pass"),
            (with(302, Some("/login"), ""), "pass"),
            (with(403, None, ""), "pass"),
            (with(200, None, "<html>"), "fail"),
            (with(200, None, "{}"), "fail"),
            (with(404, None, ""), "fail"),
            (with(302, Some("/home"), ""), "fail"),
        ];
        for (answer, expected) in cases {
            assert_eq!(judge("http://x", &answer).outcome.name(), expected, "{answer:?}");
        }
    }
}
