//! Readers that look at each line alone: Ruby's dotenv (the version in Debian) and direnv, which was modelled on it. A
//! quoted value reaches to the last quote that leaves nothing but a comment behind it.

use crate::growth;
use std::ops::Range;

use super::{Entry, ReadFault, Surroundings, command};

/// In what the two differ while they look at a line.
struct Rules {
    is_space: fn(char) -> bool,
    /// What ends a value without quotes, besides the end of the line.
    ends_bare: fn(char) -> bool,
}

const RUBY: Rules = Rules { is_space: |sign| matches!(sign, ' ' | '\t'..='\r'), ends_bare: |sign| sign == '#' };
const DIRENV: Rules = Rules {
    is_space: |sign| matches!(sign, ' ' | '\t' | '\n' | '\u{c}' | '\r'),
    ends_bare: |sign| matches!(sign, ' ' | '\t' | '\u{c}' | '#'),
};

/// Ruby's dotenv; lines that don't fit are passed over.
pub(super) fn read_ruby(text: &str, surroundings: &Surroundings) -> Result<Vec<Entry>, ReadFault> {
    let mut earlier = Surroundings::new();
    let mut entries = Vec::new();
    for (at, line) in lines(text, text.strip_prefix('\u{feff}').map_or(0, |_| 3)) {
        let fault = |what: String| ReadFault::at(text, at, what);
        if let Some((key, place)) = assignment(line, &RUBY) {
            let spelled = line[place.clone()].trim_matches(|sign| sign == '\0' || (RUBY.is_space)(sign));
            let value = ruby_value(spelled, surroundings, &earlier).map_err(fault)?;
            earlier.insert(key.to_owned(), value.clone());
            let trimmed = line[place.clone()].trim_start_matches(RUBY.is_space);
            let start = at + place.end - trimmed.len();
            let end = start + trimmed.trim_end_matches(RUBY.is_space).len();
            entries.push(Entry::spelled(key, value, if start == end { at + place.start..at + place.start } else { start..end }));
        } else {
            let mut words = line.split(RUBY.is_space).filter(|word| !word.is_empty());
            if words.next() == Some("export") && !words.all(|name| earlier.contains_key(name)) {
                return Err(fault("an `export` of a variable that is not set".to_owned()));
            }
        }
    }
    Ok(entries)
}

fn ruby_value(spelled: &str, surroundings: &Surroundings, earlier: &Surroundings) -> Result<String, String> {
    let value = match enclosed(spelled) {
        Some(('\'', inside)) => return Ok(inside.to_owned()),
        Some((_, inside)) => unescape(inside),
        None => spelled.to_owned(),
    };
    ruby_commands(&ruby_variables(&value, |name| earlier.get(name).or_else(|| surroundings.get(name)))?)
}

/// `$NAME` and `${NAME`, with the `}` if it follows; a backslash before it is taken away and saves it.
fn ruby_variables<'a>(text: &str, lookup: impl Fn(&str) -> Option<&'a String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let before = &rest[..at];
        let behind = &rest[at + 1..];
        if behind.starts_with('(') {
            out.push_str(&rest[..at + 1]);
            rest = behind;
            continue;
        }
        let name = behind.strip_prefix('{').unwrap_or(behind);
        let length = name.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let after = name[length..].strip_prefix('}').unwrap_or(&name[length..]);
        let whole = &rest[at..rest.len() - after.len()];
        if let Some(before) = before.strip_suffix('\\') {
            out.push_str(before);
            out.push_str(whole);
        } else {
            out.push_str(before);
            out.push_str(if length == 0 { whole } else { lookup(&name[..length]).map_or("", String::as_str) });
            growth::of_value(&out)?;
        }
        rest = after;
    }
    Ok(out + rest)
}

fn ruby_commands(text: &str) -> Result<String, String> {
    if text.matches("$(").count() > command::MOST {
        return Err(command::TOO_MANY.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("$(") {
        let (before, behind) = (&rest[..at], &rest[at + 2..]);
        let Some(end) = balanced(behind).filter(|end| *end > 0) else {
            out.push_str(&rest[..at + 2]);
            rest = behind;
            continue;
        };
        match before.strip_suffix('\\') {
            Some(before) => {
                out.push_str(before);
                out.push_str(&rest[at..at + 2 + end + 1]);
            }
            None => {
                out.push_str(before);
                out.push_str(&command::output(&behind[..end])?);
            }
        }
        rest = &behind[end + 1..];
    }
    Ok(out + rest)
}

/// Where the parenthesis closes that is open before `text`.
fn balanced(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    text.bytes().position(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 0 => return true,
            b')' => depth -= 1,
            _ => {}
        }
        false
    })
}

/// direnv's `dotenv`; a line that doesn't fit refuses the whole file.
pub(super) fn read_direnv(text: &str, surroundings: &Surroundings) -> Result<Vec<Entry>, ReadFault> {
    let mut earlier = Surroundings::new();
    let mut entries = Vec::new();
    for (at, line) in lines(text, 0) {
        let rest = line.trim_start_matches(DIRENV.is_space);
        if rest.is_empty() || rest.starts_with('#') {
            continue;
        }
        let (key, place) = assignment(line, &DIRENV).ok_or_else(|| ReadFault::at(text, at, "a line that is no assignment"))?;
        let spelled = &line[place.clone()];
        let fault = |what: String| ReadFault::at(text, at, what);
        let value = match enclosed(spelled) {
            _ if spelled.len() <= 1 => spelled.to_owned(),
            Some(('\'', inside)) => inside.to_owned(),
            Some((_, inside)) => go_expand(&unescape(inside), surroundings, &earlier).map_err(fault)?,
            None => go_expand(spelled, surroundings, &earlier).map_err(fault)?,
        };
        earlier.insert(key.to_owned(), value.clone());
        entries.push(Entry::spelled(key, value, at + place.start..at + place.end));
    }
    Ok(entries)
}

