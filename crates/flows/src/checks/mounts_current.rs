//! `mounts-current`: the container sees what lies on the host now. A single file that is mounted goes stale when it is replaced, as every
//! careful writer replaces it.

use report::{CheckId, Finding};

use super::{fail, pass, skipped, unknown};
use crate::doctor::Patient;

pub(crate) const ID: CheckId = CheckId("mounts-current");

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    let binds: Vec<_> = patient.autopsy.mounts.iter().filter(|mount| mount.kind == "bind").collect();
    if binds.is_empty() || !patient.is_running() {
        let reason = if binds.is_empty() { "nothing of the host is mounted" } else { "the container doesn't run" };
        return skipped(ID, "nothing to compare", reason);
    }
    if let Some(mount) = binds.iter().find(|mount| mount.is_stale == Some(true)) {
        return fail(
            ID,
            format!(
                "the container's `{}` is an older one than `{}` on the host, which was replaced since",
                mount.target, mount.source
            ),
        )
        .hint("let it see the new one with `genai-stack restart`")
        .hint("for good, mount the folder that holds it, not the file");
    }
    match binds.iter().filter(|mount| mount.is_stale.is_none()).count() {
        0 => pass(ID, "what is mounted is what lies on the host"),
        count => unknown(
            ID,
            format!("{count} of {} mounts could not be compared", binds.len()),
            "the container's processes can't be looked at: it takes the engine's machine and its root",
        ),
    }
}

#[cfg(test)]
mod tests {
    use docker_ops::autopsy::MountFacts;

    use super::*;
    use crate::doctor::patients::judged;

    #[test]
    fn stale_fails_and_unseen_is_unknown() {
        let of = |is_stale| {
            judged(judge, |patient| {
                patient.autopsy.mounts = vec![MountFacts { kind: "bind".into(), is_stale, ..MountFacts::default() }];
            })
            .0
        };
        assert_eq!((of(Some(false)), of(Some(true)), of(None)), ("pass", "fail", "unknown"));
        assert_eq!(judged(judge, |_| {}).0, "skipped");
    }
}
