//! Version 1 of the report's JSON. A field is never removed or given another meaning in this version; new ones may come.

use schemars::JsonSchema;
use serde::Serialize;

/// What a journey found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// The version of this format.
    pub version: u32,
    /// The program that wrote it.
    pub tool: Tool,
    /// The journey: demo, setup, validate.
    pub journey: String,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// How long it took, in seconds.
    pub took_seconds: f64,
    /// What was examined.
    pub subject: std::collections::BTreeMap<String, String>,
    /// What it says as a whole.
    pub verdict: Verdict,
    /// The exit code of the process that wrote it.
    pub exit_code: u8,
    /// How many findings of each outcome.
    pub counts: Counts,
    /// What was found, in order.
    pub findings: Vec<Finding>,
    /// What was changed, or would be.
    pub changes: Vec<Change>,
    /// What else was said, in order.
    pub notes: Vec<String>,
    /// Why the journey could not go on to its end; null if it did.
    pub stopped: Option<Stopped>,
    /// Why further services could not be dealt with.
    pub also_stopped: Vec<Stopped>,
}

/// The program that wrote a report.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What a report says as a whole.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every check passed, perhaps with warnings.
    Well,
    /// A check failed or could not be decided.
    Findings,
    /// The journey could not go on to its end.
    Stopped,
}

/// How many findings of each outcome.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Counts {
    /// The condition holds.
    pub pass: usize,
    /// It holds, with something to know.
    pub warn: usize,
    /// It doesn't hold.
    pub fail: usize,
    /// It could not be checked, and need not be.
    pub skipped: usize,
    /// It could not be decided.
    pub unknown: usize,
}

/// The result of one check.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// The check's id: the wished condition in kebab case.
    pub check: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was skipped or could not be decided.
    pub reason: Option<String>,
    /// One sentence: what is so.
    pub summary: String,
    /// What that rests on.
    pub evidence: Vec<Evidence>,
    /// What to do next.
    pub hints: Vec<String>,
    /// Figures.
    pub measures: Vec<Measure>,
    /// How long the check took, in seconds.
    pub took_seconds: Option<f64>,
    /// The service that it is about, where a project has several.
    pub service: Option<String>,
    /// The file that it is about.
    pub place: Option<Place>,
    /// What stays the same when the finding moves to another line.
    pub fingerprint: Option<String>,
}

/// Where a finding is about.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Place {
    /// The file, relative to the project where it lies inside.
    pub path: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The column, from 1, in UTF-16 code units as editors count them.
    pub column: Option<u64>,
}

/// How a check ended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The condition holds.
    Pass,
    /// It holds, with something to know.
    Warn,
    /// It doesn't hold.
    Fail,
    /// It could not be checked, and need not be.
    Skipped,
    /// It could not be decided.
    Unknown,
}

/// What was looked at and what was seen.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Evidence {
    /// What was looked at.
    pub name: String,
    /// What was seen.
    pub value: String,
}

/// A figure that was measured.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Measure {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what: seconds, bytes, count.
    pub unit: String,
}

/// A file, or something of an engine, and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Change {
    /// The file, relative to the project where it lies inside; or the container, image or network, such as `container p-ui-1`.
    pub path: String,
    /// What became of it.
    pub change: ChangeKind,
    /// Whether it was done; else it only would be.
    pub done: bool,
    /// The service that it is about, where a project has several.
    pub service: Option<String>,
}

/// What became of a file, or of something of an engine.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It was right already.
    Kept,
    /// It was not there.
    Created,
    /// It held something else.
    Changed,
    /// It is there no more.
    Removed,
}

/// Why a journey could not go on to its end.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Stopped {
    /// What kind of trouble: unexpected, usage, settings, unreachable, refused, interrupted.
    pub kind: String,
    /// What is wrong.
    pub message: String,
    /// What it comes from, the nearest cause first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
    /// The service that it is about, where a project has several.
    pub service: Option<String>,
}

