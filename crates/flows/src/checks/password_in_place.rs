//! `password-in-place`: the folder that the container has as `login` holds PASSWORD, with the token of the source of truth. Without it the
//! first visitor owns the server, and an empty token opens it.

use std::path::{Path, PathBuf};

use docker_ops::autopsy::MountFacts;
use jiff::Timestamp;
use report::{CheckId, Finding};

use super::{fail, pass, skipped, unknown, warn};
use crate::{answers, doctor::Patient};

pub(crate) const ID: CheckId = CheckId("password-in-place");

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    let Some(mount) = patient.autopsy.mounts.iter().find(|mount| mount.kind == "bind" && leads_to_login(mount)) else {
        return skipped(ID, "nothing to look at", "no `login` folder of the host is mounted");
    };
    if !patient.machine.is_here {
        return unknown(ID, "the `login` folder can't be seen from here", "the engine runs on another machine");
    }
    let path = password(mount);
    let shown = patient.settings.shown(&path);
    let file = match token_sync::read_password_file(&path) {
        Ok(Some((file, _))) => file,
        Ok(None) => {
            return fail(ID, format!("`{shown}` is not there: whoever comes first sets the password and owns the server"))
                .hint("write it with `genai-tokens sync`, then `genai-stack restart`");
        }
        Err(error) => return unknown(ID, format!("`{shown}` can't be read"), answers::chain(&error)),
    };
    match (file.token(), patient.token) {
        (None, _) => fail(ID, format!("`{shown}` holds no token: an empty one opens the server"))
            .hint("write it with `genai-tokens sync`, then `genai-stack restart`"),
        (Some(_), None) => unknown(ID, format!("`{shown}` holds a token"), "there is no source of truth to compare it with")
            .hint("take it as the source of truth: `genai-tokens unify`"),
        (Some(there), Some(wanted)) if there != wanted => {
            fail(ID, format!("`{shown}` holds another token than the source of truth"))
                .hint("write it with `genai-tokens sync`, then `genai-stack restart`")
        }
        _ if is_newer(&path, patient) => {
            warn(ID, format!("`{shown}` was written after the container's start, and the plugin reads it once"))
                .hint("let it be read: `genai-stack restart`")
        }
        _ => pass(ID, format!("`{shown}` holds the token of the source of truth")),
    }
}

fn leads_to_login(mount: &MountFacts) -> bool {
    mount.target.trim_end_matches('/').ends_with("/login") || Path::new(&mount.target).ends_with("login/PASSWORD")
}

fn password(mount: &MountFacts) -> PathBuf {
    let source = PathBuf::from(&mount.source);
    if Path::new(&mount.target).ends_with("PASSWORD") { source } else { source.join("PASSWORD") }
}

/// Whether the file is younger than the container's present life.
fn is_newer(path: &Path, patient: &Patient<'_>) -> bool {
    let written = std::fs::metadata(path).and_then(|meta| meta.modified()).ok().and_then(|time| Timestamp::try_from(time).ok());
    let started = patient.autopsy.state.started_at.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
    patient.is_running() && written.zip(started).is_some_and(|(written, started)| written > started)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::patients::{TOKEN, judged};

    #[test]
    fn absent_empty_other_and_newer() {
        let login = tempfile::tempdir().unwrap();
        let of = |content: Option<&str>, started: &str| {
            let path = login.path().join("PASSWORD");
            let _ = std::fs::remove_file(&path);
            content.iter().for_each(|content| std::fs::write(&path, content).unwrap());
            judged(judge, |patient| {
                patient.autopsy.state.started_at = Some(started.to_owned());
                let (kind, source, target) = ("bind".into(), login.path().display().to_string(), "/comfy/login".into());
                patient.autopsy.mounts = vec![MountFacts { kind, source, target, ..MountFacts::default() }];
            })
        };
        let (long_ago, far) = ("1980-01-01T00:00:00Z", "2200-01-01T00:00:00Z");
        let right = format!("{TOKEN}\nann\n");
        assert_eq!(of(Some(&right), far).0, "pass");
        assert_eq!(of(Some(&right), long_ago).0, "warn");
        assert!(of(None, far).1.summary.contains("owns the server"));
        assert_eq!((of(Some(""), far).0, of(Some("other\nann\n"), far).0), ("fail", "fail"));
        assert!(!format!("{:?}", of(Some("other\nann\n"), far).1).contains("other\\nann"));
        assert_eq!(judged(judge, |_| {}).0, "skipped");
    }
}
