//! `.env` as Docker Compose 2 reads it (compose-go's dotenv).
//!
//! What it does with a value: single quotes are literal but for `\'`; double quotes know escapes and interpolate; a bare value
//! ends at ` #` or the line's end and interpolates, which is how it eats the `$` of a bcrypt line and still exits 0.

use std::ops::Range;

use super::{Entry, ReadFault, Surroundings};
use crate::{Error, ErrorKind, env_edit, interpolation};

pub(super) fn read(bytes: &[u8], surroundings: &Surroundings) -> Result<Vec<Entry>, ReadFault> {
    // Compose itself passes such bytes through; no token has one, and a value that can't be shown can't be compared.
    let text = std::str::from_utf8(bytes).map_err(|error| ReadFault {
        line: bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1,
        what: "bytes that are not UTF-8".to_owned(),
    })?;
    let mut reader = Reader { text, at: 0, surroundings, earlier: Surroundings::new(), entries: Vec::new() };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    while reader.statement()? {}
    Ok(reader.entries)
}

pub(super) fn write(old: &[u8], key: &str, value: &str) -> Result<Vec<u8>, Error> {
    let spelled = spell(value)?;
    let entries = read(old, &Surroundings::new()).map_err(|fault| {
        Error::new(ErrorKind::Syntax, format!("its reader refuses the file: {fault}"))
            .hint("mend that line, or move the file away")
    })?;
    Ok(env_edit::set(old, &entries, key, &spelled))
}

/// The one spelling that comes out unchanged.
fn spell(value: &str) -> Result<String, Error> {
    if value.contains(['\'', '\\', '\n', '\r', '\0']) {
        return Err(Error::new(
            ErrorKind::Unwritable,
            "a value with quotes, backslashes or line ends has no single-quoted spelling",
        ));
    }
    Ok(format!("'{value}'"))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    surroundings: &'a Surroundings,
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
        if key.is_empty() {
            return; // Compose drops a value without a name
        }
        if let Some(value) = &value {
            self.earlier.insert(key.clone(), value.clone());
        }
        self.entries.push(Entry { key, value, span, spelled });
    }

    /// The key, and whether a value follows (after `=` or `:`) rather than the line's end.
    fn key(&mut self) -> Result<(String, bool), ReadFault> {
        let rest = &self.text[self.at..];
        let mut end = rest.len();
        let mut has_value = false;
        for (at, sign) in rest.char_indices() {
            if matches!(sign, '=' | ':' | '\n') {
                (end, has_value) = (at, sign != '\n');
                break;
            }
            if !(is_blank(sign) || sign.is_alphanumeric() || matches!(sign, '_' | '.' | '-' | '[' | ']')) {
                return Err(self.fault(format!("unexpected character {sign:?} in a variable name")));
            }
        }
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
        ReadFault { line: self.text[..self.at].matches('\n').count() + 1, what }
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
        read(text.as_bytes(), &Surroundings::new())
            .map(|entries| entries.into_iter().map(|entry| (entry.key, entry.value)).collect())
            .map_err(|fault| fault.line)
    }

    #[test]
    fn reads_as_compose_does() {
        let pairs = |list: &[(&str, &str)]| Ok(list.iter().map(|(k, v)| ((*k).to_owned(), Some((*v).to_owned()))).collect());
        let cases: [(&str, Result<Vec<_>, usize>); 12] = [
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
            ("X=1\nY='open\n", Err(2)),
        ];
        for (text, expected) in cases {
            assert_eq!(seen(text), expected, "{text:?}");
        }
    }

    #[test]
    fn writes_change_the_value_and_nothing_else() {
        let cases = [
            ("", "T='v'\n"),
            ("A=1", "A=1\nT='v'\n"),
            ("# top\r\nT = old # why\r\nB=2\r\n", "# top\r\nT = 'v' # why\r\nB=2\r\n"),
            ("T=\"x\ny\"\nB=2\n", "T='v'\nB=2\n"),
            ("T=1\nA=$T\nT=2\n", "T='v'\nA=$T\nT='v'\n"),
            ("export T=\n", "export T='v'\n"),
            ("# T=comment\n", "# T=comment\nT='v'\n"),
            ("A=1\r\n", "A=1\r\nT='v'\r\n"),
        ];
        for (old, new) in cases {
            assert_eq!(String::from_utf8(write(old.as_bytes(), "T", "v").unwrap()).unwrap(), new, "{old:?}");
        }
        assert_eq!(write(b"a b\n", "T", "v").unwrap_err().kind(), ErrorKind::Syntax);
        for unwritable in ["it's", "a\\b", "a\nb"] {
            assert_eq!(write(b"", "T", unwritable).unwrap_err().kind(), ErrorKind::Unwritable);
        }
    }

    proptest! {
        #[test]
        fn a_written_value_reads_back(value in "[ -&(-\\[\\]-~]{0,80}", before in "(A=1\n|# c\n|B='x y'\n){0,3}") {
            let written = write(before.as_bytes(), "T", &value).unwrap();
            let entries = read(&written, &Surroundings::new()).unwrap();
            prop_assert_eq!(entries.last().unwrap().value.as_deref(), Some(&*value));
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "(\\PC|\n){0,120}") {
            let _ = read(text.as_bytes(), &Surroundings::new());
        }
    }
}