impl From<&report::Report> for Report {
    fn from(report: &report::Report) -> Self {
        Self {
            version: 1,
            tool: Tool { name: "genai-auth".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            journey: report.journey.clone(),
            started_at: report.started_at.to_string(),
            took_seconds: report.took.as_secs_f64(),
            subject: report.subject.iter().cloned().collect(),
            verdict: match report.verdict() {
                report::Verdict::Well => Verdict::Well,
                report::Verdict::Findings => Verdict::Findings,
                report::Verdict::Stopped(_) => Verdict::Stopped,
            },
            exit_code: crate::ExitCode::of(report) as u8,
            counts: Counts {
                pass: report.count("pass"),
                warn: report.count("warn"),
                fail: report.count("fail"),
                skipped: report.count("skipped"),
                unknown: report.count("unknown"),
            },
            findings: report.findings.iter().map(Finding::from).collect(),
            changes: report.changes.iter().map(Change::from).collect(),
            notes: report.notes.clone(),
            stopped: report.stopped.as_ref().map(Stopped::from),
            also_stopped: report.also_stopped.iter().map(Stopped::from).collect(),
        }
    }
}

impl From<&report::Finding> for Finding {
    fn from(finding: &report::Finding) -> Self {
        Self {
            check: finding.check.0.to_owned(),
            outcome: match finding.outcome {
                report::Outcome::Pass => Outcome::Pass,
                report::Outcome::Warn => Outcome::Warn,
                report::Outcome::Fail => Outcome::Fail,
                report::Outcome::Skipped(_) => Outcome::Skipped,
                report::Outcome::Unknown(_) => Outcome::Unknown,
            },
            reason: finding.outcome.reason().map(str::to_owned),
            summary: finding.summary.clone(),
            evidence: finding
                .evidence
                .iter()
                .map(|seen| Evidence { name: seen.name.clone(), value: seen.value.clone() })
                .collect(),
            hints: finding.hints.clone(),
            measures: finding.measures.iter().map(Measure::from).collect(),
            took_seconds: finding.took.map(|took| took.as_secs_f64()),
            service: finding.service.clone(),
            place: finding.place.as_ref().map(|place| Place { path: place.path.clone(), line: place.line, column: place.column }),
            fingerprint: finding.fingerprint.clone(),
        }
    }
}

impl From<&report::Change> for Change {
    fn from(change: &report::Change) -> Self {
        let kind = match change.kind {
            report::ChangeKind::Kept => ChangeKind::Kept,
            report::ChangeKind::Created => ChangeKind::Created,
            report::ChangeKind::Changed => ChangeKind::Changed,
            report::ChangeKind::Removed => ChangeKind::Removed,
        };
        Self { path: change.path.clone(), change: kind, done: change.done, service: change.service.clone() }
    }
}

impl From<&report::Measure> for Measure {
    fn from(measure: &report::Measure) -> Self {
        let unit = match measure.unit {
            report::Unit::Seconds => "seconds",
            report::Unit::Bytes => "bytes",
            _ => "count",
        };
        Self { name: measure.name.clone(), value: measure.value, unit: unit.to_owned() }
    }
}

impl From<&report::Failure> for Stopped {
    fn from(failure: &report::Failure) -> Self {
        let kind = match failure.kind {
            report::FailureKind::Unexpected => "unexpected",
            report::FailureKind::Usage => "usage",
            report::FailureKind::Settings => "settings",
            report::FailureKind::Unreachable => "unreachable",
            report::FailureKind::Refused => "refused",
            report::FailureKind::Declined => "declined",
            report::FailureKind::Interrupted => "interrupted",
        };
        Self {
            kind: kind.to_owned(),
            message: failure.message.clone(),
            causes: failure.causes.clone(),
            hints: failure.hints.clone(),
            service: failure.service.clone(),
        }
    }
}
