//! `cargo xtask schemas`: the published JSON schemas, from the structs that write the documents.

use console::{ExitCode, Screen};
use report::Failure;

use crate::programs::root;

pub(crate) fn run(screen: &Screen) -> Result<ExitCode, Failure> {
    let path = root().join("docs/reference/schemas/report-v1.json");
    console::save(&path, &console::json::schema())?;
    screen.say("wrote docs/reference/schemas/report-v1.json");
    Ok(ExitCode::Well)
}
