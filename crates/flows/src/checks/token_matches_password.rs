//! `token-matches-password`: the password on file opens the browser login that belongs to the token.

use auth_core::Shape;
use report::{CheckId, Finding};

use super::{Check, fail, pass, skipped, unknown};
use crate::subject::Subject;

pub(super) const CHECK: Check = Check { id: CheckId("token-matches-password"), run: |subject| Box::pin(run(subject)) };

async fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let Some(source) = subject.known() else {
        return skipped(id, "nothing to compare", "there is no source of truth that can be read");
    };
    let Some(password) = source.password().cloned() else {
        return skipped(id, "nothing to compare", "the source of truth keeps no password");
    };
    if !matches!(source.token().shape(), Shape::Bcrypt(_)) {
        return fail(id, "no password can match a token that is not a bcrypt hash")
            .hint("make a fresh token with `genai-auth setup --rotate`");
    }
    let token = source.token().clone();
    match tokio::task::spawn_blocking(move || token.matches(&password)).await {
        Ok(true) => pass(id, "bcrypt says that the password made this hash"),
        Ok(false) => fail(id, "the password on file did not make this token: the browser login would refuse it")
            .hint("make a fresh pair with `genai-auth setup --rotate`"),
        Err(error) => unknown(id, "the comparison was cut short", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, outcome};

    #[tokio::test]
    async fn its_own_password_passes_another_fails() {
        let project = Project::new();
        assert_eq!(outcome("token-matches-password", &project).await, "skipped");
        project.save("pw");
        assert_eq!(outcome("token-matches-password", &project).await, "pass");
        let good = project.source();
        project.write_source(&good.replace("\"pw\"", "\"other\""));
        assert_eq!(outcome("token-matches-password", &project).await, "fail");
        project.write_source(&good.replace("\"pw\"", "null"));
        assert_eq!(outcome("token-matches-password", &project).await, "skipped");
        project.write_source(&good.replace(&project.token(), "machine-token"));
        assert_eq!(outcome("token-matches-password", &project).await, "fail");
    }
}
