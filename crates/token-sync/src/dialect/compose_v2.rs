//! `.env` as Docker Compose 2 reads it (compose-go's dotenv).
//!
//! What it does with a value: single quotes are literal but for `\'`; double quotes know escapes and interpolate; a bare value
//! ends at ` #` or the line's end and interpolates, which is how it eats the `$` of a bcrypt line and still exits 0.

use std::ops::Range;

use super::{Entry, ReadFault, Surroundings};
use crate::interpolation;

/// What becomes of a value without a name.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Nameless {
    /// `.env`
    Dropped,
    /// `env_file:` hands it on.
    Kept,
}

pub(super) fn read(text: &str, surroundings: &Surroundings, nameless: Nameless) -> Result<Vec<Entry>, ReadFault> {
    let at = text.strip_prefix('\u{feff}').map_or(0, |_| '\u{feff}'.len_utf8());
    let mut reader = Reader { text, at, surroundings, nameless, earlier: Surroundings::new(), entries: Vec::new() };
    while reader.statement()? {}
    Ok(reader.entries)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    surroundings: &'a Surroundings,
    nameless: Nameless,
    earlier: Surroundings,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    /// Reads one statement; false at the end of the file.
    fn statement(&mut self) -> Result<bool, ReadFault> {
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_start().len();
            let rest = &self.text[self.at..];
            if !rest.starts_with('#') {
                break;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
        if self.at == self.text.len() {
            return Ok(false);
        }
        let after_export = self.text[self.at..].strip_prefix("export").filter(|rest| rest.starts_with(char::is_whitespace));
        if let Some(rest) = after_export {
            self.at = self.text.len() - rest.trim_start_matches(is_blank).len();
        }
        let (key, has_value) = self.key()?;
        if !has_value {
            let inherited = self.surroundings.get(&key).cloned();
            self.push(key, inherited, self.at..self.at, false);
            return Ok(true);
        }
        let start = self.at;
        let (value, end) = self.value()?;
        self.push(key, Some(value), start..end, true);
        Ok(true)
    }

    fn push(&mut self, key: String, value: Option<String>, span: Range<usize>, spelled: bool) {
        if key.is_empty() && (self.nameless == Nameless::Dropped || value.is_none()) {
            return;
        }
        if let Some(value) = &value {
            self.earlier.insert(key.clone(), value.clone());
        }
        self.entries.push(Entry { key, value, span, spelled });
    }

    /// The key, and whether a value follows (after `=` or `:`) rather than the line's end. What ends with the file instead is
    /// a value without a name.
    fn key(&mut self) -> Result<(String, bool), ReadFault> {
        let rest = &self.text[self.at..];
        let mut found = None;
        for (at, sign) in rest.char_indices() {
            if matches!(sign, '=' | ':' | '\n') {
                found = Some((at, sign != '\n'));
                break;
            }
            if !(is_blank(sign) || sign.is_alphanumeric() || matches!(sign, '_' | '.' | '-' | '[' | ']')) {
                return Err(self.fault(format!("unexpected character {sign:?} in a variable name")));
            }
        }
        let Some((end, has_value)) = found else {
            let is_bare_export = rest.is_empty();
            return if is_bare_export { Err(self.fault("an `export` of nothing".to_owned())) } else { Ok((String::new(), true)) };
        };
        let key = rest[..end].trim_end();
        if key.contains(' ') {
            return Err(self.fault("a variable name with a blank in it".to_owned()));
        }
        let key = key.to_owned();
        let after = rest.get(end + 1..).unwrap_or_default();
        self.at = self.text.len() - if has_value { after.trim_start_matches(is_blank).len() } else { after.len() };
        Ok((key, has_value))
    }

    /// The value at the cursor, and where its spelling ends.
    fn value(&mut self) -> Result<(String, usize), ReadFault> {
        let rest = &self.text[self.at..];
        let Some(quote) = rest.chars().next().filter(|sign| matches!(sign, '\'' | '"')) else {
            let line = rest.split('\n').next().unwrap_or_default();
            let bare = line.split(" #").next().unwrap_or_default().trim_end();
            let value = self.expand(bare)?;
            let end = self.at + bare.len();
            self.at += line.len();
            return Ok((value, end));
        };
        let mut value = String::new();
        let mut escaped = false;
        for (at, sign) in rest.char_indices().skip(1) {
            match sign {
                _ if sign == quote && escaped => (escaped, value) = (false, value + &sign.to_string()),
                _ if sign == quote => {
                    let value = if quote == '"' { self.expand(&unescape(&value))? } else { value };
                    self.at += at + 1;
                    return Ok((value, self.at));
                }
                '\\' if !escaped => escaped = true,
                _ => {
                    if std::mem::take(&mut escaped) {
                        value.push('\\');
                    }
                    value.push(sign);
                }
            }
        }
        Err(self.fault("a quoted value without its closing quote".to_owned()))
    }

    fn expand(&self, text: &str) -> Result<String, ReadFault> {
        interpolation::expand(text, self.surroundings, &self.earlier).map_err(|what| self.fault(what))
    }

    fn fault(&self, what: String) -> ReadFault {
        ReadFault::at(self.text, self.at, what)
    }
}

/// Blanks that don't end a statement.
fn is_blank(sign: char) -> bool {
    matches!(sign, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// The escapes of double quotes; `\$` becomes `$$`, which interpolation reads as a plain dollar.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            out.push(sign);
            continue;
        }
        let plain = match signs.peek() {
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            Some('\\') => '\\',
            Some('"') => '"',
            Some('$') => {
                out.push_str("$$");
                signs.next();
                continue;
            }
            _ => {
                out.push('\\');
                continue;
            }
        };
        out.push(plain);
        signs.next();
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(text: &str) -> Result<Vec<(String, Option<String>)>, usize> {
        read(text, &Surroundings::new(), Nameless::Dropped)
            .map(|entries| entries.into_iter().map(|entry| (entry.key, entry.value)).collect())
            .map_err(|fault| fault.line)
    }

    #[test]
    fn reads_as_compose_does() {
        let pairs = |list: &[(&str, &str)]| Ok(list.iter().map(|(k, v)| ((*k).to_owned(), Some((*v).to_owned()))).collect());
        let cases: [(&str, Result<Vec<_>, usize>); 16] = [
            ("X=1\n# c\n\nY='a b' # c\n", pairs(&[("X", "1"), ("Y", "a b")])),
            ("export X=1\r\nY: 2\r\n", pairs(&[("X", "1"), ("Y", "2")])),
            ("X=v#c # cut\n", pairs(&[("X", "v#c")])),
            ("X='a\\'b\\\\n'\n", pairs(&[("X", "a'b\\\\n")])),
            ("X=\"a\\n\\$b\"\n", pairs(&[("X", "a\n$b")])),
            ("A=1\nX=${A}2\n", pairs(&[("A", "1"), ("X", "12")])),
            ("\u{feff}X=1\n", pairs(&[("X", "1")])),
            ("T=$2b$12$cE4F9.SXf\n", pairs(&[("T", "$2b$12.SXf")])),
            ("T='$2b$12$cE4F9.SXf'\n", pairs(&[("T", "$2b$12$cE4F9.SXf")])),
            ("X\n", Ok(vec![("X".to_owned(), None)])),
            ("a b\n", Err(1)),
            // What ends with the file instead of `=` or a line end is a value without a name.
            ("X=1\nY", pairs(&[("X", "1")])),
            ("X=1\nexport Y", pairs(&[("X", "1")])),
            ("X=1\nexport ", Err(2)),
            ("export \nX=$$1\n", pairs(&[("X", "$1")])),
            ("X=1\nY='open\n", Err(2)),
        ];
        for (text, expected) in cases {
            assert_eq!(seen(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_env_file_hands_on_what_has_no_name() {
        let entries = read("export \nX=1\nexport a b ", &Surroundings::new(), Nameless::Kept).unwrap();
        assert_eq!((entries[1].key.as_str(), entries[1].value.as_deref()), ("", Some("a b")));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "(\\PC|\n){0,120}") {
            let _ = read(&text, &Surroundings::new(), Nameless::Kept);
        }
    }
}
