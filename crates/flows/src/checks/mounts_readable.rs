//! `mounts-readable`: what the container sees of the host is there, and its user may read it, and write where it must.

use docker_ops::{
    Identity,
    autopsy::{MountFacts, MountSource},
};
use report::{CheckId, Finding};

use super::{fail, pass, skipped, unknown};
use crate::doctor::Patient;

pub(crate) const ID: CheckId = CheckId("mounts-readable");

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    let binds: Vec<&MountFacts> = patient.autopsy.mounts.iter().filter(|mount| mount.kind == "bind").collect();
    if binds.is_empty() {
        return skipped(ID, "nothing to read", "nothing of the host is mounted");
    }
    let who = patient.autopsy.identity();
    for mount in &binds {
        let (source, target) = (&mount.source, &mount.target);
        match mount.now {
            Some(MountSource::Gone) => {
                return fail(ID, format!("`{source}`, which is to be `{target}`, is not there"))
                    .hint(format!("make it: `mkdir -p '{source}'`; then `genai-stack up`"));
            }
            Some(MountSource::There { is_folder, uid, gid, mode }) => {
                let Some(who) = &who else { continue };
                if let Some(lack) = lacks(who, (uid, gid, mode), is_folder, mount.is_writable) {
                    let (user, group) = (who.uid, who.gid);
                    let root = if user == 0 { ", whose root keeps no capability to pass over permissions," } else { "" };
                    let what = format!("user {user} of the container{root} may not {lack} `{source}`, which is its `{target}`");
                    return fail(ID, what)
                        .seen("owner and mode", format!("{uid}:{gid} {mode:04o}"))
                        .hint(format!("give it to that user: `sudo chown -R {user}:{group} '{source}'`"))
                        .hint(format!("or let the container run as its owner: `user = \"{uid}:{gid}\"` in `[stack]`"));
                }
            }
            None => {}
        }
    }
    if binds.iter().any(|mount| mount.now.is_none()) {
        return unknown(
            ID,
            "the host's folders can't be seen from here",
            "the engine runs on another machine, or they are not ours to look at",
        );
    }
    if who.is_none() {
        return unknown(
            ID,
            "the folders are there",
            "the number of the container's user is known to its image only, until it runs",
        );
    }
    pass(ID, "the folders are there and may be used")
}

/// What that user lacks, as the system judges.
fn lacks(who: &Identity, (uid, gid, mode): (u32, u32, u32), is_folder: bool, writes: bool) -> Option<&'static str> {
    let bits = who.granted(uid, gid, mode);
    let reads = if is_folder { 5 } else { 4 };
    match () {
        () if bits & reads != reads => Some("read"),
        () if writes && bits & 2 == 0 => Some("write to"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::patients::judged;

    #[test]
    fn judged_as_the_system_judges() {
        let who = |uid| Identity { uid, gid: uid, groups: vec![9], overrides: false };
        let of = |who, owner, writes| lacks(&who, owner, true, writes);
        assert_eq!(of(Identity { overrides: true, ..who(0) }, (5, 5, 0), true), None);
        assert_eq!(of(who(0), (5, 5, 0o700), true), Some("read"), "root without its capability is anybody");
        assert_eq!(of(who(0), (5, 5, 0o755), true), Some("write to"));
        assert_eq!(of(who(5), (5, 5, 0o700), true), None);
        assert_eq!(of(who(5), (0, 0, 0o755), false), None);
        assert_eq!(of(who(5), (0, 0, 0o755), true), Some("write to"), "root-owned outputs");
        assert_eq!(of(who(5), (0, 5, 0o770), true), None);
        assert_eq!(of(who(5), (0, 9, 0o770), true), None, "one of its further groups");
        assert_eq!(of(who(5), (5, 5, 0o077), false), Some("read"));
        assert_eq!(of(who(5), (0, 0, 0o754), false), Some("read"), "a folder needs both");
    }

    #[test]
    fn gone_unreadable_and_unseen() {
        let of = |now, user: Option<u32>| {
            judged(judge, |patient| {
                patient.autopsy.user = user.map(|uid| Identity { uid, gid: uid, groups: Vec::new(), overrides: false });
                let (kind, source) = ("bind".to_owned(), "/host/login".to_owned());
                patient.autopsy.mounts = vec![MountFacts { kind, source, now, is_writable: true, ..MountFacts::default() }];
            })
        };
        let there = |mode| Some(MountSource::There { is_folder: true, uid: 0, gid: 0, mode });
        assert_eq!(of(there(0o700), Some(0)).0, "pass");
        assert!(of(there(0o755), Some(1000)).1.hints[0].contains("chown -R 1000:1000 '/host/login'"));
        assert!(of(Some(MountSource::Gone), None).1.hints[0].contains("mkdir -p '/host/login'"));
        assert_eq!((of(None, Some(0)).0, of(there(0o700), None).0), ("unknown", "unknown"));
        assert_eq!(judged(judge, |_| {}).0, "skipped");
    }
}
