//! `comfy-client` as others get it: lean, whole in its package, and true to the last version's promises.

use report::{CheckId, Failure, Finding, Outcome};

use super::cargo;
use crate::programs::{capture, has_cargo, root};

/// What a library for any service must not bring along.
const UNWANTED: &[&str] = &["anstream", "clap", "console", "indicatif", "tracing-subscriber"];

/// Its tree holds no program's crates, and its package builds by itself, without the rest of the workspace.
pub(super) fn package() -> Result<Finding, Failure> {
    let id = "client-publishable";
    let tree = ["tree", "--package", "comfy-client", "--edges", "normal,build", "--all-features", "--prefix", "none"];
    let (tree, code) = capture("cargo", &tree, &root())?;
    if code != Some(0) {
        return Ok(Finding::new(CheckId(id), Outcome::Fail, "cargo does not tell what `comfy-client` depends on"));
    }
    let unwanted = unwanted(&tree);
    if !unwanted.is_empty() {
        let brings = format!("`comfy-client` brings `{}`", unwanted.join("`, `"));
        return Ok(
            Finding::new(CheckId(id), Outcome::Fail, brings).hint("`cargo tree -p comfy-client -e normal -i NAME` shows the way")
        );
    }
    cargo(id, &["package", "--package", "comfy-client", "--allow-dirty"], &[])
}

fn unwanted(tree: &str) -> Vec<&str> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let mut found: Vec<&str> = names.filter(|name| UNWANTED.contains(name)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Against the last tag of a version.
pub(super) fn semver() -> Result<Finding, Failure> {
    let id = "client-semver-kept";
    let skipped = |reason: &str| {
        Finding::new(
            CheckId(id),
            Outcome::Skipped(reason.to_owned()),
            "the public items were not compared with the last version's",
        )
    };
    let (tag, _) = capture("git", &["tag", "--list", "v*", "--merged", "HEAD", "--sort", "-version:refname"], &root())?;
    match tag.lines().next() {
        None => Ok(skipped("no version is tagged yet")),
        Some(_) if !has_cargo("semver-checks") => {
            Ok(skipped("cargo-semver-checks is not installed")
                .hint("install it with `cargo install --locked cargo-semver-checks`"))
        }
        Some(tag) => cargo(id, &["semver-checks", "--package", "comfy-client", "--baseline-rev", tag], &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_crate_in_the_tree_is_found() {
        let tree = "comfy-client v0.1.0 (/x)\nbytes v1.11.0\nclap v4.5.0\nclap v4.5.0 (*)\nconsole v0.1.0 (/y)\n";
        assert_eq!(unwanted(tree), ["clap", "console"]);
        assert_eq!(unwanted("clap_lex v0.7.0\n"), [""; 0]);
    }
}
