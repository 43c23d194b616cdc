//! The binary as a person or a pipeline meets it: help pages as data, drift seen, mended and proven.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod bad_targets;
mod drift;
mod old_world;
mod places;
mod rotation;
mod rules;
mod running;
mod services;
mod silence;

/// Help pages: what `--help` prints is the reference.
#[test]
fn help_pages() {
    trycmd::TestCases::new().case("tests/cli/help/*.trycmd");
}
