//! Docker Compose's interpolation: `$NAME`, `${NAME}`, `${NAME:-default}` and its kin, `$$` for a plain dollar.

use crate::{Surroundings, growth};

/// How deep `${…}` may be nested.
const DEEPEST: usize = 20;

/// `text` with its variables replaced, first from `surroundings`, then from `earlier` keys of the same file. An unset
/// variable is empty.
///
/// # Errors
/// What is wrong with a `${…}`, without quoting its content.
pub(crate) fn expand(text: &str, surroundings: &Surroundings, earlier: &Surroundings) -> Result<String, String> {
    let lookup = |name: &str| surroundings.get(name).or_else(|| earlier.get(name));
    expand_with(text, &lookup)
}

fn expand_with<'a>(text: &str, lookup: &dyn Fn(&str) -> Option<&'a String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inside) = rest.strip_prefix('{') {
            let end = closing_brace(inside).ok_or("a `${` without its `}`")?;
            out.push_str(&expand_braced(&inside[..end], lookup)?);
            growth::of_value(&out)?;
            rest = &inside[end + 1..];
        } else {
            let name = &rest[..name_length(rest)];
            if name.is_empty() {
                out.push('$'); // `$` before what starts no name stays as it is
            } else {
                out.push_str(lookup(name).map_or("", String::as_str));
                growth::of_value(&out)?;
                rest = &rest[name.len()..];
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The same as Docker Compose 1 does it in compose.yaml: stricter, and a default is taken as it stands.
///
/// # Errors
/// A `$` that starts no variable.
pub(crate) fn expand_v1(text: &str, surroundings: &Surroundings) -> Result<String, String> {
    let invalid = || "a `$` that starts no variable; a plain one is written `$$`".to_owned();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let inside = rest.strip_prefix('{');
        let name_at = inside.unwrap_or(rest);
        let name = &name_at[..name_length(name_at)];
        let value = surroundings.get(name);
        if name.is_empty() {
            return Err(invalid());
        }
        rest = &name_at[name.len()..];
        if inside.is_none() {
            out.push_str(value.map_or("", String::as_str));
            continue;
        }
        let (operator, after) = rest.split_once('}').ok_or_else(invalid)?;
        rest = after;
        let (filled, sign) = match operator.strip_prefix(':') {
            Some(sign) => (value.filter(|value| !value.is_empty()), sign),
            None => (value, operator),
        };
        match (operator, sign.split_at_checked(1)) {
            ("", _) => out.push_str(value.map_or("", String::as_str)),
            (_, Some(("-", default))) => out.push_str(filled.map_or(default, String::as_str)),
            (_, Some(("?", _))) => {
                out.push_str(filled.ok_or_else(|| format!("the required variable `{name}` is not set"))?);
            }
            _ => return Err(invalid()),
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// What stands for `${inside}`.
fn expand_braced<'a>(inside: &str, lookup: &dyn Fn(&str) -> Option<&'a String>) -> Result<String, String> {
    let name = &inside[..name_length(inside)];
    let operator = &inside[name.len()..];
    if operator.matches("${").count() > DEEPEST {
        return Err("a `${…}` that is nested too deep".to_owned());
    }
    if name.is_empty() {
        return Err("a `${…}` without a name".to_owned());
    }
    let value = lookup(name);
    let filled = value.filter(|value| !value.is_empty());
    let word = |prefix: &str| expand_with(&operator[prefix.len()..], lookup);
    let plain = |value: Option<&String>| value.cloned().unwrap_or_default();
    Ok(match operator {
        "" => plain(value),
        _ if operator.starts_with(":-") => filled.cloned().map_or_else(|| word(":-"), Ok)?,
        _ if operator.starts_with('-') => value.cloned().map_or_else(|| word("-"), Ok)?,
        _ if operator.starts_with(":+") => filled.map_or_else(|| Ok(String::new()), |_| word(":+"))?,
        _ if operator.starts_with('+') => value.map_or_else(|| Ok(String::new()), |_| word("+"))?,
        _ if operator.starts_with(":?") => filled.cloned().ok_or_else(|| format!("the required variable `{name}` is not set"))?,
        _ if operator.starts_with('?') => value.cloned().ok_or_else(|| format!("the required variable `{name}` is not set"))?,
        _ => return Err("a `${…}` that is no variable".to_owned()),
    })
}

/// The length of the name that `text` starts with: a letter or `_`, then letters, digits and `_`, all ASCII.
fn name_length(text: &str) -> usize {
    let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if starts { text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count() } else { 0 }
}

/// Where the `}` stands that closes a `${` before `text`.
fn closing_brace(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes[at - 1] == b'$' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_compose_does() {
        let set = Surroundings::from([("A".to_owned(), "1".to_owned()), ("E".to_owned(), String::new())]);
        let cases = [
            ("$A", Ok("1")),
            ("${A}b", Ok("1b")),
            ("$$A", Ok("$A")),
            ("$NO/x", Ok("/x")),
            ("${NO:-d}", Ok("d")),
            ("${E:-d}|${E-d}", Ok("d|")),
            ("${A:+y}${NO:+y}", Ok("y")),
            ("${NO:-${A}2}", Ok("12")),
            ("$2b$12$abc", Ok("$2b$12")),
            ("$(cmd) $", Ok("$(cmd) $")),
            ("${NO:?tell}", Err("the required variable `NO` is not set")),
            ("${A", Err("a `${` without its `}`")),
            ("${}", Err("a `${…}` without a name")),
            ("${A!}", Err("a `${…}` that is no variable")),
        ];
        for (text, expected) in cases {
            let got = expand(text, &set, &Surroundings::new());
            assert_eq!(got.as_deref().map_err(String::as_str), expected, "{text}");
        }
    }
}
