//! `token-in-force`: the running server uses the token that is on file. The plugin reads its PASSWORD once, at its start, so a
//! change on the disk comes into force with the next start only.

use std::path::PathBuf;

use auth_core::LoginToken;
use comfy_client::Probe;
use report::{CheckId, Finding};

use super::{Check, fail, pass, skipped, unknown};
use crate::{answers, subject::Subject};

pub(crate) const CHECK: Check = Check { id: CheckId("token-in-force"), run: |subject| Box::pin(run(subject)) };

async fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let mut on_file = Vec::new();
    for path in subject.password_files() {
        match token_sync::read_password_file(&path) {
            Ok(None) => {}
            Ok(Some((file, _))) => match file.token() {
                Some(token) => on_file.push((path, token.clone())),
                None => {
                    return unknown(
                        id,
                        "can't tell",
                        format!("`{}` holds no token that can be sent", subject.settings.shown(&path)),
                    );
                }
            },
            Err(error) => return unknown(id, "can't tell", answers::chain(&error)),
        }
    }
    let source = subject.known().map(auth_core::SourceOfTruth::token);
    if on_file.is_empty() {
        let Some(token) = source else {
            return skipped(id, "nothing to compare", "neither a PASSWORD file nor a source of truth is known here");
        };
        on_file.push((subject.settings.source.value.path().to_owned(), token.clone()));
    }
    let mut seen = Vec::new();
    for (path, token) in on_file {
        match takes(subject, &token).await {
            Ok(taken) => seen.push((path, token, taken)),
            Err(reason) => return unknown(id, "can't tell", reason),
        }
    }
    let source_taken = match source {
        Some(token) => takes(subject, token).await.ok(),
        None => None,
    };
    judge(subject, &seen, source_taken)
}

/// Whether the server takes `token` and not everything.
async fn takes(subject: &Subject<'_>, token: &LoginToken) -> Result<bool, String> {
    let open = subject.client.probe(&Probe::get("/queue")).await.map_err(|error| answers::chain(&error))?;
    if answers::is_accepted(&open) {
        return Err("the server asks nobody for a token".to_owned());
    }
    let answer = subject
        .client
        .probe(&Probe::get("/queue").credential(Subject::bearer(token)))
        .await
        .map_err(|error| answers::chain(&error))?;
    if !answers::is_accepted(&answer) && !answers::is_refusal(&answer) {
        return Err(format!("GET /queue gave {}", answers::words(&answer)));
    }
    Ok(answers::is_accepted(&answer))
}

fn judge(subject: &Subject<'_>, seen: &[(PathBuf, LoginToken, bool)], source_taken: Option<bool>) -> Finding {
    let id = CHECK.id;
    let stale: Vec<_> = seen.iter().filter(|(.., taken)| !taken).map(|(path, ..)| subject.settings.shown(path)).collect();
    let finding = if stale.is_empty() {
        pass(id, format!("the server uses the token in `{}`", subject.settings.shown(&seen[0].0)))
    } else {
        let other = if source_taken == Some(true) { "it still uses the one in the source of truth" } else { "it uses another" };
        fail(id, format!("restart needed: the server doesn't use the token in `{}`; {other}", stale.join("`, `")))
            .hint("restart ComfyUI: the plugin reads its PASSWORD once, at its start")
            .hint("if it was restarted already, this file is not the one that it reads: name its folder with `--comfy-dir DIR`")
    };
    seen.iter().fold(finding, |finding, (path, _, taken)| {
        finding.seen(format!("the token in {}", subject.settings.shown(path)), if *taken { "taken" } else { "refused" })
    })
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, finding, outcome};

    #[tokio::test]
    async fn a_change_on_the_disk_needs_a_restart() {
        let mut project = Project::new();
        project.save("pw");
        project.sync();
        let server = project.serve().await;
        assert_eq!(outcome("token-in-force", &project).await, "pass");

        project.write("ComfyUI/login/PASSWORD", "another-token\nann\n");
        let found = finding("token-in-force", &project).await;
        assert_eq!(found.outcome.name(), "fail");
        assert!(found.summary.starts_with("restart needed") && found.summary.contains("source of truth"), "{found:?}");

        server.shutdown().await;
        let _restarted = project.serve().await;
        assert_eq!(outcome("token-in-force", &project).await, "pass");
    }

    #[tokio::test]
    async fn a_password_file_that_holds_no_token_is_not_passed_over() {
        let mut project = Project::new();
        project.save("pw");
        project.sync();
        let _server = project.serve().await;
        project.write("ComfyUI/login/PASSWORD", "\nann\n");
        assert_eq!(outcome("token-in-force", &project).await, "unknown");
    }

    #[tokio::test]
    async fn an_open_server_proves_nothing() {
        let mut project = Project::new();
        project.save("pw");
        project.sync();
        let _open = project.serve_open().await;
        assert_eq!(outcome("token-in-force", &project).await, "unknown");
    }
}
