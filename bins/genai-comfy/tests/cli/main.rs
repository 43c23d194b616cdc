//! The binary as a person or a test meets it: help pages as data, a server that starts, answers and ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batch;
mod sim;

/// Help pages: what `--help` prints is the reference.
#[test]
fn help_pages() {
    trycmd::TestCases::new().case("tests/cli/help/*.trycmd");
}
