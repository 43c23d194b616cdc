//! What a reader sees: keys with values, or why it refuses the file.

use std::{fmt, ops::Range};

/// One key of a file as its reader sees it, and where its value stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The variable's name, or the path of keys in a document.
    pub key: String,
    /// What the reader sees; `None` for a key without a value.
    pub value: Option<String>,
    /// The bytes of the value as it is spelled, quotes included; empty where the file has the key alone.
    pub span: Range<usize>,
    /// Whether the file spells the value, rather than taking it from the reader's surroundings.
    pub spelled: bool,
}

/// Why the reader refuses the file. Holds no value of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFault {
    /// The line, from 1, where the reader stops.
    pub line: usize,
    /// What it stops at.
    pub what: String,
}

impl Entry {
    pub(crate) fn spelled(key: &str, value: impl Into<String>, span: Range<usize>) -> Self {
        Self { key: key.to_owned(), value: Some(value.into()), span, spelled: true }
    }

    /// A key whose value the surroundings give, or nobody.
    pub(crate) fn inherited(key: &str, value: Option<String>, at: usize) -> Self {
        Self { key: key.to_owned(), value, span: at..at, spelled: false }
    }
}

impl ReadFault {
    /// `what` is wrong at the byte `at` of `text`.
    pub(crate) fn at(text: &str, at: usize, what: impl Into<String>) -> Self {
        let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
        Self { line: before.iter().filter(|byte| **byte == b'\n').count() + 1, what: what.into() }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).field("value", &"…").field("span", &self.span).finish()
    }
}

impl fmt::Display for ReadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ReadFault {}
