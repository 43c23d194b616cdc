//! The binary as a person or a script meets it: help pages and commands as data; the doctor, the streams, and what keeps a server from
//! standing open, on a real engine. The tests that need one are ignored, and run with `--include-ignored`: its absence is a failure then.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "these tests run programs, and are asked for in the environment")]

mod at_once;
mod cards;
mod doctor;
mod guarded;
mod rendered;
mod streams;
mod unproven;

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

/// Which engine is meant, and what is said where there is none; what is refused before one is asked.
#[test]
fn without_an_engine() {
    let cases = trycmd::TestCases::new();
    for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_API_VERSION"] {
        cases.env(name, "");
    }
    cases.case("tests/cli/*.trycmd");
}
