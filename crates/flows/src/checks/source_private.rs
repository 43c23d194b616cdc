//! `source-private`: nobody but its owner can read the source of truth.

use report::{CheckId, Finding};

use super::{Check, fail, pass, skipped, unknown};
use crate::subject::{Source, Subject};

pub(super) const CHECK: Check =
    Check { id: CheckId("source-private"), run: |subject| Box::pin(std::future::ready(run(subject))) };

fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let path = subject.settings.source.value.path();
    let shown = subject.settings.shown(path);
    let Some(facts) = subject.facts else {
        return match &subject.source {
            Source::Absent => skipped(id, "nothing to look at", "there is no source of truth"),
            Source::Broken(error) => unknown(id, format!("can't tell who may read `{shown}`"), error.to_string()),
            Source::Known(_) => unknown(id, format!("can't tell who may read `{shown}`"), "it went away in between"),
        };
    };
    let modes = format!("folder {:04o}, file {:04o}", facts.folder.mode, facts.file.mode);
    if facts.folder.is_private() && facts.file.is_private() {
        return pass(id, modes);
    }
    let everybody = facts.file.mode & 0o004 != 0 && facts.folder.mode & 0o001 != 0;
    let who = if everybody { "everybody on this machine can read it" } else { "it must be 0600 in a folder of 0700" };
    let folder = path.parent().map_or_else(|| ".".to_owned(), |folder| folder.display().to_string());
    fail(id, format!("`{shown}` is not private ({modes}): {who}")).hint(format!(
        "close it with `chmod 700 '{folder}' && chmod 600 '{}'`, then rotate the token, since it may have been read",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, finding, outcome};

    #[tokio::test]
    async fn only_0700_and_0600_pass() {
        let project = Project::new();
        assert_eq!(outcome("source-private", &project).await, "skipped");
        project.save("pw");
        for (folder, file, expected) in [
            (0o700, 0o600, "pass"),
            (0o700, 0o400, "pass"),
            (0o755, 0o600, "fail"),
            (0o700, 0o640, "fail"),
            (0o755, 0o644, "fail"),
        ] {
            project.set_modes(folder, file);
            assert_eq!(outcome("source-private", &project).await, expected, "{folder:o} {file:o}");
        }
        assert!(finding("source-private", &project).await.summary.contains("everybody"));
        project.set_modes(0o700, 0o600);
    }
}
