//! The binary as a person or a script meets it: help pages and commands as data. What needs an engine is tested in `docker-ops`.

/// Help pages: what `--help` prints is the reference.
#[test]
fn help_pages() {
    trycmd::TestCases::new().case("tests/cli/help/*.trycmd");
}

/// `render`, which asks no engine.
#[test]
fn renderings() {
    trycmd::TestCases::new().case("tests/cli/render/*.trycmd");
}
