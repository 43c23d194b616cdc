//! `stack-sound`: what is to run can be run, and opens nothing that nobody asked for.

use docker_ops::{Severity, Violation};
use report::{CheckId, Finding};

use super::{fail, pass, warn};

pub(super) const ID: CheckId = CheckId("stack-sound");

/// Judges what was found wrong with the specification.
pub(crate) fn judge(found: &[Violation]) -> Finding {
    let refused = found.iter().filter(|one| one.severity == Severity::Refuse).count();
    let finding = match (refused, found.len()) {
        (0, 0) => pass(ID, "the specification is sound"),
        (0, _) => warn(ID, "the specification can be run, and should be looked at"),
        _ => fail(ID, "the specification is not run as it is"),
    };
    let finding = found.iter().fold(finding, |finding, one| finding.seen(format!("`{}`", one.field), &one.message));
    found.iter().fold(finding, |finding, one| finding.hint(format!("`{}`: {}", one.field, one.hint)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusal_is_enough() {
        let one = |severity| Violation { severity, field: "ports".into(), message: "open".into(), hint: "close it".into() };
        assert_eq!(judge(&[]).outcome.name(), "pass");
        assert_eq!(judge(&[one(Severity::Warn)]).outcome.name(), "warn");
        let refused = judge(&[one(Severity::Warn), one(Severity::Refuse)]);
        assert_eq!((refused.outcome.name(), refused.evidence.len(), refused.hints.len()), ("fail", 2, 2));
    }
}
