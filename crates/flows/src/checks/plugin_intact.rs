//! `plugin-intact`: the files of ComfyUI-Login are the pinned ones, and ComfyUI can load them. If it can't, it starts without any login.

use report::{CheckId, Failure, Finding};

use super::{fail, pass, skipped, unknown, warn};
use crate::plugin::{Difference, Facts, Kept, KeyFile};

pub(crate) const ID: CheckId = CheckId("plugin-intact");

/// What happens if it is not.
const OPEN: &str = "ComfyUI starts without any login";

/// `missing`: the modules that ComfyUI's Python can't import; none if it was not asked.
pub(crate) fn judge(facts: &Facts, missing: Option<Result<Vec<String>, Failure>>) -> Finding {
    let shown = facts.folder.display();
    let custom_nodes = facts.folder.parent().unwrap_or(&facts.folder).display();
    let install = format!("`genai-stack plugin install --custom-nodes '{custom_nodes}'`");
    if !facts.is_present {
        let finding = match &facts.disabled {
            Some(path) => fail(ID, format!("ComfyUI-Login is switched off: {OPEN}"))
                .hint(format!("switch it on again: `mv '{}' '{shown}'`", path.display())),
            None => fail(ID, format!("{}: {OPEN}", absent(facts))).hint(format!("install it with {install}")),
        };
        return facts.elsewhere.iter().fold(finding, |finding, copy| finding.seen("another copy", copy.display().to_string()));
    }
    let digest = match &facts.digest {
        Ok(digest) => digest,
        Err(error) => return unknown(ID, format!("the files of `{shown}` can't be compared"), error),
    };
    if facts.key == KeyFile::Malformed {
        return fail(ID, format!("`{shown}/.secret-key.txt` is damaged: the plugin can't be loaded, and {OPEN}"))
            .hint(format!("remove it, the plugin makes a new one: `rm '{shown}/.secret-key.txt'`"));
    }
    if *digest != facts.wanted {
        let differing = facts.differences.as_deref().unwrap_or_default();
        let what = match differing {
            [] => "its files are not the pinned ones".to_owned(),
            [one] => one.to_string(),
            [one, rest @ ..] => format!("{one}, and {} more differ", rest.len()),
        };
        let finding = fail(ID, format!("`{shown}`: {what}"))
            .seen("digest", digest.to_string())
            .seen("pinned", facts.wanted.to_string())
            .hint(format!("read what changed; then bring the pinned files back with {install}"));
        return differing.iter().take(20).fold(finding, |finding, one| finding.seen("file", one.to_string()));
    }
    match missing {
        Some(Ok(missing)) if !missing.is_empty() => {
            return fail(ID, format!("its Python can't import {}: {OPEN}", missing.join(", ")))
                .hint("install it with `genai-stack plugin install --python PATH` or `--container NAME`");
        }
        Some(Err(failure)) => {
            return unknown(ID, "what it imports is not known", failure.message).seen("digest", digest.to_string());
        }
        _ => {}
    }
    if let [copy, ..] = facts.elsewhere.as_slice() {
        return warn(ID, format!("`{}` is a second copy, and ComfyUI loads both", copy.display()))
            .hint(format!("remove it: `rm -r '{}'`", copy.display()));
    }
    pass(ID, format!("`{shown}` is as pinned")).seen("digest", digest.to_string())
}

/// The same of a container's own files, which no command on this machine repairs.
pub(crate) fn inside(facts: &Facts, missing: Option<Result<Vec<String>, Failure>>, kept: &Kept) -> Finding {
    let looked_at = match kept {
        Kept::Image => "the container's own files: no `custom_nodes` is mounted".to_owned(),
        Kept::Mount(kind) => format!("the container's files: its `custom_nodes` is in a {kind}, in no folder of this machine"),
        Kept::Elsewhere(path) => {
            format!("the container's files: its `custom_nodes` is `{}` of the engine's machine", path.display())
        }
    };
    let mut finding = judge(facts, missing).seen("looked at", looked_at);
    if !finding.hints.is_empty() {
        finding.hints = vec![repair(kept)];
    }
    finding
}

fn repair(kept: &Kept) -> String {
    match kept {
        Kept::Image => {
            "build the image with the pinned files; or mount `custom_nodes` in `[stack.mounts]`, and then `genai-stack plugin install`"
                .to_owned()
        }
        Kept::Mount(kind) => format!(
            "put the pinned files into the {kind}; or mount a folder in its place, `custom_nodes` in `[stack.mounts]`, and then \
             `genai-stack plugin install`"
        ),
        Kept::Elsewhere(path) => {
            format!("on the engine's machine: `genai-stack plugin install --custom-nodes '{}'`", path.display())
        }
    }
}

/// The finding where the engine does not give the container's files.
pub(crate) fn unread(reason: &str, kept: &Kept) -> Finding {
    unknown(ID, "the plugin's files in the container can't be compared", reason).hint(repair(kept))
}

/// The finding where the container went while it was looked at.
pub(crate) fn vanished() -> Finding {
    unknown(ID, "the plugin's files in the container can't be compared", "the container vanished while it was looked at")
        .hint("look again: `genai-stack doctor`")
}

