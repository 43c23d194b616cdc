//! `answers-as-comfyui`: what answers is ComfyUI, or the login before it. Decided before anything secret is sent.

use comfy_client::{Answer, Client, Probe};
use report::{CheckId, Finding};
use serde_json::Value;

use super::{Check, fail, pass, unknown};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check = Check { id: CheckId("answers-as-comfyui"), run: |subject| Box::pin(run(subject)) };

async fn run(subject: &Subject<'_>) -> Finding {
    ask(&subject.client).await
}

/// What answers where this client, which shows no credential, asks.
pub(super) async fn ask(client: &Client) -> Finding {
    let answer = match client.probe(&Probe::get("/prompt")).await {
        Ok(answer) => answer,
        // To CONNECT, before anything could be asked.
        Err(error) if error.status() == Some(407) => Answer::of_status(407),
        Err(error) => return unknown(CHECK.id, "can't tell", answers::chain(&error)),
    };
    // Versions of the plugin from before June 2024 send programs to the login page too; the page tells whose it is.
    let page = match answers::is_refusal(&answer) && answer.location.is_some() {
        true => client.probe(&Probe::get("/login").accept("text/html")).await.ok(),
        false => None,
    };
    judge(client.url(), &answer, page.as_ref())
}

fn judge(url: &str, answer: &Answer, page: Option<&Answer>) -> Finding {
    let id = CHECK.id;
    let json = serde_json::from_slice::<Value>(&answer.body).unwrap_or(Value::Null);
    let seen = answers::words(answer);
    let is_plugins_page =
        |page: &Answer| page.status == 200 && String::from_utf8_lossy(&page.body).contains("<title>ComfyUI Login</title>");
    let finding = if json.pointer("/exec_info/queue_remaining").is_some() {
        pass(id, "ComfyUI, which answers without a credential")
    } else if answer.status == 401 && json["error"] == "Authentication required." {
        pass(id, "ComfyUI-Login stands before it")
    } else if page.is_some_and(is_plugins_page) {
        pass(id, "an old ComfyUI-Login stands before it, which sends programs to its login page too")
    } else if answers::is_refusal(answer) {
        unknown(
            id,
            format!("a login that is not ComfyUI-Login answers at `{url}`, and no token was sent there"),
            format!("GET /prompt gave {seen}"),
        )
        .hint("check host, port and path of the URL; ask ComfyUI directly, not through another login")
    } else if answer.status == 407 {
        unknown(id, format!("the proxy before `{url}` wants another login"), format!("GET /prompt gave {seen}"))
            .hint("set `COMFYUI_PROXY_USER` and `COMFYUI_PROXY_PASSWORD`, or `proxy_user` in `[connection]` of `genai.toml`")
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
        let page = |body: &str| Some(with(200, None, body));
        let cases = [
            (with(200, None, r#"{"exec_info": {"queue_remaining": 0}}"#), None, "pass"),
            (with(401, None, r#"{"error": "Authentication required."}"#), None, "pass"),
            (with(302, Some("/login"), ""), page("<html><title>ComfyUI Login</title>"), "pass"),
            (with(302, Some("/login"), ""), page("<html><title>Sign in to Jenkins</title>"), "unknown"),
            (with(302, Some("/login"), ""), None, "unknown"),
            (with(401, None, "Unauthorized"), None, "unknown"),
            (with(403, None, ""), None, "unknown"),
            (with(407, None, ""), None, "unknown"),
            (with(200, None, "<html>"), None, "fail"),
            (with(200, None, "{}"), None, "fail"),
            (with(404, None, ""), None, "fail"),
            (with(302, Some("/home"), ""), None, "fail"),
        ];
        for (answer, page, expected) in cases {
            assert_eq!(judge("http://x", &answer, page.as_ref()).outcome.name(), expected, "{answer:?}");
        }
    }
}
