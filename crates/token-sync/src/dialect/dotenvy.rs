//! `.env` as the Rust crate dotenvy reads it: lines are joined while a quote is open, then each must fit or the whole file is
//! refused. `$NAME` takes letters and digits only.

use super::{Entry, ReadFault, Surroundings};
use crate::growth;

pub(super) fn read(text: &str, surroundings: &Surroundings) -> Result<Vec<Entry>, ReadFault> {
    let mut earlier = Surroundings::new();
    let mut entries = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (line, length) = joined_line(&text[at..]).map_err(|what| ReadFault::at(text, at, what))?;
        let fault = |what: &str| ReadFault::at(text, at, what);
        let line = line.trim_end();
        let rest = line.trim_start();
        if !rest.is_empty() && !rest.starts_with('#') {
            let (key, rest) = assignment(rest).ok_or_else(|| fault("a line that is no assignment"))?;
            let start = at + line.len() - rest.len();
            if rest.is_empty() || rest.starts_with('#') {
                earlier.remove(key);
                entries.push(Entry::spelled(key, "", start..start));
            } else {
                let (value, length) = value(rest, surroundings, &earlier).map_err(|what| ReadFault::at(text, at, what))?;
                earlier.insert(key.to_owned(), value.clone());
                entries.push(Entry::spelled(key, value, start..start + length));
            }
        }
        at += length;
    }
    Ok(entries)
}

/// The key, and what stands behind `=`.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let name = |text: &'_ str| {
        let starts = text.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_');
        let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')).count();
        starts.then_some(length)
    };
    let (key, rest) = line.split_at(name(line)?);
    if let Some(rest) = rest.trim_start().strip_prefix('=') {
        return Some((key, rest.trim_start()));
    }
    let rest = rest.trim_start();
    let (key, rest) = rest.split_at(name(rest).filter(|_| key == "export")?);
    Some((key, rest.trim_start().strip_prefix('=')?.trim_start()))
}

/// Where a line stands that may go on in the next.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    Nothing,
    Blank,
    Escape,
    Quote(char),
    QuoteEscape(char),
}

/// The next line, with those that a quote, an escape or a blank at its end joins to it, and without its comment; and how many
/// bytes all that takes.
fn joined_line(text: &str) -> Result<(&str, usize), &'static str> {
    let mut open = Open::Nothing;
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        let start = length;
        length += line.len();
        if text[..length].trim_start().starts_with('#') {
            return Ok(("", length));
        }
        for (at, sign) in line.char_indices() {
            open = match (open, sign) {
                (Open::Blank, '#') => return Ok((&text[..start + at], length)),
                (Open::Quote(quote), _) if sign == quote => Open::Nothing,
                (Open::Quote(quote), '\\') => Open::QuoteEscape(quote),
                (Open::Quote(quote) | Open::QuoteEscape(quote), _) => Open::Quote(quote),
                (Open::Escape, _) => Open::Nothing,
                (Open::Nothing | Open::Blank, '\\') => Open::Escape,
                (Open::Nothing | Open::Blank, '\'' | '"') => Open::Quote(sign),
                (Open::Nothing, _) if sign.is_whitespace() && !matches!(sign, '\n' | '\r') => Open::Blank,
                (Open::Nothing | Open::Blank, _) => Open::Nothing,
            };
        }
        if open == Open::Nothing {
            return Ok((&text[..length], length));
        }
    }
    Err("a quote, an escape or a blank that the file's end leaves open")
}

/// The value that `text` starts with, and how long its spelling is.
fn value(text: &str, surroundings: &Surroundings, earlier: &Surroundings) -> Result<(String, usize), String> {
    let lookup = |name: &str| surroundings.get(name).or_else(|| earlier.get(name)).map_or("", String::as_str);
    let mut out = String::new();
    let mut quote = None;
    let mut next = 0;
    while let Some(sign) = text[next..].chars().next() {
        let at = next;
        next += sign.len_utf8();
        match (quote, sign) {
            (Some('\''), '\'') => quote = None,
            (Some('\''), _) => out.push(sign),
            (_, '$') => {
                let (name, length) = variable(&text[next..])?;
                out.push_str(lookup(name));
                growth::of_value(&out)?;
                let is_braced = text[next..].starts_with('{');
                next += length;
                // The sign that ends a bare name is taken as it stands, a quote or a blank too.
                if let Some(ender) = text[next..].chars().next().filter(|sign| !is_braced && *sign != '$') {
                    out.push(ender);
                    next += ender.len_utf8();
                }
            }
            (_, '\\') => {
                match text[next..].chars().next() {
                    Some(plain @ ('\\' | '\'' | '"' | '$' | ' ')) => out.push(plain),
                    Some('n') => out.push('\n'),
                    Some(_) => return Err("an escape that the reader doesn't know".to_owned()),
                    None => break,
                }
                next += 1;
            }
            (Some('"'), '"') => quote = None,
            (Some(_), _) => out.push(sign),
            (None, '\'' | '"') => quote = Some(sign),
            (None, ' ' | '\t') => {
                let tail = text[at..].trim_start_matches([' ', '\t']);
                return if tail.is_empty() || tail.starts_with('#') {
                    Ok((out, at))
                } else {
                    Err("a value with a blank in it".to_owned())
                };
            }
            (None, _) => out.push(sign),
        }
    }
    if quote.is_some() { Err("a quote that is not closed".to_owned()) } else { Ok((out, text.len())) }
}

/// The name behind a `$`, and how many bytes it takes with its braces.
fn variable(text: &str) -> Result<(&str, usize), &'static str> {
    match text.strip_prefix('{') {
        Some(inside) => {
            let end = inside.find('}').ok_or("a `${` without its `}`")?;
            Ok((&inside[..end], end + 2))
        }
        None => {
            let length = text.find(|sign: char| !sign.is_alphanumeric()).unwrap_or(text.len());
            Ok((&text[..length], length))
        }
    }
}
