//! `mounts-usable`: the folders that the container sees are there, and its user may do there what it must.

use docker_ops::{FolderFacts, Identity, Mount};
use report::{CheckId, Finding};

use super::{fail, pass, warn};

pub(super) const ID: CheckId = CheckId("mounts-usable");

/// Judges what is at the source of each mount. `who` is the container's user, where its number is known.
pub(crate) fn judge(seen: &[(&Mount, FolderFacts)], who: Option<Identity>) -> Finding {
    let (mut wrong, mut hints) = (Vec::new(), Vec::new());
    for (mount, facts) in seen {
        let place = mount.source.display();
        let owner = who.as_ref().map_or_else(|| "UID:GID".to_owned(), |who| format!("{}:{}", who.uid, who.gid));
        let (what, repair) = match facts {
            FolderFacts::Missing => (
                "is not there".to_owned(),
                format!(
                    "make it for the container's user: `sudo install -d -o {} -g {} '{place}'`",
                    part(&owner, 0),
                    part(&owner, 1)
                ),
            ),
            FolderFacts::NotAFolder => {
                ("is no folder".to_owned(), "name a folder below `[stack.mounts]` in genai.toml".to_owned())
            }
            FolderFacts::Unknown(because) => (
                format!("can't be looked at: {because}"),
                "run this as a user who may pass through the folders above it".to_owned(),
            ),
            FolderFacts::Folder { uid, gid, mode } => match &who {
                Some(who) if !facts.lets(who, !mount.read_only) => {
                    let may = if mount.read_only { "read" } else { "write" };
                    let what = format!(
                        "is {uid}:{gid} with mode {mode:04o}, and the container's user {owner} may not {may} there{}",
                        if who.uid == 0 { ": its root keeps no capability to pass over that" } else { "" }
                    );
                    (
                        what,
                        format!(
                            "give it to that user: `sudo chown -R {owner} '{place}'`; or let `user` in `[stack]` be `{uid}:{gid}`"
                        ),
                    )
                }
                _ => continue,
            },
            _ => ("is something unforeseen".to_owned(), "look at it".to_owned()),
        };
        wrong.push((format!("`{place}` for `{}`", mount.target), what));
        hints.push(repair);
    }
    let finding = match (wrong.is_empty(), who) {
        (false, _) => fail(ID, format!("{} of {} folders can't be used", wrong.len(), seen.len())),
        (true, None) if !seen.is_empty() => {
            warn(ID, "the folders are there; whether the container's user may use them, only its image knows")
                .hint("let `user` in `[stack]` of genai.toml be a number")
        }
        (true, _) if seen.is_empty() => pass(ID, "no folder is mounted"),
        (true, _) => pass(ID, "the folders are there, and the container's user may use them"),
    };
    let finding = wrong.into_iter().fold(finding, |finding, (name, what)| finding.seen(name, what));
    hints.into_iter().fold(finding, Finding::hint)
}

/// The finding through an engine whose folders are not ours to look at.
pub(crate) fn elsewhere(is_allowed: bool) -> Finding {
    super::elsewhere(ID, "the folders that the container sees can't be looked at", is_allowed)
}

fn part(owner: &str, nth: usize) -> &str {
    owner.split(':').nth(nth).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use docker_ops::MountRole;

    use super::*;

    #[test]
    fn what_is_missing_or_closed_comes_with_its_repair() {
        let mount = |source: &str, read_only| Mount {
            role: MountRole::Other,
            source: source.into(),
            target: format!("/app{source}"),
            read_only,
        };
        let who = Identity::of(Some("1000:1000"), &[]);
        let roots = |mode| FolderFacts::Folder { uid: 0, gid: 0, mode };
        let (models, outputs, gone) = (mount("/models", true), mount("/outputs", false), mount("/gone", false));
        assert_eq!(judge(&[(&models, roots(0o755))], who.clone()).outcome.name(), "pass");
        assert_eq!(judge(&[(&models, roots(0o755))], None).outcome.name(), "warn");
        let found = judge(&[(&models, roots(0o700)), (&outputs, roots(0o755)), (&gone, FolderFacts::Missing)], who);
        let told = found.evidence.iter().map(|one| format!("{} {}\n", one.name, one.value)).collect::<String>();
        insta::assert_snapshot!(told + &found.hints.join("\n"), @"
        `/models` for `/app/models` is 0:0 with mode 0700, and the container's user 1000:1000 may not read there
        `/outputs` for `/app/outputs` is 0:0 with mode 0755, and the container's user 1000:1000 may not write there
        `/gone` for `/app/gone` is not there
        give it to that user: `sudo chown -R 1000:1000 '/models'`; or let `user` in `[stack]` be `0:0`
        give it to that user: `sudo chown -R 1000:1000 '/outputs'`; or let `user` in `[stack]` be `0:0`
        make it for the container's user: `sudo install -d -o 1000 -g 1000 '/gone'`
        ");
    }
}
