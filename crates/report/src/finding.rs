//! One thing that was found, and all that a reader needs to believe it and act on it.

use std::time::Duration;

/// The name of a check: the wished condition in kebab case, such as `auth-enforced`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckId(pub &'static str);

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The condition holds.
    Pass,
    /// It could not be checked, and need not be: this is why.
    Skipped(String),
    /// It holds, with something to know.
    Warn,
    /// It could not be decided: this is why. Never a pass.
    Unknown(String),
    /// It doesn't hold.
    Fail,
}

/// What a finding rests on: a name and what was seen, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What was looked at, such as `GET /queue without credential`.
    pub name: String,
    /// What was seen, such as `401`.
    pub value: String,
}

/// The unit of a [`Measure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A plain count.
    Count,
}

/// A figure that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
}

/// Where a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file, as a person would write it: relative to the project where it lies inside.
    pub path: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The column, from 1, in UTF-16 code units as editors count them.
    pub column: Option<u64>,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which check.
    pub check: CheckId,
    /// How it ended.
    pub outcome: Outcome,
    /// One sentence: what is so.
    pub summary: String,
    /// What that rests on.
    pub evidence: Vec<Evidence>,
    /// What to do next, one sentence each.
    pub hints: Vec<String>,
    /// Figures.
    pub measures: Vec<Measure>,
    /// How long the check took.
    pub took: Option<Duration>,
    /// The service that it is about, where a project has several.
    pub service: Option<String>,
    /// The file that it is about.
    pub place: Option<Place>,
    /// What stays the same when the finding moves to another line, so that a program recognises it.
    pub fingerprint: Option<String>,
}

impl Outcome {
    /// The outcome's name in every output.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skipped(_) => "skipped",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Why, for an outcome that has a reason.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Skipped(reason) | Self::Unknown(reason) => Some(reason),
            _ => None,
        }
    }

    pub(crate) fn gravity(&self) -> u8 {
        match self {
            Self::Skipped(_) => 0,
            Self::Pass => 1,
            Self::Warn => 2,
            Self::Unknown(_) => 3,
            Self::Fail => 4,
        }
    }
}

impl Finding {
    /// A finding without evidence, hints or measures.
    pub fn new(check: CheckId, outcome: Outcome, summary: impl Into<String>) -> Self {
        Self {
            check,
            outcome,
            summary: summary.into(),
            evidence: Vec::new(),
            hints: Vec::new(),
            measures: Vec::new(),
            took: None,
            service: None,
            place: None,
            fingerprint: None,
        }
    }

    /// The same finding with one more piece of evidence.
    #[must_use]
    pub fn seen(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.evidence.push(Evidence { name: name.into(), value: value.into() });
        self
    }

    /// The same finding with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same finding, about a file.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.place = Some(Place { path: path.into(), ..Place::default() });
        self
    }

    /// The same finding with one more figure.
    #[must_use]
    pub fn measure(mut self, name: &str, value: f64, unit: Unit) -> Self {
        self.measures.push(Measure { name: name.to_owned(), value, unit });
        self
    }
}
