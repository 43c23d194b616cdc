//! The statements that npm's dotenv finds, and dotenvx after it: a line that doesn't fit is passed over; a value in one of
//! three quotes may span lines; anything else ends at `#`.

use std::ops::Range;

use super::{
    Entry,
    javascript::{is_line_end, is_space},
};

/// A value as it is spelled, trimmed, quotes included.
pub(super) struct Spelled {
    pub(super) key: String,
    pub(super) span: Range<usize>,
    text: String,
}

impl Spelled {
    /// The sign that the value starts with, if it is one of the quotes; the closing one may be missing.
    pub(super) fn quote(&self) -> Option<char> {
        self.text.chars().next().filter(|sign| matches!(sign, '\'' | '"' | '`'))
    }

    /// The value without its quotes; nothing else is changed.
    pub(super) fn unquoted(&self) -> &str {
        let inside = self.quote().and_then(|quote| self.text.strip_prefix(quote)?.strip_suffix(quote));
        inside.unwrap_or(&self.text)
    }
}

/// npm's dotenv.
pub(super) fn read(text: &str) -> Vec<Entry> {
    let value = |spelled: &Spelled| match spelled.quote() {
        Some('"') => spelled.unquoted().replace("\\n", "\n").replace("\\r", "\r"),
        _ => spelled.unquoted().to_owned(),
    };
    statements(text).iter().map(|spelled| Entry::spelled(&spelled.key, value(spelled), spelled.span.clone())).collect()
}

/// Every statement, in order.
pub(super) fn statements(text: &str) -> Vec<Spelled> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = skip_space(text, at);
        let resume = match statement(text, start) {
            Some((spelled, end)) => {
                found.push(spelled);
                end
            }
            None => start, // the blank lines before it would lead here again
        };
        at = resume
            + text[resume..]
                .find(is_line_end)
                .map_or(text.len() - resume, |length| length + text[resume + length..].chars().next().map_or(1, char::len_utf8));
    }
    found
}

/// The statement that starts at `start`, and where its value ends.
fn statement(text: &str, start: usize) -> Option<(Spelled, usize)> {
    let exported = text[start..].strip_prefix("export").filter(|rest| rest.starts_with(is_space));
    let behind_export = exported.map(|rest| skip_space(text, text.len() - rest.len()));
    let (key, value_at) = behind_export.into_iter().chain([start]).find_map(|at| key(text, at))?;
    let (mut span, end) = value(text, value_at);
    let raw = &text[span.clone()];
    span.start += raw.len() - raw.trim_start_matches(is_space).len();
    span.end = span.end.max(span.start);
    let trimmed = text[span.clone()].trim_end_matches(is_space);
    span.end = span.start + trimmed.len();
    if trimmed.is_empty() {
        span = value_at..value_at;
    }
    let text = trimmed.replace("\r\n", "\n").replace('\r', "\n");
    Some((Spelled { key: key.to_owned(), span, text }, end))
}

/// The key at `at`, and where its value may start.
fn key(text: &str, at: usize) -> Option<(&str, usize)> {
    let rest = &text[at..];
    let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')).count();
    let after = at + length;
    let separator = skip_space(text, after);
    let value = if text[separator..].starts_with('=') {
        separator + 1
    } else {
        let blank = text[after..].strip_prefix(':')?.chars().next().filter(|sign| is_space(*sign))?;
        after + 1 + blank.len_utf8()
    };
    (length > 0).then_some((&rest[..length], value))
}

/// The place of the value, and where the reader goes on.
fn value(text: &str, at: usize) -> (Range<usize>, usize) {
    let open = skip_space(text, at);
    if let Some(quote) = text[open..].chars().next().filter(|sign| matches!(sign, '\'' | '"' | '`')) {
        let inside = &text[open + 1..];
        let mut closing = Vec::new();
        for (at, _) in inside.match_indices(quote) {
            closing.push(at);
            if !inside[..at].ends_with('\\') {
                break;
            }
        }
        let end = closing.into_iter().rev().map(|at| open + 1 + at + 1).find(|end| ends_statement(text, *end));
        if let Some(end) = end {
            return (open..end, end);
        }
    }
    let length = text[at..].find(['#', '\r', '\n']).unwrap_or(text.len() - at);
    (at..at + length, at + length)
}

/// Whether nothing but blanks and a comment follow in the line.
fn ends_statement(text: &str, at: usize) -> bool {
    let tail = text[at..].trim_start_matches(|sign| is_space(sign) && !is_line_end(sign));
    tail.is_empty() || tail.starts_with('#') || tail.starts_with(is_line_end)
}

fn skip_space(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches(is_space).len()
}
