//! The binary as a person or a test meets it: help pages and commands as data, servers that start, answer and end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batch;
mod files;
mod full;
mod guarded;
mod running;
mod several;
mod sim;
mod stage;
mod strangers;
mod ways;

/// Help pages: what `--help` prints is the reference.
#[test]
fn help_pages() {
    trycmd::TestCases::new().case("tests/cli/help/*.trycmd");
}

/// The commands one after the other on one server.
#[test]
fn a_journey() {
    let stage = stage::Stage::new(|builder, _| builder.checkpoint("sd15.safetensors").previews(true));
    stage.cases().case("tests/cli/server/journey.trycmd");
}

/// What is wrong is named, with what to do, and exits with its own code.
#[test]
fn refusals() {
    let stage = stage::Stage::new(|builder, _| builder.checkpoint("sd15.safetensors"));
    stage.cases().case("tests/cli/server/refused.trycmd");
}
