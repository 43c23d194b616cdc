//! `cargo xtask schemas`: the published JSON schemas, from the structs that write the documents.

use console::{ExitCode, Screen};
use report::Failure;

use crate::programs::root;

pub(crate) fn run(screen: &Screen) -> Result<ExitCode, Failure> {
    for (name, schema) in console::json::schemas() {
        console::save(&root().join("docs/reference/schemas").join(name), &schema)?;
        screen.say(&format!("wrote docs/reference/schemas/{name}"));
    }
    Ok(ExitCode::Well)
}
