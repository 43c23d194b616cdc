//! `.env` as python-dotenv reads it, and Docker Compose 1, which uses it.
//!
//! A line that doesn't fit is passed over with a warning; a quoted value may span lines; only `${NAME}` and
//! `${NAME:-default}` are replaced, but inside every kind of quote.

use crate::growth;
use std::ops::Range;

use super::{Entry, ReadFault, Surroundings};

/// In what its users and its releases differ.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Whether `${NAME}` is replaced, which the caller of the real reader chooses.
    interpolate: bool,
    /// Since 1.2 a backslash escapes whatever follows it, and `K= # c` is a comment behind an empty value.
    is_new: bool,
}

/// python-dotenv 1.2.
pub(super) const NEW: Rules = Rules { interpolate: true, is_new: true };
/// The same with `interpolate=False`.
pub(super) const PLAIN: Rules = Rules { interpolate: false, is_new: true };
/// python-dotenv 0.x, as Docker Compose 1 brings it.
pub(super) const OLD: Rules = Rules { interpolate: true, is_new: false };

pub(super) fn read(text: &str, surroundings: &Surroundings, rules: Rules) -> Result<Vec<Entry>, ReadFault> {
    let at = text.strip_prefix('\u{feff}').map_or(0, |_| '\u{feff}'.len_utf8());
    let mut reader = Reader { text, at, rules };
    let mut entries: Vec<Entry> = Vec::new();
    let mut earlier = Surroundings::new();
    while reader.at < text.len() {
        reader.skip(is_space);
        if reader.at == text.len() {
            break;
        }
        match reader.binding() {
            Some((Some(key), value)) => {
                let at = reader.at;
                let entry = match value {
                    None => Entry::inherited(&key, None, at),
                    Some((value, span)) => {
                        let fault = |what| ReadFault::at(text, span.start, what);
                        let value =
                            if rules.interpolate { replace(&value, surroundings, &earlier).map_err(fault)? } else { value };
                        earlier.insert(key.clone(), value.clone());
                        Entry::spelled(&key, value, span)
                    }
                };
                if entry.value.is_none() {
                    earlier.remove(&key);
                }
                entries.push(entry);
            }
            Some((None, _)) => {}
            None => reader.skip_line(),
        }
    }
    Ok(entries)
}

type Spelled = (String, Range<usize>);

struct Reader<'a> {
    text: &'a str,
    at: usize,
    rules: Rules,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self, wanted: fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.len() - rest.trim_start_matches(wanted).len()];
        self.at += taken.len();
        taken
    }

    fn skip_line(&mut self) {
        self.skip(|sign| !is_line_end(sign));
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
    }

    /// One statement; `None` where the line doesn't fit, with the cursor where the reader gave up.
    fn binding(&mut self) -> Option<(Option<String>, Option<Spelled>)> {
        if let Some(after) = self.rest().strip_prefix("export").filter(|after| after.starts_with(is_blank)) {
            self.at = self.text.len() - after.trim_start_matches(is_blank).len();
        }
        let key = match self.rest().chars().next() {
            Some('#') => None,
            Some('\'') => {
                let (key, _) = self.rest()[1..].split_once('\'').filter(|(key, _)| !key.is_empty())?;
                self.at += key.len() + 2;
                Some(line_feeds(key))
            }
            _ => {
                let key = self.skip(|sign| !(sign == '=' || sign == '#' || is_space(sign)));
                Some(key.to_owned()).filter(|key| !key.is_empty())?.into()
            }
        };
        self.skip(is_blank);
        let mut value = None;
        if self.rest().starts_with('=') {
            self.at += 1;
            let is_apart = !self.skip(is_blank).is_empty();
            let is_comment = self.rules.is_new && is_apart && self.rest().starts_with('#');
            value = Some(if is_comment { (String::new(), self.at..self.at) } else { self.value()? });
        }
        let line = self.rest().split(is_line_end).next().unwrap_or_default();
        let tail = line.trim_start_matches(is_blank);
        if tail.is_empty() || tail.starts_with('#') {
            self.at += line.len();
            let ending = if self.rest().starts_with("\r\n") { 2 } else { self.rest().len().min(1) };
            self.at += ending;
            return Some((key, value));
        }
        None
    }

    fn value(&mut self) -> Option<Spelled> {
        let start = self.at;
        let rest = self.rest();
        if let Some(quote) = rest.chars().next().filter(|sign| matches!(sign, '\'' | '"')) {
            let end = closing(&rest[1..], quote, self.rules)? + 1;
            self.at += end + 1;
            let inside = line_feeds(&rest[1..end]);
            return Some((unescape(&inside, quote), start..self.at));
        }
        let line = rest.split(is_line_end).next().unwrap_or_default();
        self.at += line.len();
        let value = without_comment(line).trim_end_matches(is_space);
        Some((value.to_owned(), start..start + value.len()))
    }
}

