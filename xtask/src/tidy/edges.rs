//! Which room may import which: the table of `docs/architecture.md`.

use serde_json::Value;

const BELOW_BINARIES: &[&str] =
    &["console", "flows", "settings", "comfy-client", "comfy-sim", "docker-ops", "token-sync", "auth-core", "report"];

/// Each of our crates, and which of our crates it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("report", &[]),
    ("auth-core", &[]),
    ("token-sync", &["auth-core"]),
    ("comfy-client", &[]),
    ("comfy-sim", &[]),
    ("docker-ops", &[]),
    ("settings", &["auth-core", "token-sync", "comfy-client", "docker-ops", "report"]),
    ("flows", &["settings", "report", "auth-core", "token-sync", "comfy-client", "comfy-sim", "docker-ops"]),
    ("console", &["report", "settings"]),
    ("genai-auth", BELOW_BINARIES),
    ("genai-tokens", BELOW_BINARIES),
    ("genai-comfy", BELOW_BINARIES),
    ("genai-stack", BELOW_BINARIES),
    ("xtask", BELOW_BINARIES),
];

/// What only tests may import beyond that.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[("comfy-client", &["comfy-sim"])];

/// Every edge that the table doesn't allow, and every crate that it doesn't know.
pub(super) fn violations(metadata: &Value) -> Vec<String> {
    let packages: Vec<&Value> = metadata["packages"].as_array().into_iter().flatten().collect();
    let name = |package: &Value| package["name"].as_str().unwrap_or_default().to_owned();
    let ours: Vec<String> = packages.iter().map(|package| name(package)).collect();
    let mut broken = Vec::new();
    if ours.is_empty() {
        broken.push("cargo's metadata names no packages".to_owned());
    }
    for package in packages {
        let from = name(package);
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == from) else {
            broken.push(format!("`{from}` has no place in the table of rooms"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = name(dependency);
            // A registry's crate may share a name with one of ours; ours come by path.
            if !ours.contains(&to) || dependency["path"].is_null() {
                continue;
            }
            let in_tests = dependency["kind"] == "dev"
                && ALLOWED_IN_TESTS.iter().any(|(name, extra)| *name == from && extra.contains(&to.as_str()));
            if !allowed.contains(&to.as_str()) && !in_tests {
                broken.push(format!("`{from}` imports `{to}`, which its row does not allow"));
            }
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::programs::{capture, root};

    fn metadata() -> Value {
        let (text, _) = capture("cargo", &["metadata", "--format-version", "1", "--no-deps", "--offline"], &root()).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn add(metadata: &mut Value, from: &str, to: &str, kind: &Value) {
        let packages = metadata["packages"].as_array_mut().unwrap();
        let package = packages.iter_mut().find(|package| package["name"] == from).unwrap();
        package["dependencies"].as_array_mut().unwrap().push(json!({"name": to, "path": "/x", "kind": kind}));
    }

    #[test]
    fn a_forbidden_edge_is_found_and_an_allowed_one_is_not() {
        assert_eq!(violations(&metadata()), [""; 0]);
        let cases = [
            ("report", "console", Value::Null, true),
            ("comfy-client", "auth-core", Value::Null, true),
            ("auth-core", "token-sync", json!("dev"), true),
            ("comfy-sim", "comfy-client", json!("build"), true),
            ("console", "flows", Value::Null, true),
            ("comfy-client", "comfy-sim", Value::Null, true),
            ("comfy-client", "comfy-sim", json!("dev"), false),
            ("flows", "report", Value::Null, false),
        ];
        for (from, to, kind, forbidden) in cases {
            let mut metadata = metadata();
            add(&mut metadata, from, to, &kind);
            let found = violations(&metadata);
            assert_eq!(!found.is_empty(), forbidden, "{from} → {to}: {found:?}");
            assert!(!forbidden || found[0].contains(to), "{found:?}");
        }
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        let mut metadata = metadata();
        metadata["packages"].as_array_mut().unwrap().push(json!({"name": "utils", "dependencies": []}));
        assert_eq!(violations(&metadata), ["`utils` has no place in the table of rooms"]);
    }
}
