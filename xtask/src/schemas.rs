//! `cargo xtask schemas`: the published JSON schemas, from the structs that write the documents.

use console::{ExitCode, Screen};
use report::Failure;

use crate::programs::root;

pub(crate) fn run(screen: &Screen) -> Result<ExitCode, Failure> {
    for (name, schema) in all() {
        console::save(&root().join("docs/reference/schemas").join(name), &schema)?;
        screen.say(&format!("wrote docs/reference/schemas/{name}"));
    }
    Ok(ExitCode::Well)
}

/// File name and text of each: what we print, and what people write for the embedded ComfyUI.
fn all() -> impl Iterator<Item = (&'static str, String)> {
    console::json::schemas().into_iter().chain([("scenario-v1.json", comfy_sim::Scenario::schema())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schemas_are_these() {
        for (name, schema) in all() {
            let published = std::fs::read_to_string(root().join("docs/reference/schemas").join(name)).unwrap_or_default();
            assert!(
                published == schema,
                "docs/reference/schemas/{name} is not what is read or written: run `cargo xtask schemas`"
            );
        }
    }
}
