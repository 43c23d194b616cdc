//! `cargo xtask stand-in`: ComfyUI's stand-in for containers without a libc. Only the last crate is linked anew.

use std::{fs, path::PathBuf};

use console::{ExitCode, Screen};
use report::{Failure, FailureKind};

use crate::programs::{show, target};

pub(crate) fn run(screen: &Screen) -> Result<ExitCode, Failure> {
    screen.say(&format!("made `{}`", make()?.display()));
    Ok(ExitCode::Well)
}

/// Makes it, and says where it lies: apart from the ordinary program, which has the same name.
pub(crate) fn make() -> Result<PathBuf, Failure> {
    let build = ["rustc", "--quiet", "--package", "genai-comfy", "--bin", "genai-comfy"];
    let link = ["--", "-C", "target-feature=+crt-static", "-C", "strip=symbols"];
    let failed = |what: String| Failure::new(FailureKind::Unexpected, what);
    if !show("cargo", &[&build[..], &link].concat(), &[])? {
        return Err(failed("`genai-comfy` can't be linked statically".to_owned()).hint("its output stands above"));
    }
    let target = PathBuf::from(target()?);
    let made = target.join("stand-in").join("genai-comfy");
    let copied = fs::create_dir_all(target.join("stand-in")).and_then(|()| fs::copy(target.join("debug/genai-comfy"), &made));
    copied.map_err(|error| failed(format!("can't write `{}`: {error}", made.display())))?;
    Ok(made)
}
