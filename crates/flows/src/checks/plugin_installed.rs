//! `plugin-installed`: ComfyUI-Login is where ComfyUI loads it from. Without it ComfyUI starts and asks nobody for anything.

use report::{CheckId, Finding};

use super::{Check, fail, pass, skipped};
use crate::{plugin, subject::Subject};

pub(crate) const CHECK: Check =
    Check { id: CheckId("plugin-installed"), run: |subject| Box::pin(std::future::ready(run(subject))) };

fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let Some(folder) = &subject.settings.comfy_dir else {
        return skipped(id, "nothing to look at", "ComfyUI's folder is not known");
    };
    match plugin::copies(&folder.value.join("custom_nodes")).first() {
        Some(plugin) => pass(id, subject.settings.shown(plugin)),
        None => fail(id, format!("`{}` holds no ComfyUI-Login: ComfyUI would start without any login", folder.value.join("custom_nodes").display()))
            .hint("clone https://github.com/liusida/ComfyUI-Login into that folder, install its requirements.txt, and run the same command again"),
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, outcome};

    #[tokio::test]
    async fn found_by_its_files_and_not_when_switched_off() {
        let project = Project::new();
        let install = |folder: &str| {
            std::fs::create_dir_all(project.at(folder)).unwrap();
            for file in ["__init__.py", "password.py", "login.html"] {
                project.write(&format!("{folder}/{file}"), "");
            }
        };
        assert_eq!(outcome("plugin-installed", &project).await, "fail");
        install("ComfyUI/custom_nodes/ComfyUI-Login.disabled");
        assert_eq!(outcome("plugin-installed", &project).await, "fail");
        install("ComfyUI/custom_nodes/comfyui-login");
        assert_eq!(outcome("plugin-installed", &project).await, "pass");
    }
}
