//! `EnvironmentFile=` as systemd reads it: a machine of states, sign by sign. What follows a closing quote is joined to the
//! value, a comment too; a name that is no variable name is dropped in silence.

use super::{Entry, ReadFault};

#[derive(Clone, Copy, PartialEq)]
enum State {
    BeforeKey,
    Key,
    BeforeValue,
    Value,
    ValueEscape,
    Single,
    Double,
    DoubleEscape,
    Comment,
    CommentEscape,
}

/// What is gathered of one assignment.
#[derive(Default)]
struct Pair {
    key: String,
    value: String,
    /// How much of the value stays when blanks at its end are cut.
    kept: usize,
    /// Where the spelled value starts, and where its last sign ends.
    place: Option<(usize, usize)>,
}

pub(super) fn read(text: &str) -> Result<Vec<Entry>, ReadFault> {
    if let Some(at) = text.find('\0') {
        return Err(ReadFault::at(text, at, "a NUL"));
    }
    let mut entries = Vec::new();
    let mut state = State::BeforeKey;
    let mut pair = Pair::default();
    for (at, sign) in text.char_indices() {
        let after = at + sign.len_utf8();
        state = match state {
            State::BeforeKey if matches!(sign, '#' | ';') => State::Comment,
            State::Comment | State::CommentEscape if is_line_end(sign) => State::BeforeKey,
            State::Comment if sign == '\\' => State::CommentEscape,
            State::Comment | State::CommentEscape => State::Comment,
            State::BeforeKey if is_space(sign) => State::BeforeKey,
            State::BeforeKey => {
                pair.key.push(sign);
                State::Key
            }
            State::Key if is_line_end(sign) => {
                pair = Pair::default();
                State::BeforeKey
            }
            State::Key if sign == '=' => {
                pair.place = Some((after, after));
                State::BeforeValue
            }
            State::Key => {
                pair.key.push(sign);
                State::Key
            }
            State::BeforeValue | State::Value if is_line_end(sign) => {
                push(&mut entries, &std::mem::take(&mut pair), state);
                State::BeforeKey
            }
            State::BeforeValue if is_space(sign) => {
                if pair.value.is_empty() && pair.place.is_some_and(|(start, end)| start == end) {
                    pair.place = Some((after, after));
                }
                State::BeforeValue
            }
            State::Value if is_space(sign) => {
                pair.value.push(sign);
                State::Value
            }
            _ => {
                pair.place = pair.place.map(|(start, _)| (start, after));
                pair.take(state, sign)
            }
        };
    }
    if !matches!(state, State::BeforeKey | State::Key | State::Comment | State::CommentEscape) {
        push(&mut entries, &pair, state);
    }
    Ok(entries)
}

impl Pair {
    /// One sign of a value that ends nothing; the state behind it.
    fn take(&mut self, state: State, sign: char) -> State {
        let next = match (state, sign) {
            (State::BeforeValue, '\'') => State::Single,
            (State::BeforeValue, '"') => State::Double,
            (State::BeforeValue | State::Value, '\\') => {
                self.kept = self.value.len();
                return State::ValueEscape;
            }
            (State::Single, '\'') | (State::Double, '"') => State::BeforeValue,
            (State::Double, '\\') => State::DoubleEscape,
            (State::Single | State::Double, _) => {
                self.value.push(sign);
                state
            }
            (State::BeforeValue | State::Value, _) => {
                self.value.push(sign);
                State::Value
            }
            (State::ValueEscape, _) => {
                if !is_line_end(sign) {
                    self.value.push(sign);
                }
                State::Value
            }
            (State::DoubleEscape, _) => {
                if !matches!(sign, '"' | '\\' | '`' | '$' | '\n') {
                    self.value.push('\\');
                }
                if sign != '\n' {
                    self.value.push(sign);
                }
                State::Double
            }
            (State::BeforeKey | State::Key | State::Comment | State::CommentEscape, _) => return state,
        };
        self.kept = self.value.len();
        next
    }
}

fn push(entries: &mut Vec<Entry>, pair: &Pair, state: State) {
    let key = pair.key.trim_end_matches(is_space);
    let starts = key.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_');
    if !starts || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return;
    }
    let value = if state == State::Value { &pair.value[..pair.kept] } else { &pair.value };
    let (start, end) = pair.place.unwrap_or_default();
    entries.push(Entry::spelled(key, value, start..end));
}

fn is_line_end(sign: char) -> bool {
    matches!(sign, '\n' | '\r')
}

fn is_space(sign: char) -> bool {
    matches!(sign, ' ' | '\t' | '\n' | '\r')
}
