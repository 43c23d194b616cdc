//! The binary as a person meets it, where no engine is needed; and the doctor, where one is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod doctor;

/// Help pages: what `--help` prints is the reference.
#[test]
fn help_pages() {
    trycmd::TestCases::new().case("tests/cli/help/*.trycmd");
}

#[test]
fn refusals() {
    trycmd::TestCases::new().case("tests/cli/*.trycmd");
}
