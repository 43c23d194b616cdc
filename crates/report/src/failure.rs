//! A journey that could not go on: what kind of trouble, what to do.

use std::fmt;

/// What stopped a journey. Decides the exit code; the later, the graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    /// Nobody foresaw it.
    Unexpected,
    /// The command was called wrongly.
    Usage,
    /// What was given was looked at and can't be run, or was run and did not end well.
    Declined,
    /// A setting, or a file that settings come from, is wrong.
    Settings,
    /// A server, or a place on the disk, can't be reached.
    Unreachable,
    /// A server or the system refused.
    Refused,
    /// The user stopped it.
    Interrupted,
}

/// Why a journey stopped, in the user's words; its causes, the nearest first; what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of trouble.
    pub kind: FailureKind,
    /// One lowercase line that names the operand in backticks.
    pub message: String,
    /// What it comes from, the nearest cause first.
    pub causes: Vec<String>,
    /// What to do next, one sentence each.
    pub hints: Vec<String>,
    /// The service that it is about, where a project has several.
    pub service: Option<String>,
}

impl Failure {
    /// A failure without causes or hints.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hints: Vec::new(), service: None }
    }

    /// A failure that says what `error` says, its sources as causes.
    pub fn of(kind: FailureKind, error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(error.source(), |error| error.source()).map(ToString::to_string).collect();
        Self { causes, ..Self::new(kind, error.to_string()) }
    }

    /// The same failure with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same failure with these hints too.
    #[must_use]
    pub fn hints<S: AsRef<str>>(self, hints: &[S]) -> Self {
        hints.iter().fold(self, |failure, hint| failure.hint(hint.as_ref()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_the_chain_without_the_top() {
        let inner = std::io::Error::other("disk on fire");
        let failure = Failure::of(FailureKind::Unreachable, &std::io::Error::other(Wrapped(inner)));
        assert_eq!((&*failure.message, failure.causes), ("can't save", vec!["disk on fire".to_owned()]));
    }

    #[derive(Debug)]
    struct Wrapped(std::io::Error);
    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("can't save")
        }
    }
    impl std::error::Error for Wrapped {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
}
