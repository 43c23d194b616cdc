//! The one error of this crate: a kind to decide on, a sentence to show, never a secret.

use std::fmt;

/// Why a value was refused. `Display` is one lowercase line that holds no secret.
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
    /// A password that bcrypt would cut, or that holds a NUL byte.
    Password,
    /// A line that is not a bcrypt hash.
    Hash,
    /// A line that can't travel as a Bearer token.
    Token,
    /// A user name that can't stand in the plugin's PASSWORD file.
    User,
    /// A source of truth that is not JSON of a known shape.
    Source,
    /// A source of truth written by a newer program.
    SourceVersion,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new() }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// What the error is about.
    pub fn kind(&self) -> ErrorKind {
        self.kind
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
