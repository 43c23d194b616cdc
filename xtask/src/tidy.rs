//! `cargo xtask tidy`: the rules of the house, as code. Also a test, so that `cargo test` alone proves them.

mod checks_documented;
mod decisions;
mod edges;
mod secrets;
mod sources;

use std::path::Path;

use console::{ExitCode, Screen};
use report::{CheckId, Failure, FailureKind, Finding, Outcome, Report};

use crate::programs::{capture, root};

const ID: CheckId = CheckId("tidy");

/// Runs all rules and shows what breaks them.
pub(crate) fn run(screen: &Screen) -> Result<ExitCode, Failure> {
    let world = console::world()?;
    let report = Report::new("xtask tidy", world.clock.now()).with(finding());
    screen.sink().send(report::Event::Found(Box::new(report.findings[0].clone())));
    Ok(screen.finish(&report))
}

/// All rules as one finding; each violation is a piece of evidence.
pub(crate) fn finding() -> Finding {
    let violations = match violations() {
        Ok(violations) => violations,
        Err(failure) => vec![failure.message],
    };
    if violations.is_empty() {
        return Finding::new(ID, Outcome::Pass, "import edges, module headings, printing, secrets and paths, documents");
    }
    let finding = Finding::new(ID, Outcome::Fail, format!("{} rules of the house are broken", violations.len()));
    violations.into_iter().fold(finding, |finding, violation| finding.seen("broken", violation))
}

fn violations() -> Result<Vec<String>, Failure> {
    let root = root();
    let (metadata, _) = capture("cargo", &["metadata", "--format-version", "1", "--no-deps", "--offline"], &root)?;
    let metadata = serde_json::from_str(&metadata).unwrap_or_default();
    let files = tracked(&root)?;
    let mut violations = edges::violations(&metadata);
    violations.extend(sources::violations(&files));
    violations.extend(secrets::violations(&files));
    violations.extend(checks_documented::violations(&root));
    violations.extend(decisions::violations(&root));
    Ok(violations)
}

/// A file that git tracks, or would if it were added: its path in the workspace and its text, if it is text.
pub(crate) struct File {
    path: String,
    text: String,
}

fn tracked(root: &Path) -> Result<Vec<File>, Failure> {
    let (listed, code) = capture("git", &["ls-files", "--cached", "--others", "--exclude-standard", "-z"], root)?;
    let paths: Vec<&str> = listed.split('\0').filter(|path| !path.is_empty() && root.join(path).exists()).collect();
    if code != Some(0) || paths.is_empty() {
        return Err(Failure::new(FailureKind::Unexpected, "git lists no files of this folder, so nothing can be proven")
            .hint("run it in a git checkout"));
    }
    // Pictures are read too: what is no text in them holds no secret either, and what is text would be found.
    let read = |path: &str| {
        let bytes = std::fs::read(root.join(path))
            .map_err(|error| Failure::new(FailureKind::Unexpected, format!("can't read `{path}`: {error}")))?;
        Ok(File { path: path.to_owned(), text: String::from_utf8_lossy(&bytes).into_owned() })
    };
    paths.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        let violations = super::violations().unwrap();
        assert!(violations.is_empty(), "{}", violations.join("\n"));
    }
}
