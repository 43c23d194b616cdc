//! The one error of this crate: its kind, what to do next, and what lies under it.

mod answered;
mod broken;

use std::{error::Error as StdError, fmt};

/// What went wrong, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No engine listens at the endpoint.
    NoEngine,
    /// The socket is there, and this user may not open it; or the engine does not allow this user what was asked.
    NoPermission,
    /// One side does not trust the other's certificate, or shows none.
    Untrusted,
    /// Something listens there, and it is no engine.
    NotAnEngine,
    /// The engine's newest API version is older than the one that is needed.
    TooOld,
    /// The engine's oldest API version is newer than the one that is spoken.
    TooNew,
    /// The endpoint, or another argument, can't be used. Nothing was sent.
    InvalidConfig,
    /// There is no such container, image, network, or other object.
    NotFound,
    /// The name is taken, or the object is in a state that does not allow this.
    Conflict,
    /// The object is in use by another, or the port is taken.
    InUse,
    /// The engine is no manager of a Swarm.
    NoSwarm,
    /// The engine refused the request as wrong.
    BadRequest,
    /// The engine failed at it.
    Server,
    /// The connection broke in the middle of a request, an answer or a stream.
    Broken,
    /// The answer is not what an engine sends.
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
/// `Display` says what failed at this level, `source()` what lies under it (the engine's own words, where it answered),
/// [`Error::hints`] what to do next.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What the engine answered in place of what was asked for.
#[derive(Debug)]
struct Answer {
    status: u16,
    words: String,
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

    /// What lies under `other` lies under this one, which says the same better.
    pub(crate) fn in_place_of(mut self, other: Error) -> Self {
        self.source = other.source;
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

    /// The same request may succeed later: the engine was not there, or the way to it broke. Whether it may be sent twice
    /// is for whoever sends it to know: see [`Error::was_sent`].
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::NoEngine | ErrorKind::Broken | ErrorKind::Timeout)
    }

    /// The engine got the request, or may have: what it asks for may have happened.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.status().is_some() || matches!(self.kind, ErrorKind::Broken | ErrorKind::Timeout | ErrorKind::Protocol)
    }

    /// The HTTP status, where the engine answered with one that means failure.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.status)
    }

    /// The engine's own words, where it answered with a failure.
    #[must_use]
    pub fn engine_said(&self) -> Option<&str> {
        self.answer().map(|answer| answer.words.as_str())
    }

    fn answer(&self) -> Option<&Answer> {
        self.source.as_ref()?.downcast_ref()
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

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the engine answered {}: {}", self.status, self.words)
    }
}

impl StdError for Answer {}
