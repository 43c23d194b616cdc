//! The exit codes, one table for all binaries.

use report::{FailureKind, Report, Verdict};

/// What a process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// 0: all well.
    Well = 0,
    /// 1: something nobody foresaw.
    Unexpected = 1,
    /// 2: the command was called wrongly.
    Usage = 2,
    /// 3: a check failed, or could not be decided; a workflow can't be run, or its run did not end well.
    Findings = 3,
    /// 4: a setting, or a file that settings come from, is wrong.
    Settings = 4,
    /// 5: a server or place can't be reached.
    Unreachable = 5,
    /// 6: a server or the system refused.
    Refused = 6,
    /// 130: stopped by the user, as shells count it.
    Interrupted = 130,
}

impl ExitCode {
    /// The code for what a report says.
    pub fn of(report: &Report) -> Self {
        match report.verdict() {
            Verdict::Well => Self::Well,
            Verdict::Findings => Self::Findings,
            Verdict::Stopped(kind) => Self::for_kind(kind),
        }
    }

    /// The code for what stopped a journey.
    pub fn for_kind(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Unexpected => Self::Unexpected,
            FailureKind::Usage => Self::Usage,
            FailureKind::Settings => Self::Settings,
            FailureKind::Unreachable => Self::Unreachable,
            FailureKind::Refused => Self::Refused,
            FailureKind::Declined => Self::Findings,
            FailureKind::Interrupted => Self::Interrupted,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graver_the_failure_the_higher_the_code() {
        use FailureKind::*;
        let codes = [Unexpected, Usage, Declined, Settings, Unreachable, Refused, Interrupted]
            .map(|kind| (kind, ExitCode::for_kind(kind) as u8));
        assert!(codes.is_sorted(), "{codes:?}");
        assert!(codes.map(|(_, code)| code).is_sorted(), "{codes:?}");
    }
}
