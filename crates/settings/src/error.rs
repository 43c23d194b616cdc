//! A setting that can't be used.

use std::fmt;

/// What is wrong with a setting, and where it came from. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
}

/// What an [`Error`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `genai.toml` can't be read or understood.
    File,
    /// The service is not there, or its name can't be one.
    Service,
    /// The URL can't be one.
    Url,
    /// The token can't be one, or its file can't be read.
    Token,
    /// The certificates, the proxy or its login can't be used.
    Connection,
    /// A target of the source of truth is described wrongly.
    Target,
    /// `[stack]` can't be used as it is written.
    Stack,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new() }
    }

    /// What the error is about.
    pub fn kind(&self) -> ErrorKind {
        self.kind
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
