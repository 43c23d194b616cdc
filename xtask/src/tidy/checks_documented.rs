//! One check is one file, one id, one heading in `docs/reference/checks.md`: the three sets are equal.

use std::{collections::BTreeSet, path::Path};

pub(super) fn violations(root: &Path) -> Vec<String> {
    let ids: BTreeSet<String> = flows::checks::ids().map(|id| id.0.to_owned()).collect();
    let page = std::fs::read_to_string(root.join("docs/reference/checks.md")).unwrap_or_default();
    let headings: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).map(str::to_owned).collect();
    let listed = std::fs::read_dir(root.join("crates/flows/src/checks")).into_iter().flatten();
    let names = listed.filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.strip_suffix(".rs").map(str::to_owned));
    let files: BTreeSet<String> = names.filter(|name| !name.starts_with("test_")).map(|name| name.replace('_', "-")).collect();
    compare("docs/reference/checks.md has no heading for the check", &ids, &headings)
        .chain(compare("docs/reference/checks.md describes no check of this project:", &headings, &ids))
        .chain(compare("crates/flows/src/checks has no file for the check", &ids, &files))
        .chain(compare("crates/flows/src/checks has a file that is no check:", &files, &ids))
        .collect()
}

fn compare<'a>(what: &'a str, left: &'a BTreeSet<String>, right: &'a BTreeSet<String>) -> impl Iterator<Item = String> + 'a {
    left.difference(right).map(move |id| format!("{what} `{id}`"))
}
