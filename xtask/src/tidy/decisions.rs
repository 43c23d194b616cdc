//! Every dependency has its line in `docs/decisions/dependencies.md`, and no line outlives its dependency.

use std::{collections::BTreeSet, path::Path};

pub(super) fn violations(root: &Path) -> Vec<String> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    let page = std::fs::read_to_string(root.join("docs/decisions/dependencies.md")).unwrap_or_default();
    compare(&manifest, &page)
}

fn compare(manifest: &str, page: &str) -> Vec<String> {
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let foreign = section.lines().filter(|line| !line.contains("path = "));
    let used: BTreeSet<&str> =
        foreign.filter_map(|line| Some(line.split_once('=')?.0.trim())).filter(|name| !name.starts_with('#')).collect();
    let told: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let absent = used.difference(&told).map(|name| format!("docs/decisions/dependencies.md has no line for `{name}`"));
    let stale = told
        .difference(&used)
        .map(|name| format!("docs/decisions/dependencies.md has a line for `{name}`, which is no dependency"));
    absent.chain(stale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_stale_lines_are_found() {
        let manifest = "[workspace.dependencies]\n# note\nours = { path = \"x\" }\nurl = \"2\"\n\n[workspace.lints]\nx = 1\n";
        assert_eq!(compare(manifest, "| `url` | why |\n"), [""; 0]);
        assert_eq!(compare(manifest, "| `uuid` | why |\n").len(), 2);
    }
}
