//! `password-readable-in-container`: the container's user can read PASSWORD. If not, the plugin fails to load, and ComfyUI starts
//! without any login.

use std::path::Path;

use docker_ops::{FolderFacts, Identity};
use report::{CheckId, Finding};
use token_sync::FileFacts;

use super::{fail, pass, skipped, unknown};

pub(super) const ID: CheckId = CheckId("password-readable-in-container");

/// Judges PASSWORD at `path`, in the `folder` that is mounted as `login`. `who` is the container's user, where its number is known.
pub(crate) fn judge(path: &Path, folder: &FolderFacts, file: &FileFacts, who: Option<Identity>) -> Finding {
    let Some(who) = who else {
        let reason =
            "only its image knows the number of the container's user; whether it asks for a credential is seen after the start";
        return skipped(ID, "can't be told before the start", reason).hint("let `user` in `[stack]` of genai.toml be `UID:GID`");
    };
    let FolderFacts::Folder { uid, gid, mode } = *folder else {
        return unknown(ID, format!("`{}` can't be judged", path.display()), "its folder can't be looked at");
    };
    let login = path.parent().unwrap_or(path);
    let closed = [(login, uid, gid, mode, 1), (path, file.uid, file.gid, file.mode, 4)]
        .into_iter()
        .find(|(_, uid, gid, mode, needed)| who.granted(*uid, *gid, *mode) & needed == 0);
    let Some((place, uid, gid, mode, _)) = closed else {
        return pass(ID, format!("the container's user {}:{} can read `{}`", who.uid, who.gid, path.display()));
    };
    let root = if who.uid == 0 { ", whose root keeps no capability to pass over that," } else { "" };
    let finding = fail(
        ID,
        format!(
            "`{}` is {uid}:{gid} with mode {:04o}, and the container's user {}:{}{root} can't read it: ComfyUI would start without any login",
            place.display(),
            mode & 0o7777,
            who.uid,
            who.gid
        ),
    );
    if who.uid == uid {
        return finding.hint(format!("let its owner in: `chmod 700 '{}' && chmod 600 '{}'`", login.display(), path.display()));
    }
    finding.hint(format!("let the container run as its owner: `user = \"{uid}:{gid}\"` in `[stack]`")).hint(format!(
        "or give it to the container's user: `sudo chown {}:{} '{}' '{}'`",
        who.uid,
        who.gid,
        login.display(),
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (u32, u32, u32, u32, Option<&'static str>, &'static [&'static str], &'static str, Vec<String>);

    /// The login folder's owner, mode; PASSWORD's owner, mode; the container's `user` and what it keeps; how it ends and the repair.
    #[test]
    fn judged_as_the_kernel_judges_in_the_container() {
        let chown = |who: &str| format!("or give it to the container's user: `sudo chown {who} '/p/login' '/p/login/PASSWORD'`");
        let user = "let the container run as its owner: `user = \"1000:1000\"` in `[stack]`";
        let chmod = "let its owner in: `chmod 700 '/p/login' && chmod 600 '/p/login/PASSWORD'`";
        let cases: [Case; 11] = [
            // An image of root's, with all capabilities dropped, and the PASSWORD of the user who set it up.
            (1000, 0o755, 1000, 0o600, None, &[], "fail", vec![user.into(), chown("0:0")]),
            (1000, 0o755, 1000, 0o600, None, &["DAC_OVERRIDE"], "pass", vec![]),
            (1000, 0o755, 1000, 0o600, None, &["CHOWN"], "fail", vec![user.into(), chown("0:0")]),
            (0, 0o755, 0, 0o600, None, &[], "pass", vec![]),
            (1000, 0o700, 1000, 0o600, Some("1000:1000"), &[], "pass", vec![]),
            (1000, 0o755, 1000, 0o600, Some("1001:1001"), &["DAC_OVERRIDE"], "fail", vec![user.into(), chown("1001:1001")]),
            (1000, 0o755, 1000, 0o640, Some("1001:1000"), &[], "pass", vec![]),
            (1000, 0o755, 1000, 0o644, None, &[], "pass", vec![]),
            (1000, 0o700, 1000, 0o644, None, &[], "fail", vec![user.into(), chown("0:0")]),
            (1000, 0o755, 1000, 0o000, Some("1000:1000"), &[], "fail", vec![chmod.into()]),
            (
                1000,
                0o755,
                1000,
                0o600,
                Some("comfy"),
                &[],
                "skipped",
                vec!["let `user` in `[stack]` of genai.toml be `UID:GID`".into()],
            ),
        ];
        for (of_folder, folder_mode, of_file, file_mode, user, keeps, outcome, repair) in cases {
            let keeps: Vec<_> = keeps.iter().map(|name| (*name).to_owned()).collect();
            let folder = FolderFacts::Folder { uid: of_folder, gid: of_folder, mode: folder_mode };
            let file = FileFacts { uid: of_file, gid: of_file, mode: file_mode };
            let found = judge(Path::new("/p/login/PASSWORD"), &folder, &file, Identity::of(user, &keeps));
            let case = format!("{folder_mode:o} {file_mode:o} {user:?} {keeps:?}: {found:?}");
            assert_eq!((found.outcome.name(), &found.hints), (outcome, &repair), "{case}");
        }
    }
}
