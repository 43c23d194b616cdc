//! `no-leak`: no token or password of the project lies where it was not put on purpose.

use std::path::Path;

use report::{CheckId, Finding, Place};
use token_sync::scan::{Allowlist, Judged, Match, Scan};

use super::{fail, pass, skipped, unknown};

pub(crate) const ID: CheckId = CheckId("no-leak");

/// One finding a match; or one that says that nothing was found. What could not be searched is a finding of its own: unknown. What
/// an entry of `allowlist` allows is skipped, one finding an entry; what it allowed until its end date is a leak again.
pub(crate) fn judge(scan: &Scan, judged: &Judged, allowlist: &Allowlist, project: &Path) -> Vec<Finding> {
    let mut findings: Vec<Finding> = judged.matches.iter().map(|found| leak(found, project)).collect();
    for (found, entry) in judged.expired.iter().filter_map(|(found, number)| Some((found, allowlist.entry(*number)?))) {
        let mut finding = leak(found, project);
        finding.summary.push_str(&format!("; allowed until {}, which is over: {}", entry.until(), entry.reason()));
        findings.push(finding.hint("or give the entry of `scan.allow` in genai.toml a later `until`"));
    }
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
    let is_clean = findings.is_empty();
    for (number, entry) in (0..).map_while(|number| Some((number, allowlist.entry(number)?))) {
        let count = judged.allowed.iter().filter(|(_, by)| *by == number).count();
        if count > 0 {
            let what = entry.path().or(entry.fingerprint()).unwrap_or_default();
            findings.push(skipped(ID, format!("{count} allowed by `{what}` until {}", entry.until()), entry.reason()));
        }
    }
    if is_clean {
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
    use token_sync::scan::{Allow, Control, Day, Scanner, Secret};

    use super::*;

    fn scan(text: &str) -> Scan {
        let token = LoginToken::new("a-made-up-token").unwrap();
        let scanner = Scanner::new(&[Secret::token("source", &token)], &FingerprintKey::new(b"test"));
        scanner.stream("input", &mut text.as_bytes(), &Control::silent())
    }

    fn judge(scan: &Scan, entries: Vec<Allow>) -> Vec<Finding> {
        let allowlist = Allowlist::new("/p", entries);
        let judged = allowlist.judge(scan.matches.clone(), Day::parse("2026-06-15").unwrap());
        super::judge(scan, &judged, &allowlist, Path::new("/p"))
    }

    #[test]
    fn what_is_allowed_is_counted_with_its_reason_until_its_last_day() {
        let scan = scan("a-made-up-token a-made-up-token");
        let print = scan.matches[0].owner.fingerprint().unwrap().to_string();
        let entry = |until| vec![Allow::new(None, Some(&print), "made up for a test", until).unwrap()];
        let allowed = judge(&scan, entry("2026-06-15"));
        let outcomes: Vec<_> = allowed.iter().map(|finding| finding.outcome.name()).collect();
        assert_eq!(outcomes, ["skipped", "pass"]);
        assert!(allowed[0].summary.starts_with("2 allowed by") && allowed[0].outcome.reason() == Some("made up for a test"));
        let expired = judge(&scan, entry("2026-06-14"));
        assert_eq!((expired.len(), expired[0].outcome.name()), (2, "fail"));
        assert!(expired[0].summary.ends_with("allowed until 2026-06-14, which is over: made up for a test"), "{expired:?}");
    }

    #[test]
    fn a_token_fails_with_its_line_and_nothing_passes() {
        let found = judge(&scan("x\ncurl -H 'Authorization: Bearer a-made-up-token'\n"), Vec::new());
        assert_eq!((found.len(), found[0].outcome.name()), (1, "fail"));
        assert_eq!(found[0].place.as_ref().and_then(|place| place.line), Some(2));
        assert!(!format!("{found:?}").contains("made-up"), "{found:?}");
        let nothing = judge(&scan("nothing here"), Vec::new());
        assert_eq!((nothing.len(), nothing[0].outcome.name()), (1, "pass"));
    }

    #[test]
    fn what_was_not_searched_is_never_a_pass() {
        let stopped = Scan { stopped: true, ..Scan::default() };
        assert_eq!(judge(&stopped, Vec::new())[0].outcome.name(), "unknown");
    }
}
