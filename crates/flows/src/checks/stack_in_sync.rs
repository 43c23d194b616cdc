//! `stack-in-sync`: what runs is what `[stack]` says.

use report::{CheckId, Finding};

use super::{pass, skipped, warn};

pub(crate) const ID: CheckId = CheckId("stack-in-sync");

/// `drift`: each difference in words, as `up` would mend it; why it is not known.
pub(crate) fn judge(drift: &Result<Vec<String>, String>) -> Finding {
    match drift {
        Ok(differences) if differences.is_empty() => pass(ID, "what runs is what `[stack]` says"),
        Ok(differences) => {
            let finding = warn(ID, format!("{} of what runs is not what `[stack]` says", differences.len()))
                .hint("see what would be done with `genai-stack up --dry-run`, then `genai-stack up`");
            differences.iter().fold(finding, |finding, one| finding.seen("differs", one))
        }
        Err(reason) => skipped(ID, "nothing to compare", reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named() {
        let drifted = judge(&Ok(vec!["image".into(), "memory".into()]));
        assert_eq!((drifted.outcome.name(), drifted.evidence.len()), ("warn", 2));
        assert_eq!(judge(&Ok(Vec::new())).outcome.name(), "pass");
        assert_eq!(judge(&Err("no `[stack]`".into())).outcome.name(), "skipped");
    }
}