/// Where the closing quote is. In old releases the first that no backslash precedes; if all have one, the last.
fn closing(text: &str, quote: char, rules: Rules) -> Option<usize> {
    let mut escaped = None;
    for (at, _) in text.match_indices(quote) {
        let before = &text[..at];
        let backslashes = before.len() - before.trim_end_matches('\\').len();
        if backslashes == 0 || (rules.is_new && backslashes.is_multiple_of(2)) {
            return Some(at);
        }
        escaped = Some(at).filter(|_| !rules.is_new);
    }
    escaped
}

/// An unquoted value ends before white space and `#`.
fn without_comment(line: &str) -> &str {
    let cut = line.match_indices('#').map(|(at, _)| &line[..at]).find(|before| before.ends_with(is_space));
    cut.map_or(line, |before| before.trim_end_matches(is_space))
}

/// Single quotes know `\\` and `\'`, double quotes the usual letters besides.
fn unescape(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        let plain = match signs.peek().filter(|_| sign == '\\') {
            Some(sign @ ('\\' | '\'')) => Some(*sign),
            Some('"') if quote == '"' => Some('"'),
            Some('a') if quote == '"' => Some('\u{7}'),
            Some('b') if quote == '"' => Some('\u{8}'),
            Some('f') if quote == '"' => Some('\u{c}'),
            Some('n') if quote == '"' => Some('\n'),
            Some('r') if quote == '"' => Some('\r'),
            Some('t') if quote == '"' => Some('\t'),
            Some('v') if quote == '"' => Some('\u{b}'),
            _ => None,
        };
        out.push(plain.unwrap_or(sign));
        if plain.is_some() {
            signs.next();
        }
    }
    out
}

/// `${NAME}` and `${NAME:-default}`; the file's earlier keys before the surroundings.
fn replace(text: &str, surroundings: &Surroundings, earlier: &Surroundings) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let last_brace = text.rfind('}').map_or(0, |at| text.len() - at);
    while let Some(at) = rest.find("${").filter(|at| last_brace > 0 && rest.len() - at > last_brace) {
        let inside = &rest[at + 2..];
        let name = &inside[..inside.find(['}', ':']).unwrap_or(inside.len())];
        let after = &inside[name.len()..];
        let default = after.strip_prefix(":-").and_then(|default| default.split_once('}'));
        let (default, after) = match (after.strip_prefix('}'), default) {
            (Some(after), _) => ("", after),
            (None, Some((default, after))) => (default, after),
            (None, None) => {
                out.push_str(&rest[..at + 1]);
                rest = &rest[at + 1..];
                continue;
            }
        };
        out.push_str(&rest[..at]);
        out.push_str(earlier.get(name).or_else(|| surroundings.get(name)).map_or(default, String::as_str));
        growth::of_value(&out)?;
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The real reader opens the file as text, which turns every line end into one sign.
fn line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn is_line_end(sign: char) -> bool {
    matches!(sign, '\n' | '\r')
}

/// Python's white space.
fn is_space(sign: char) -> bool {
    sign.is_whitespace() || matches!(sign, '\u{1c}'..='\u{1f}')
}

fn is_blank(sign: char) -> bool {
    is_space(sign) && !is_line_end(sign)
}
