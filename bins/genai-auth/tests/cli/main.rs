//! The binary as a person or a script meets it: help pages and refusals as data, journeys as runs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod journeys;
mod place;
mod refusals;
mod silence;

/// Help pages: what `--help` prints is the reference.
#[test]
fn help_pages() {
    trycmd::TestCases::new().case("tests/cli/help/*.trycmd");
}
