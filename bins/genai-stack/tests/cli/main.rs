//! The binary as a person or a script meets it: help pages as data, commands on a real engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "these tests run programs, and are asked for in the environment")]

mod streams;

/// Help pages: what `--help` prints is the reference.
#[test]
fn help_pages() {
    trycmd::TestCases::new().case("tests/cli/help/*.trycmd");
}
