//! A setting that can't be used.

use std::fmt;

/// What is wrong with a setting, and where it came from. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
    hints: Vec<String>,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new() }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(crate) fn hints_of(self, hints: &[String]) -> Self {
        hints.iter().fold(self, Self::hint)
    }

    /// What to do next, one sentence each; may be empty.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for report::Failure {
    fn from(error: Error) -> Self {
        Self::new(report::FailureKind::Settings, error.message).hints(&error.hints)
    }
}