/// What is there in the plugin's place.
fn absent(facts: &Facts) -> String {
    let shown = facts.folder.display();
    let lacking = facts.differences.iter().flatten().find_map(|difference| match difference {
        Difference::Missing(path) => Some(path),
        _ => None,
    });
    match (&facts.digest, lacking) {
        (Ok(_), Some(path)) => format!("`{shown}` lacks `{path}`, so it is not ComfyUI-Login"),
        (Ok(_), None) => format!("`{shown}` is not ComfyUI-Login"),
        (Err(error), _) => format!("ComfyUI-Login is not at `{shown}`, {error}"),
    }
}

/// The finding where it is not known where `custom_nodes` is.
pub(crate) fn unseen() -> Finding {
    unknown(
        ID,
        "the plugin's files can't be compared",
        "neither `custom_nodes` nor `login` is mounted, so where ComfyUI is in the container is not known",
    )
    .hint("mount them: `[stack.mounts]` in genai.toml")
}

/// The finding before a start where the image brings the plugin.
pub(crate) fn in_image() -> Finding {
    let reason =
        "no `custom_nodes` of this machine is mounted; whether the image's own guards the server is seen after the start";
    skipped(ID, "the image must bring ComfyUI-Login", reason)
}

/// The finding before a start through an engine whose folders are not ours to look at.
pub(crate) fn elsewhere(is_allowed: bool) -> Finding {
    super::elsewhere(ID, "the plugin's files can't be compared", is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Digest;

    fn facts() -> Facts {
        Facts {
            folder: "custom_nodes/ComfyUI-Login".into(),
            is_present: true,
            disabled: None,
            elsewhere: Vec::new(),
            digest: Ok(Digest::known()),
            wanted: Digest::known(),
            differences: Some(Vec::new()),
            key: KeyFile::Absent,
        }
    }

    #[test]
    fn only_pinned_files_that_can_be_loaded_pass() {
        let of = |facts: &Facts| judge(facts, None).outcome.name();
        assert_eq!(of(&facts()), "pass");
        assert_eq!(of(&Facts { is_present: false, ..facts() }), "fail");
        assert_eq!(of(&Facts { key: KeyFile::Malformed, ..facts() }), "fail");
        assert_eq!(of(&Facts { key: KeyFile::Sound, ..facts() }), "pass");
        assert_eq!(of(&Facts { elsewhere: vec!["custom_nodes/login2".into()], ..facts() }), "warn");
        assert_eq!(of(&Facts { digest: Err("permission denied".into()), ..facts() }), "unknown");
        let off = judge(&Facts { is_present: false, disabled: Some("custom_nodes/x.disabled".into()), ..facts() }, None);
        assert!(off.hints[0].contains("mv 'custom_nodes/x.disabled'"), "{off:?}");
        let gone = |modules: &[&str]| judge(&facts(), Some(Ok(modules.iter().map(|name| (*name).to_owned()).collect())));
        assert_eq!((gone(&["bcrypt"]).outcome.name(), gone(&[]).outcome.name()), ("fail", "pass"));
        let unasked = Failure::new(report::FailureKind::Unreachable, "no container");
        assert_eq!(judge(&facts(), Some(Err(unasked))).outcome.name(), "unknown");
    }

    #[test]
    fn no_command_of_this_machine_repairs_a_containers_own_files() {
        for (kept, looked_at, hint) in [
            (Kept::Image, "no `custom_nodes` is mounted", "build the image"),
            (Kept::Mount("volume".to_owned()), "in a volume, in no folder of this machine", "into the volume"),
            (
                Kept::Elsewhere("/p/custom_nodes".into()),
                "`/p/custom_nodes` of the engine's machine",
                "on the engine's machine: `genai-stack plugin install --custom-nodes '/p/custom_nodes'`",
            ),
        ] {
            let absent = inside(&Facts { is_present: false, ..facts() }, None, &kept);
            assert!(absent.outcome.name() == "fail" && absent.hints.len() == 1 && absent.hints[0].contains(hint), "{absent:?}");
            assert!(absent.evidence[0].value.contains(looked_at), "{absent:?}");
            let well = inside(&facts(), None, &kept);
            assert!(well.outcome.name() == "pass" && well.hints.is_empty(), "{well:?}");
        }
    }

    #[test]
    fn a_changed_file_is_named() {
        let digest = Ok(Digest::parse(&"0".repeat(64)).unwrap());
        let changed = Facts { digest, differences: Some(vec![Difference::Changed("password.py".into())]), ..facts() };
        let finding = judge(&changed, None);
        assert_eq!(finding.outcome.name(), "fail");
        assert!(finding.summary.contains("`password.py` was changed"), "{finding:?}");
        let unnamed = judge(&Facts { differences: None, ..changed }, None);
        assert!(unnamed.summary.contains("not the pinned ones"), "{unnamed:?}");
        let gone = vec![Difference::Missing("__init__.py".into())];
        let lacking = judge(&Facts { is_present: false, differences: Some(gone), ..facts() }, None);
        assert!(lacking.summary.contains("lacks `__init__.py`"), "{lacking:?}");
        assert!(lacking.hints[0].ends_with("--custom-nodes 'custom_nodes'`"), "{lacking:?}");
    }
}
