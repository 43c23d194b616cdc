//! `empty-token-refused`: an empty `?token=` doesn't open the server, as it does while the plugin has no password.

use comfy_client::{Answer, Credential, Error, Probe, Secret};
use report::{CheckId, Finding};

use super::{Check, fail, pass, unknown};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check = Check { id: CheckId("empty-token-refused"), run: |subject| Box::pin(run(subject)) };

async fn run(subject: &Subject<'_>) -> Finding {
    judge(subject.client.probe(&Probe::get("/queue").credential(Credential::Query(Secret::new("")))).await)
}

fn judge(answer: Result<Answer, Error>) -> Finding {
    let id = CHECK.id;
    match answer {
        Ok(answer) if answers::is_refusal(&answer) => pass(id, "an empty token is refused").seen("GET /queue?token=", answers::words(&answer)),
        Ok(answer) if answers::is_accepted(&answer) => fail(id, "an empty `?token=` opens the server")
            .seen("GET /queue?token=", answers::words(&answer))
            .hint("the plugin's PASSWORD file is missing or its first line is blank: write it with `genai-auth setup --comfy-dir DIR`, and restart ComfyUI"),
        Ok(answer) => unknown(id, "can't tell", format!("GET /queue?token= gave {}", answers::words(&answer))),
        Err(error) => unknown(id, "the request got no answer", answers::chain(&error)),
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, outcome};

    #[tokio::test]
    async fn refused_with_a_password_open_without() {
        let mut project = Project::new();
        let unset = project.serve().await;
        assert_eq!(outcome("empty-token-refused", &project).await, "fail", "the plugin without PASSWORD lets everybody in");
        unset.shutdown().await;
        project.save("pw");
        project.sync();
        let _set = project.serve().await;
        assert_eq!(outcome("empty-token-refused", &project).await, "pass");
    }
}
