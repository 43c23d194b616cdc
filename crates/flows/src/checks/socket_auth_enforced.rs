//! `socket-auth-enforced`: nobody opens the WebSocket without a credential.

use comfy_client::{Answer, Credential, Error};
use report::{CheckId, Finding};

use super::{Check, fail, pass, unknown};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check = Check { id: CheckId("socket-auth-enforced"), run: |subject| Box::pin(run(subject)) };

async fn run(subject: &Subject<'_>) -> Finding {
    judge(subject.client.probe_socket(&Credential::None).await)
}

fn judge(answer: Result<Answer, Error>) -> Finding {
    let id = CHECK.id;
    match answer {
        Ok(answer) if answers::is_refusal(&answer) => {
            pass(id, "without a credential the WebSocket is refused").seen("/ws", answers::words(&answer))
        }
        Ok(answer) if answer.status == 101 => {
            fail(id, "the WebSocket opens without a credential: everybody can follow everybody's work")
                .seen("/ws", answers::words(&answer))
                .hint(
                    "install ComfyUI-Login into `custom_nodes`, write its PASSWORD with `genai-auth setup`, and restart ComfyUI",
                )
        }
        Ok(answer) => {
            unknown(id, "the WebSocket neither opened nor was refused", format!("/ws gave {}", answers::words(&answer)))
                .hint("a proxy before ComfyUI must pass `Upgrade` on")
        }
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
    fn judged_by_status() {
        for (status, location, expected) in [
            (401, None, "pass"),
            (302, Some("/login"), "pass"),
            (101, None, "fail"),
            (404, None, "unknown"),
            (502, None, "unknown"),
        ] {
            assert_eq!(judge(Ok(answer(status, location))).outcome.name(), expected, "{status}");
        }
    }

    #[tokio::test]
    async fn a_guarded_server_passes_an_open_one_fails() {
        let mut project = Project::new();
        project.save("pw");
        project.sync();
        let guarded = project.serve().await;
        assert_eq!(outcome("socket-auth-enforced", &project).await, "pass");
        guarded.shutdown().await;
        let _open = project.serve_open().await;
        assert_eq!(outcome("socket-auth-enforced", &project).await, "fail");
    }
}
