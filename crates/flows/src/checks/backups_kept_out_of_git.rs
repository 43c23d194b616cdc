//! `backups-kept-out-of-git`: git can't pick up the copies of what was replaced, which hold tokens. Git itself is asked.

use report::{CheckId, Finding};
use token_sync::{BoxError, GitView};

use super::{Check, fail, pass, skipped, unknown};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check =
    Check { id: CheckId("backups-kept-out-of-git"), run: |subject| Box::pin(std::future::ready(run(subject))) };

fn run(subject: &Subject<'_>) -> Finding {
    let Some(backups) = &subject.settings.rules.backups.value else {
        return skipped(CHECK.id, "no backups are made", "they are off: `[backups]` in genai.toml switches them on");
    };
    judge(&subject.settings.shown(backups.folder()), GitView::ask("git", &backups.folder().join("a-copy")))
}

fn judge(folder: &str, view: Result<GitView, BoxError>) -> Finding {
    let id = CHECK.id;
    match view {
        Ok(GitView::Outside) => pass(id, format!("`{folder}` lies in no work tree")),
        Ok(GitView::Ignored) => pass(id, format!("git ignores `{folder}`")),
        Ok(GitView::Exposed) => fail(id, format!("git would take in what lies in `{folder}`"))
            .hint("add that folder to .gitignore, or name another one with `folder` below `[backups]` in genai.toml"),
        Err(error) => unknown(id, format!("git can't say whether it ignores `{folder}`"), answers::chain(&*error))
            .hint("install git, or name a folder outside of any work tree with `folder` below `[backups]` in genai.toml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::test_project::{Project, outcome};

    #[tokio::test]
    async fn off_is_skipped_and_no_work_tree_passes() {
        let project = Project::new();
        assert_eq!(outcome("backups-kept-out-of-git", &project).await, "skipped");
        project.write("genai.toml", "[backups]\n");
        assert_eq!(outcome("backups-kept-out-of-git", &project).await, "pass");
    }

    #[test]
    fn what_git_would_take_fails_and_no_answer_is_unknown() {
        assert_eq!(judge("x", Ok(GitView::Ignored)).outcome.name(), "pass");
        assert_eq!(judge("x", Ok(GitView::Exposed)).outcome.name(), "fail");
        assert_eq!(judge("x", Err("no git".into())).outcome.name(), "unknown");
    }
}
