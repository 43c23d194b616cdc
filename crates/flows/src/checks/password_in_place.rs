//! `password-in-place`: the folder that the container has as `login` holds PASSWORD, with the token of the source of truth. Without it an
//! empty token opens the server, and where the container may write there, the first visitor owns it.

use std::path::{Path, PathBuf};

use docker_ops::autopsy::MountFacts;
use jiff::Timestamp;
use report::{CheckId, Finding, Outcome};

use super::{fail, pass, password_readable_in_container, unknown, warn};
use crate::{answers, doctor::Patient};

pub(crate) const ID: CheckId = CheckId("password-in-place");

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    let Some(mount) = patient.autopsy.mounts.iter().find(|mount| mount.kind == "bind" && leads_to_login(mount)) else {
        return unmounted(patient);
    };
    if !patient.machine.is_here {
        return unknown(ID, "the `login` folder can't be seen from here", "the engine runs on another machine");
    }
    let path = password(mount);
    let shown = patient.settings.shown(&path);
    let (file, facts) = match token_sync::read_password_file(&path) {
        Ok(Some(found)) => found,
        Ok(None) => {
            let opens = match mount.is_writable {
                true => "whoever comes first sets the password and owns the server",
                false => "an empty token opens the server, from its next start on at the latest",
            };
            return fail(ID, format!("`{shown}` is not there: {opens}"))
                .hint("write it with `genai-tokens sync`, then `genai-stack restart`");
        }
        Err(error) => return unknown(ID, format!("`{shown}` can't be read"), answers::chain(&error)),
    };
    let login = path.parent().unwrap_or(&path);
    let readable = password_readable_in_container(&path, &docker_ops::folder(login), &facts, patient.autopsy.identity());
    if readable.outcome == Outcome::Fail {
        let closed = readable.hints.into_iter().fold(fail(ID, readable.summary), Finding::hint);
        return closed.hint("then let it be read: `genai-stack up`, or `genai-stack restart`");
    }
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

/// A PASSWORD of the container's own goes with it; one of a volume can't be seen.
fn unmounted(patient: &Patient<'_>) -> Finding {
    let summary = "no `login` folder of the host is mounted";
    if patient.wanted.is_some() && !patient.autopsy.mounts.iter().any(leads_to_login) {
        return fail(ID, format!("{summary}: whoever comes first sets the password and owns the server"))
            .hint("let it be mounted: `genai-stack up`");
    }
    unknown(ID, summary, "whether it holds a PASSWORD elsewhere can't be seen: without one, the first visitor owns the server")
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
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::doctor::patients::{TOKEN, judged};

    #[test]
    fn absent_empty_other_and_newer() {
        let login = tempfile::tempdir().unwrap();
        let of_mount = |content: Option<&str>, started: &str, is_writable| {
            let path = login.path().join("PASSWORD");
            let _ = std::fs::remove_file(&path);
            content.iter().for_each(|content| std::fs::write(&path, content).unwrap());
            judged(judge, |patient| {
                patient.autopsy.state.started_at = Some(started.to_owned());
                let (kind, source, target) = ("bind".into(), login.path().display().to_string(), "/comfy/login".into());
                patient.autopsy.mounts = vec![MountFacts { kind, source, target, is_writable, ..MountFacts::default() }];
            })
        };
        let of = |content, started| of_mount(content, started, false);
        let (long_ago, far) = ("1980-01-01T00:00:00Z", "2200-01-01T00:00:00Z");
        let right = format!("{TOKEN}\nann\n");
        assert_eq!(of(Some(&right), far).0, "pass");
        assert_eq!(of(Some(&right), long_ago).0, "warn");
        assert!(of(None, far).1.summary.contains("an empty token opens the server"), "nobody can write it");
        assert!(of_mount(None, far, true).1.summary.contains("owns the server"));
        assert_eq!((of(Some(""), far).0, of(Some("other\nann\n"), far).0), ("fail", "fail"));
        assert!(!format!("{:?}", of(Some("other\nann\n"), far).1).contains("other\\nann"));
    }

    #[test]
    fn one_that_the_containers_user_can_not_read_fails() {
        let login = tempfile::tempdir().unwrap();
        let path = login.path().join("PASSWORD");
        std::fs::write(&path, format!("{TOKEN}\nann\n")).unwrap();
        let who = |uid, overrides| Some(docker_ops::Identity { uid, gid: uid, groups: Vec::new(), overrides });
        let of = |mode, seen_by, user| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            judged(judge, |patient| {
                patient.autopsy.state.started_at = Some("2200-01-01T00:00:00Z".to_owned());
                patient.autopsy.user = user;
                let (kind, source, target) = ("bind".into(), login.path().display().to_string(), "/comfy/login".into());
                patient.autopsy.mounts = vec![MountFacts { kind, source, target, seen_by, ..MountFacts::default() }];
            })
        };
        let (outcome, found) = of(0o600, who(4321, false), None);
        assert!(outcome == "fail" && found.summary.contains("container's user 4321:4321 can't read it"), "{found:?}");
        assert_eq!(of(0o600, None, who(4321, false)).0, "fail", "one that does not run");
        assert_eq!((of(0o600, None, who(0, true)).0, of(0o000, who(0, true), None).0), ("pass", "pass"), "root");
    }

    #[test]
    fn without_the_hosts_folder_it_is_no_pass() {
        let image = docker_ops::Image::Named { reference: "a".to_owned(), pull: docker_ops::PullPolicy::Missing };
        let service: &docker_ops::ServiceSpec = Box::leak(Box::new(docker_ops::ServiceSpec::new(image)));
        let of = |kind: &str, is_wanted: bool| {
            judged(judge, |patient| {
                patient.wanted = is_wanted.then_some(service);
                let mount = MountFacts { kind: kind.to_owned(), target: "/comfy/login".to_owned(), ..MountFacts::default() };
                patient.autopsy.mounts.extend(Some(mount).filter(|mount| !mount.kind.is_empty()));
            })
            .0
        };
        assert_eq!((of("", true), of("", false)), ("fail", "unknown"), "what a service runs that nobody wrote down is not known");
        assert_eq!(of("volume", true), "unknown");
    }
}
