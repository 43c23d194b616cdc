//! `comfyui-folder-known`: the folder that was named is ComfyUI's own.

use report::{CheckId, Finding};

use super::{Check, fail, pass, skipped};
use crate::subject::Subject;

pub(super) const CHECK: Check =
    Check { id: CheckId("comfyui-folder-known"), run: |subject| Box::pin(std::future::ready(run(subject))) };

fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let Some(folder) = &subject.settings.comfy_dir else {
        return skipped(id, "nothing to look at", "no folder was named");
    };
    let shown = folder.value.display();
    if !folder.value.is_dir() {
        return fail(id, format!("`{shown}` is no folder (from {})", folder.origin))
            .hint("name the folder that holds ComfyUI's main.py with `--comfy-dir DIR`");
    }
    let absent: Vec<_> = ["main.py", "custom_nodes"].into_iter().filter(|name| !folder.value.join(name).exists()).collect();
    if absent.is_empty() {
        pass(id, shown.to_string())
    } else {
        fail(id, format!("`{shown}` is not ComfyUI's folder: it has no `{}`", absent.join("` and no `")))
            .hint("name the folder that holds ComfyUI's main.py with `--comfy-dir DIR`")
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, outcome};

    #[tokio::test]
    async fn main_and_custom_nodes_tell() {
        let project = Project::new();
        assert_eq!(outcome("comfyui-folder-known", &project).await, "fail");
        std::fs::create_dir_all(project.at("ComfyUI/custom_nodes")).unwrap();
        assert_eq!(outcome("comfyui-folder-known", &project).await, "fail");
        project.write("ComfyUI/main.py", "");
        assert_eq!(outcome("comfyui-folder-known", &project).await, "pass");
    }
}
