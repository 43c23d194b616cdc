//! `no-leak`: no token or password of the project lies where it was not put on purpose.

use std::path::Path;

use report::{CheckId, Finding, Place};
use token_sync::scan::{Match, Scan};

use super::{fail, pass, unknown};

pub(crate) const ID: CheckId = CheckId("no-leak");

/// One finding a match; or one that says that nothing was found. What could not be searched is a finding of its own: unknown.
pub(crate) fn judge(scan: &Scan, project: &Path) -> Vec<Finding> {
    let mut findings: Vec<Finding> = scan.matches.iter().map(|found| leak(found, project)).collect();
    let counts = &scan.counts;
    if counts.further > 0 {
        findings.push(fail(ID, format!("{} more stand in files that hold over 1,000", counts.further)));
    }
    if !scan.is_complete() {
        let reason = if scan.stopped {
            "the search ended early".to_owned()
        } else {
            format!("{} places could not be searched", scan.skipped.len())
        };
        let finding = unknown(ID, "not everything was searched", reason);
        findings.push(
            scan.skipped
                .iter()
                .take(10)
                .fold(finding, |finding, skipped| finding.seen(skipped.place.to_string(), skipped.reason.to_string())),
        );
    }
    if findings.is_empty() {
        findings.push(pass(ID, format!("nothing in {} files and objects, {:.1} MB", counts.files, counts.bytes as f64 / 1e6)));
    }
    findings
}

/// The finding for sources of truth that can't be read.
pub(crate) fn unknown_tokens(sources: &[String]) -> Finding {
    let reason = format!("`{}` can't be read, so its token and targets are not known", sources.join("`, `"));
    unknown(ID, "only bcrypt lines were looked for, not the token in other spellings", reason)
}

fn leak(found: &Match, project: &Path) -> Finding {
    let shown = |path: &Path| path.strip_prefix(project).unwrap_or(path).display().to_string();
    let path = found.place.path().map_or_else(|| found.place.to_string(), shown);
    let mut finding = fail(ID, format!("{path}:{}: {} stands here ({})", found.region.line, found.owner, found.encoding.name()))
        .hint("take it out, and rotate the token with `genai-tokens rotate`, since what was written may have been read");
    if !matches!(found.place, token_sync::scan::Place::File { .. }) {
        finding = finding.seen("in", found.place.to_string());
    }
    finding.place = Some(Place { path, line: Some(found.region.line), column: Some(found.region.column) });
    finding.fingerprint = Some(found.partial_fingerprint(project));
    finding
}

#[cfg(test)]
mod tests {
    use auth_core::{FingerprintKey, LoginToken};
    use token_sync::scan::{Control, Scanner, Secret};

    use super::*;

    fn scan(text: &str) -> Scan {
        let token = LoginToken::new("a-made-up-token").unwrap();
        let scanner = Scanner::new(&[Secret::token("source", &token)], &FingerprintKey::new(b"test"));
        scanner.stream("input", &mut text.as_bytes(), &Control::silent())
    }

    #[test]
    fn a_token_fails_with_its_line_and_nothing_passes() {
        let found = judge(&scan("x\ncurl -H 'Authorization: Bearer a-made-up-token'\n"), Path::new("/p"));
        assert_eq!((found.len(), found[0].outcome.name()), (1, "fail"));
        assert_eq!(found[0].place.as_ref().and_then(|place| place.line), Some(2));
        assert!(!format!("{found:?}").contains("made-up"), "{found:?}");
        let nothing = judge(&scan("nothing here"), Path::new("/p"));
        assert_eq!((nothing.len(), nothing[0].outcome.name()), (1, "pass"));
    }

    #[test]
    fn what_was_not_searched_is_never_a_pass() {
        let stopped = Scan { stopped: true, ..Scan::default() };
        assert_eq!(judge(&stopped, Path::new("/p"))[0].outcome.name(), "unknown");
    }
}
