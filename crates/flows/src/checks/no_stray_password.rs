//! `no-stray-password`: no file named PASSWORD lies in ComfyUI's own folder. The plugin would move it over `login/PASSWORD` at
//! the next start, and its token would take the right one's place.

use report::{CheckId, Finding};

use super::{Check, fail, pass, skipped};
use crate::subject::Subject;

pub(super) const CHECK: Check =
    Check { id: CheckId("no-stray-password"), run: |subject| Box::pin(std::future::ready(run(subject))) };

fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let Some(folder) = &subject.settings.comfy_dir else {
        return skipped(id, "nothing to look at", "ComfyUI's folder is not known");
    };
    let stray = folder.value.join("PASSWORD");
    if std::fs::symlink_metadata(&stray).is_ok() {
        fail(id, format!("`{}` would replace login/PASSWORD at the next start", stray.display()))
            .hint(format!("remove it with `rm '{}'`", stray.display()))
    } else {
        pass(id, "none in ComfyUI's folder")
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, outcome};

    #[tokio::test]
    async fn one_file_is_enough_to_fail() {
        let project = Project::new();
        std::fs::create_dir_all(project.at("ComfyUI/login")).unwrap();
        project.write("ComfyUI/login/PASSWORD", "t\nann\n");
        assert_eq!(outcome("no-stray-password", &project).await, "pass");
        project.write("ComfyUI/PASSWORD", "t\nann\n");
        assert_eq!(outcome("no-stray-password", &project).await, "fail");
    }
}
