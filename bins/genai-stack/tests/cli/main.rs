//! The binary as a person or a script meets it, without an engine: help pages and commands as data.

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

/// Which engine is meant, and what is said where there is none.
#[test]
fn no_engine() {
    let cases = trycmd::TestCases::new();
    for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_API_VERSION"] {
        cases.env(name, "");
    }
    cases.case("tests/cli/no-engine.trycmd");
}