/// Variables as Go's `os.Expand` finds them: `$1` and `$$` are names too.
fn go_expand(text: &str, surroundings: &Surroundings, earlier: &Surroundings) -> Result<String, String> {
    let is_special = |sign: char| sign.is_ascii_digit() || matches!(sign, '*' | '#' | '$' | '@' | '!' | '?' | '-');
    let lookup = |inside: &str| {
        let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
        let set = |name: &str| surroundings.get(name).filter(|value| !value.is_empty()).cloned();
        earlier.get(name).cloned().or_else(|| set(name)).unwrap_or_else(|| default.to_owned())
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let last_brace = text.rfind('}');
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let closes = last_brace.is_some_and(|last| last > text.len() - behind.len());
        if let Some(inside) = behind.strip_prefix('{') {
            let special = inside.chars().next().filter(|sign| is_special(*sign) && inside[1..].starts_with('}'));
            match (special, Some(inside).filter(|_| closes).and_then(|inside| inside.find('}'))) {
                (Some(_), _) => {
                    out.push_str(&lookup(&inside[..1]));
                    rest = &inside[2..];
                }
                (None, Some(0)) => rest = &inside[1..], // `${}` vanishes
                (None, Some(end)) => {
                    out.push_str(&lookup(&inside[..end]));
                    rest = &inside[end + 1..];
                }
                (None, None) => rest = inside, // and so does an open `${`
            }
        } else if behind.starts_with(is_special) {
            out.push_str(&lookup(&behind[..1]));
            rest = &behind[1..];
        } else {
            let length = behind.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            out.push_str(&if length == 0 { "$".to_owned() } else { lookup(&behind[..length]) });
            rest = &behind[length..];
        }
        growth::of_value(&out)?;
    }
    Ok(out + rest)
}

/// The lines and where they start; empty ones are left out.
fn lines(text: &str, start: usize) -> impl Iterator<Item = (usize, &str)> {
    let place = move |line: &str| line.as_ptr() as usize - text.as_ptr() as usize;
    text[start..].split(['\n', '\r']).filter(|line| !line.is_empty()).map(move |line| (place(line), line))
}

/// The key of a line, and where its value is spelled.
fn assignment<'a>(line: &'a str, rules: &Rules) -> Option<(&'a str, Range<usize>)> {
    let start = line.trim_start_matches(rules.is_space);
    let behind_export = start.strip_prefix("export").filter(|rest| rest.starts_with(rules.is_space));
    let places = behind_export.map(|rest| rest.trim_start_matches(rules.is_space)).into_iter().chain([start]);
    places.into_iter().find_map(|rest| {
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')).count();
        let (key, after) = rest.split_at(length);
        let value = match after.trim_start_matches(rules.is_space).strip_prefix('=') {
            Some(value) => value.trim_start_matches(rules.is_space),
            None => after.strip_prefix(':')?.strip_prefix(rules.is_space)?,
        };
        if key.is_empty() {
            return None;
        }
        let at = line.len() - value.len();
        value_length(value, rules)
            .map(|length| (key, at..at + length))
            .or_else(|| blank_value(line, at, rules).map(|at| (key, at)))
    })
}

/// How long the value is that `text` starts with, if only a comment follows it.
fn value_length(text: &str, rules: &Rules) -> Option<usize> {
    let quote = text.chars().next().filter(|sign| matches!(sign, '\'' | '"'));
    let closing = quote.and_then(|quote| {
        let ends = text[1..].match_indices(quote).map(|(at, _)| at + 2).collect::<Vec<_>>();
        ends.into_iter().rev().find(|end| is_tail(&text[*end..], rules))
    });
    let bare = text.find(rules.ends_bare).unwrap_or(text.len());
    closing.or(Some(bare).filter(|length| *length > 0 && is_tail(&text[*length..], rules)))
}

/// A value of blanks only, before a comment or the end, or behind more blanks than one (`K:  v`).
fn blank_value(line: &str, at: usize, rules: &Rules) -> Option<Range<usize>> {
    let rest = line[at..].trim_start_matches(rules.is_space);
    if rest.is_empty() || rest.starts_with('#') {
        return Some(at..at);
    }
    let at = line.len() - rest.len();
    value_length(rest, rules).map(|length| at..at + length)
}

fn is_tail(text: &str, rules: &Rules) -> bool {
    let text = text.trim_start_matches(rules.is_space);
    text.is_empty() || text.starts_with('#')
}

/// The quote around `text` and what is inside.
fn enclosed(text: &str) -> Option<(char, &str)> {
    let quote = text.chars().next().filter(|sign| matches!(sign, '\'' | '"'))?;
    Some((quote, text.strip_prefix(quote)?.strip_suffix(quote)?))
}

/// Double quotes: `\n`, `\r`, then every other backslash but that before `$` is dropped.
fn unescape(text: &str) -> String {
    let text = text.replace("\\n", "\n").replace("\\r", "\r");
    let mut out = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match signs.peek().filter(|_| sign == '\\') {
            Some('$') | None => out.push(sign),
            Some(_) => out.extend(signs.next()),
        }
    }
    out
}
