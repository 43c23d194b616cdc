//! `source-present`: the source of truth is where the project keeps it.

use report::{CheckId, Finding};

use super::{Check, fail, pass, skipped, unknown};
use crate::subject::{Source, Subject};

pub(super) const CHECK: Check =
    Check { id: CheckId("source-present"), run: |subject| Box::pin(std::future::ready(run(subject))) };

fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let path = subject.settings.shown(subject.settings.source.value.path());
    match &subject.source {
        Source::Known(source) => {
            let since = source.rotated_at().or(source.created_at()).map_or_else(String::new, |since| format!(", of {since}"));
            pass(id, format!("`{path}`{since}"))
        }
        Source::Broken(error) if error.kind() == token_sync::ErrorKind::Permission => {
            unknown(id, format!("can't tell whether `{path}` is there"), crate::answers::chain(error))
        }
        Source::Broken(_) => pass(id, format!("`{path}` is there")),
        Source::Absent if subject.token_is_given() => {
            let origin = subject.settings.token.as_ref().map_or_else(String::new, |token| token.origin.to_string());
            skipped(id, format!("no `{path}`"), format!("the token was given by {origin}"))
        }
        Source::Absent => fail(id, format!("there is no source of truth at `{path}`"))
            .hint("make one with `genai-auth setup --comfy-dir DIR`, or name the project's folder with `--project DIR`"),
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, outcome};

    #[tokio::test]
    async fn absent_fails_present_passes_given_token_skips() {
        let mut project = Project::new();
        assert_eq!(outcome("source-present", &project).await, "fail");
        project.set_env("COMFYUI_API_TOKEN", "given");
        assert_eq!(outcome("source-present", &project).await, "skipped");
        project.save("pw");
        assert_eq!(outcome("source-present", &project).await, "pass");
    }
}
