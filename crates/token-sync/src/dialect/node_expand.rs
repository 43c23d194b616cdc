//! What replaces `$NAME` and `$(command)` after npm's dotenv: dotenv-expand, which no longer sees the quotes, and dotenvx,
//! which leaves single quotes alone.

use crate::growth;
use std::collections::HashMap;

use super::{
    Entry, ReadFault, Surroundings, command, javascript,
    node_dotenv::{Spelled, statements},
};

/// A value that grows with every replacement would never end; the real readers hang.
const ROUNDS: usize = 1000;

/// dotenv, then dotenv-expand.
pub(super) fn read_expanded(text: &str, surroundings: &Surroundings) -> Result<Vec<Entry>, ReadFault> {
    let mut earlier = Surroundings::new();
    let plain = super::node_dotenv::read(text);
    let mut entries = Vec::with_capacity(plain.len());
    // The expander takes dotenv's finished table: a repeated key keeps its first place and its last value.
    let last: HashMap<&str, &str> =
        plain.iter().map(|entry| (entry.key.as_str(), entry.value.as_deref().unwrap_or_default())).collect();
    for entry in &plain {
        let at = |what: String| ReadFault::at(text, entry.span.start, what);
        if let Some(value) = earlier.get(&entry.key) {
            entries.push(Entry { value: Some(value.clone()), ..entry.clone() });
            continue;
        }
        let value = last.get(entry.key.as_str()).copied().unwrap_or_default();
        let value = expand(value, surroundings, &earlier, &Surroundings::new()).map_err(at)?;
        let value = evaluate(&value).map_err(at)?.replace("\\$", "$");
        earlier.insert(entry.key.clone(), value.clone());
        entries.push(Entry { value: Some(value), ..entry.clone() });
    }
    Ok(entries)
}

/// dotenvx.
pub(super) fn read_dotenvx(text: &str, surroundings: &Surroundings) -> Result<Vec<Entry>, ReadFault> {
    let (mut earlier, mut literals) = (Surroundings::new(), Surroundings::new());
    let mut entries = Vec::new();
    for spelled in statements(text) {
        let value = dotenvx_value(&spelled, surroundings, &earlier, &literals)
            .map_err(|what| ReadFault::at(text, spelled.span.start, what))?;
        if spelled.quote() == Some('\'') {
            literals.insert(spelled.key.clone(), value.clone());
        }
        earlier.insert(spelled.key.clone(), value.clone());
        entries.push(Entry::spelled(&spelled.key, value, spelled.span));
    }
    Ok(entries)
}

fn dotenvx_value(
    spelled: &Spelled,
    surroundings: &Surroundings,
    earlier: &Surroundings,
    literals: &Surroundings,
) -> Result<String, String> {
    let plain = match spelled.quote() {
        Some('\'') => return Ok(spelled.unquoted().replace("\\'", "'")),
        Some('"') => spelled.unquoted().replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t"),
        _ => spelled.unquoted().to_owned(),
    };
    let evaluated = evaluate(&plain)?;
    if evaluated != plain {
        return Ok(evaluated); // what a command says is not expanded again
    }
    Ok(expand(&plain, surroundings, earlier, literals)?.replace("\\$", "$"))
}

/// `text` with its variables replaced, again and again from the start, until none is left.
fn expand(text: &str, surroundings: &Surroundings, earlier: &Surroundings, literals: &Surroundings) -> Result<String, String> {
    let lookup = |name: &str| surroundings.get(name).or_else(|| earlier.get(name));
    let mut text = text.to_owned();
    for _ in 0..ROUNDS {
        let Some((found, inside)) = first_variable(&text) else { return Ok(text) };
        let operator = [":+", "+", ":-", "-"].into_iter().filter_map(|sign| Some((inside.find(sign)?, sign)));
        let operator = operator.min_by_key(|(at, sign)| (*at, usize::MAX - sign.len()));
        let (name, word) = operator.map_or((inside, ""), |(at, sign)| (&inside[..at], &inside[at + sign.len()..]));
        let value = lookup(name);
        let filled = value.filter(|value| !value.is_empty());
        let replacement = match operator.map(|(_, sign)| sign) {
            Some(":-") => filled.map_or(word, String::as_str),
            Some("-") => value.map_or(word, String::as_str),
            Some(":+") => filled.map_or("", |_| word),
            Some("+") => value.map_or("", |_| word),
            _ => value.map_or("", String::as_str),
        };
        let is_literal = literals.get(name).is_some_and(|value| names_a_variable(value));
        let next = javascript::replace_first(&text, found, replacement);
        let is_done = value == Some(&next) || is_literal;
        text = next;
        if is_done {
            return Ok(text);
        }
        growth::of_value(&text)?;
    }
    Err("a value that expands without end".to_owned())
}

/// The first `${…}` without a brace in it or `$NAME` that no backslash precedes: the whole, and what is between the braces.
fn first_variable(text: &str) -> Option<(&str, &str)> {
    text.match_indices('$').filter(|(at, _)| !text[..*at].ends_with('\\')).find_map(|(at, _)| {
        let rest = &text[at + 1..];
        if let Some(inside) = rest.strip_prefix('{') {
            let end = inside.find(['{', '}']).filter(|end| *end > 0 && inside[*end..].starts_with('}'))?;
            return Some((&text[at..at + 1 + end + 2], &inside[..end]));
        }
        let length = name_length(rest);
        (length > 0).then(|| (&text[at..=at + length], &rest[..length]))
    })
}

/// Whether a single-quoted value of before reads like something to expand.
fn names_a_variable(value: &str) -> bool {
    value.match_indices('$').any(|(at, _)| {
        let rest = &value[at + 1..];
        name_length(rest) > 0 || rest.strip_prefix('{').and_then(|inside| inside.find('}')).is_some_and(|end| end > 0)
    })
}

fn name_length(text: &str) -> usize {
    if !text.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_') {
        return 0;
    }
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// `text` with each `$(command)` replaced by what the command says.
fn evaluate(text: &str) -> Result<String, String> {
    if text.matches("$(").count() > command::MOST {
        return Err(command::TOO_MANY.to_owned());
    }
    let mut out = text.to_owned();
    let mut at = 0;
    while let Some(start) = text[at..].find("$(").map(|found| at + found) {
        let Some(end) = command::closing(&text[start + 2..]).map(|length| start + 2 + length) else {
            at = start + 2;
            continue;
        };
        let said = command::output(&text[start + 2..end])?;
        out = javascript::replace_first(&out, &text[start..=end], &said);
        at = end + 1;
    }
    Ok(out)
}
