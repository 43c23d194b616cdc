//! The words for what was found: check id, outcome, evidence, hint, measure, failure kind.
//!
//! Journeys speak these words and `console` renders them; neither meaning nor printing lives here. This crate depends on
//! nothing that finds or prints: no I/O, no clock, no serialization.
//!
//! ```
//! use report::{CheckId, Finding, Outcome, Report};
//!
//! let finding = Finding::new(CheckId("auth-enforced"), Outcome::Pass, "a request without credential got 401");
//! let report = Report::new("validate", jiff::Timestamp::UNIX_EPOCH).with(finding);
//! assert_eq!(report.worst(), Some(&Outcome::Pass));
//! assert_eq!(report.verdict(), report::Verdict::Well);
//! ```

mod change;
mod event;
mod failure;
mod finding;
pub mod stack_watch;
pub mod watch;

pub use change::{Change, ChangeKind};
pub use event::{Event, Sink};
pub use failure::{Failure, FailureKind};
pub use finding::{CheckId, Evidence, Finding, Measure, Outcome, Place, Unit};

use std::time::Duration;

use jiff::Timestamp;

/// What a journey found, in the order it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The journey: `demo`, `setup`, `validate`.
    pub journey: String,
    /// When it began.
    pub started_at: Timestamp,
    /// What was examined, as pairs of name and value without secrets (`url`, `project`).
    pub subject: Vec<(String, String)>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What was changed, or would be.
    pub changes: Vec<Change>,
    /// What else was said, in order.
    pub notes: Vec<String>,
    /// Why the journey could not go on to its end, if it couldn't.
    pub stopped: Option<Failure>,
    /// Why further services could not be dealt with, where the journey goes over several.
    pub also_stopped: Vec<Failure>,
    /// How long it took.
    pub took: Duration,
}

/// What a report as a whole says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every check passed, or passed with a warning; skipped ones gave their reason.
    Well,
    /// A check failed, or could not be decided.
    Findings,
    /// The journey could not go on to its end.
    Stopped(FailureKind),
}

impl Report {
    /// A report without findings.
    pub fn new(journey: &str, started_at: Timestamp) -> Self {
        Self {
            journey: journey.to_owned(),
            started_at,
            subject: Vec::new(),
            findings: Vec::new(),
            changes: Vec::new(),
            notes: Vec::new(),
            stopped: None,
            also_stopped: Vec::new(),
            took: Duration::ZERO,
        }
    }

    /// The same report, saying what it is about.
    #[must_use]
    pub fn about(mut self, name: &str, value: impl Into<String>) -> Self {
        self.subject.push((name.to_owned(), value.into()));
        self
    }

    /// The same report with one more finding.
    #[must_use]
    pub fn with(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    /// The gravest outcome; `None` without findings.
    pub fn worst(&self) -> Option<&Outcome> {
        self.findings.iter().map(|finding| &finding.outcome).max_by_key(|outcome| outcome.gravity())
    }

    /// What the report as a whole says. Unknown is never a pass, and a report without findings has proven nothing.
    pub fn verdict(&self) -> Verdict {
        if let Some(failure) = &self.stopped {
            return Verdict::Stopped(failure.kind);
        }
        match self.worst() {
            Some(outcome) if outcome.gravity() < Outcome::Unknown(String::new()).gravity() => Verdict::Well,
            _ => Verdict::Findings,
        }
    }

    /// How many findings have an outcome of the same name as `name`.
    pub fn count(&self, name: &str) -> usize {
        self.findings.iter().filter(|finding| finding.outcome.name() == name).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: &[Outcome]) -> Report {
        outcomes.iter().fold(Report::new("x", Timestamp::UNIX_EPOCH), |report, outcome| {
            report.with(Finding::new(CheckId("c"), outcome.clone(), "s"))
        })
    }

    #[test]
    fn verdicts() {
        let (skipped, unknown) = (Outcome::Skipped("r".into()), Outcome::Unknown("r".into()));
        assert_eq!(report(&[]).verdict(), Verdict::Findings, "nothing proven is not well");
        assert_eq!(report(&[Outcome::Pass, Outcome::Warn, skipped.clone()]).verdict(), Verdict::Well);
        assert_eq!(report(&[Outcome::Pass, unknown.clone()]).verdict(), Verdict::Findings, "unknown is never a pass");
        assert_eq!(report(&[Outcome::Fail, Outcome::Pass]).verdict(), Verdict::Findings);
        assert_eq!(report(&[Outcome::Warn, Outcome::Fail, unknown]).worst(), Some(&Outcome::Fail));
        assert_eq!(report(&[Outcome::Warn, Outcome::Pass, skipped]).count("skipped"), 1);

        let mut stopped = report(&[Outcome::Fail]);
        stopped.stopped = Some(Failure::new(FailureKind::Unreachable, "can't reach `x`"));
        assert_eq!(
            stopped.verdict(),
            Verdict::Stopped(FailureKind::Unreachable),
            "what stopped the journey says more than a finding"
        );
    }
}
