//! `password-refused-as-bearer`: the server wants the bcrypt line, and takes the password nowhere but at the login page.

use comfy_client::{Answer, Credential, Error, Probe, Secret};
use report::{CheckId, Finding};

use super::{Check, fail, pass, skipped, unknown};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check = Check { id: CheckId("password-refused-as-bearer"), run: |subject| Box::pin(run(subject)) };

async fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let Some(password) = subject.known().and_then(|source| source.password()) else {
        return skipped(id, "nothing to try", "no password is on file");
    };
    if !password.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return skipped(id, "nothing to try", "a password with blanks or other letters than ASCII can't travel as Bearer at all");
    }
    let credential = Credential::Bearer(Secret::new(password.expose()));
    judge(subject.client.probe(&Probe::get("/queue").credential(credential)).await)
}

fn judge(answer: Result<Answer, Error>) -> Finding {
    let id = CHECK.id;
    match answer {
        Ok(answer) if answers::is_refusal(&answer) => pass(id, "the password is no Bearer token").seen("GET /queue with the password as Bearer", answers::words(&answer)),
        Ok(answer) if answers::is_accepted(&answer) => fail(id, "the server takes the password itself as Bearer token")
            .seen("GET /queue with the password as Bearer", answers::words(&answer))
            .hint("line 1 of the plugin's PASSWORD file must be the bcrypt hash: write it with `genai-auth setup --comfy-dir DIR`, and restart ComfyUI"),
        Ok(answer) => unknown(id, "can't tell", format!("GET /queue gave {}", answers::words(&answer))),
        Err(error) => unknown(id, "the request got no answer", answers::chain(&error)),
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, outcome};

    #[tokio::test]
    async fn the_hash_is_wanted_and_not_the_password() {
        let mut project = Project::new();
        assert_eq!(outcome("password-refused-as-bearer", &project).await, "skipped");
        project.save("pw");
        project.sync();
        let right = project.serve().await;
        assert_eq!(outcome("password-refused-as-bearer", &project).await, "pass");
        right.shutdown().await;
        project.write("ComfyUI/login/PASSWORD", "pw\nann\n");
        let _wrong = project.serve().await;
        assert_eq!(outcome("password-refused-as-bearer", &project).await, "fail");
    }
}
