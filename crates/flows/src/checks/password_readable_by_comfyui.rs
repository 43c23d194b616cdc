//! `password-readable-by-comfyui`: the user whose ComfyUI it is can read its PASSWORD file. If not, the plugin fails to load, and
//! ComfyUI starts without any login.

use std::os::unix::fs::MetadataExt;

use report::{CheckId, Finding};
use token_sync::FileFacts;

use super::{Check, fail, pass, skipped, unknown};
use crate::{answers, subject::Subject};

pub(super) const CHECK: Check =
    Check { id: CheckId("password-readable-by-comfyui"), run: |subject| Box::pin(std::future::ready(run(subject))) };

fn run(subject: &Subject<'_>) -> Finding {
    let id = CHECK.id;
    let Some(folder) = &subject.settings.comfy_dir else {
        return skipped(id, "nothing to look at", "ComfyUI's folder is not known");
    };
    let path = folder.value.join("login").join("PASSWORD");
    let shown = subject.settings.shown(&path);
    let file = match token_sync::read_password_file(&subject.settings.file_at(path.clone())) {
        Ok(Some((_, facts))) => facts,
        Ok(None) => return skipped(id, "nothing to look at", format!("there is no `{shown}` yet")),
        Err(error) => return unknown(id, "can't tell", answers::chain(&error)),
    };
    match std::fs::metadata(&folder.value) {
        Ok(owner) if is_readable(&file, owner.uid(), owner.gid()) => pass(id, format!("`{shown}` can be read by the owner of ComfyUI's folder")),
        Ok(owner) => fail(
            id,
            format!("`{shown}` belongs to user {} with mode {:04o}, and ComfyUI's folder to user {}: ComfyUI would start without any login", file.uid, file.mode, owner.uid()),
        )
        .hint(format!("give it to that user with `chown {}:{} '{}'`, and restart ComfyUI", owner.uid(), owner.gid(), path.display())),
        Err(error) => unknown(id, "can't tell", error.to_string()),
    }
}

/// Whether a user of that id and group may read the file.
fn is_readable(file: &FileFacts, uid: u32, gid: u32) -> bool {
    let bit = match () {
        () if uid == 0 => return true,
        () if file.uid == uid => 0o400,
        () if file.gid == gid => 0o040,
        () => 0o004,
    };
    file.mode & bit != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::test_project::{Project, outcome};

    #[test]
    fn judged_as_the_system_judges() {
        let file = |mode, uid, gid| FileFacts { mode, uid, gid };
        let cases = [
            (file(0o600, 5, 5), 5, 5, true),
            (file(0o600, 0, 0), 5, 5, false),
            (file(0o600, 0, 5), 5, 5, false),
            (file(0o640, 0, 5), 5, 5, true),
            (file(0o604, 0, 0), 5, 5, true),
            (file(0o044, 5, 5), 5, 5, false),
            (file(0o600, 7, 7), 0, 0, true),
        ];
        for (facts, uid, gid, readable) in cases {
            assert_eq!(is_readable(&facts, uid, gid), readable, "{facts:?} by {uid}:{gid}");
        }
    }

    #[tokio::test]
    async fn absent_is_skipped_and_ones_own_passes() {
        let project = Project::new();
        std::fs::create_dir_all(project.at("ComfyUI")).unwrap();
        assert_eq!(outcome("password-readable-by-comfyui", &project).await, "skipped");
        project.save("pw");
        project.sync();
        assert_eq!(outcome("password-readable-by-comfyui", &project).await, "pass");
    }
}
