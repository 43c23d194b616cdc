//! `cargo xtask picture`: what a person sees when the demo runs, as an SVG made from a real run.

use console::{ExitCode, Screen};
use report::{Failure, FailureKind};

use crate::programs::{capture, genai_auth, root};

pub(crate) fn run(screen: &Screen) -> Result<ExitCode, Failure> {
    let program = genai_auth()?;
    let folder = tempfile::tempdir()
        .map_err(|error| Failure::new(FailureKind::Unexpected, format!("can't make a folder for the run: {error}")))?;
    let (text, code) = capture(&program, &["demo", "--color", "always"], folder.path())?;
    if code != Some(0) {
        return Err(Failure::new(FailureKind::Unexpected, "the demo did not succeed, so there is nothing to draw")
            .hint("run `cargo run --bin genai-auth -- demo` and read what it says"));
    }
    let prompt = "\u{1b}[1m$ cargo run --release --bin genai-auth -- demo\u{1b}[0m\n";
    let svg = anstyle_svg::Term::new().min_width_px(1000).render_svg(&format!("{prompt}{text}"));
    console::save(&root().join("docs/demo.svg"), &svg)?;
    screen.say("wrote docs/demo.svg");
    Ok(ExitCode::Well)
}
