//! The one error of this crate: its kind, what to do next, and what lies under it.

use std::{error::Error as StdError, fmt};

/// What went wrong, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No engine listens at the endpoint.
    NoEngine,
    /// The socket is there, and this user may not open it.
    NoPermission,
    /// The engine's newest API version is older than the oldest that this crate speaks.
    TooOld,
    /// The engine's oldest API version is newer than the newest that this crate speaks.
    TooNew,
    /// The endpoint, or another argument, can't be used. Nothing was sent.
    InvalidConfig,
    /// There is no such container, image, network, or other object.
    NotFound,
    /// The name is taken, or the object is in a state that does not allow this.
    Conflict,
    /// The object is in use by another.
    InUse,
    /// The engine refused the request as wrong.
    BadRequest,
    /// The engine failed at it.
    Server,
    /// The connection broke in the middle, or the answer is not what an engine sends.
    Protocol,
    /// No answer in time.
    Timeout,
    /// The engine, or this container, can't do that at all.
    Unsupported,
    /// The file system failed.
    Io,
}

/// An error of this crate. It never holds a secret.
///
/// `Display` says what failed at this level, `source()` what lies under it, [`Error::hints`] what to do next.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), hints: Vec::new(), source: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, in one word.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do next, most promising first.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
