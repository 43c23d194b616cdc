//! `node --env-file`. Node 20 glues a line without `=` to the next key and gives up at a line without a name; Node 24 passes
//! over both. Every carriage return is dropped before anything else.

use super::Entry;

/// Whose rules.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Release {
    Node20,
    Node24,
}

/// The text without its carriage returns, and where each byte of it was.
struct Cleaned {
    text: String,
    was_at: Vec<usize>,
}

pub(super) fn read(text: &str, release: Release) -> Vec<Entry> {
    let kept = text.char_indices().filter(|(_, sign)| *sign != '\r');
    let mut cleaned = Cleaned { text: String::with_capacity(text.len()), was_at: Vec::with_capacity(text.len() + 1) };
    for (at, sign) in kept {
        cleaned.text.push(sign);
        cleaned.was_at.extend(at..at + sign.len_utf8());
    }
    cleaned.was_at.push(text.len());
    Reader { cleaned: &cleaned, rest: &cleaned.text, release, entries: Vec::new() }.read()
}

struct Reader<'a> {
    cleaned: &'a Cleaned,
    rest: &'a str,
    release: Release,
    entries: Vec<Entry>,
}

impl<'a> Reader<'a> {
    fn read(mut self) -> Vec<Entry> {
        self.skip_blank();
        while !self.rest.is_empty() {
            if self.rest.starts_with(['\n', '#']) && (self.release == Release::Node24 || self.rest.contains('\n')) {
                self.skip_line();
                continue;
            }
            let equals = self.rest.find('=');
            let line_end = self.rest.find('\n');
            let is_far = self.release == Release::Node24 && line_end.is_some_and(|end| equals.is_none_or(|at| at > end));
            let Some(equals) = equals.filter(|_| !is_far) else {
                self.skip_line();
                if self.release == Release::Node24 {
                    self.skip_blank();
                }
                continue;
            };
            let spelled = &self.rest[..equals];
            let mut key = self.trimmed(spelled);
            if key.is_empty() && !spelled.is_empty() && self.release == Release::Node20 {
                key = "\n"; // it steps back over the line end before a name of blanks only
            }
            self.rest = &self.rest[equals + 1..];
            if self.release == Release::Node24 && (self.rest.is_empty() || self.rest.starts_with('\n')) {
                let at = self.rest;
                self.push(key, "", &at[..0]);
                continue;
            }
            let before = self.rest;
            self.skip_blank();
            if key.is_empty() {
                match self.release {
                    Release::Node20 => break,
                    Release::Node24 => continue,
                }
            }
            let key = match key.strip_prefix("export ") {
                Some(key) if self.release == Release::Node24 => self.trimmed(key),
                Some(key) => key,
                None => key,
            };
            if self.rest.is_empty() {
                self.push(key, "", &before[..0]);
                break;
            }
            self.value(key, before);
        }
        self.entries
    }

    /// The value at the cursor, and on to the next statement. `before` is the text right behind the `=`.
    fn value(&mut self, key: &str, before: &'a str) {
        let here = self.rest;
        let quote = here.chars().next().filter(|sign| matches!(sign, '\'' | '"' | '`'));
        if let Some(quote) = quote {
            if let Some(end) = here[1..].find(quote) {
                let inside = &here[1..=end];
                let value = if quote == '"' { inside.replace("\\n", "\n") } else { inside.to_owned() };
                self.push(key, &value, &here[..end + 2]);
                self.rest = &here[end + 2..];
                self.skip_line();
                return; // blanks before the next statement stay
            }
            match here.find('\n') {
                Some(end) => {
                    self.push(key, &here[..end], &here[..end]);
                    self.rest = &here[end + 1..];
                }
                None if self.release == Release::Node24 => {
                    self.push(key, here, here);
                    self.rest = &here[here.len()..];
                }
                None => {}
            }
        } else {
            let line = here.split('\n').next().unwrap_or_default();
            let value = self.trimmed(line.split('#').next().unwrap_or_default());
            self.push(key, value, if value.is_empty() { &before[..0] } else { value });
            self.skip_line();
        }
        if self.release == Release::Node24 {
            self.skip_blank();
        }
    }

    /// `place` is a part of the cleaned text. The environment takes the value up to a NUL.
    fn push(&mut self, key: &str, value: &str, place: &'a str) {
        let start = place.as_ptr() as usize - self.cleaned.text.as_ptr() as usize;
        let end = start + place.len();
        // The end is the last byte's end, so that a carriage return behind it is not part of the value.
        let was_at = |at: usize| self.cleaned.was_at[at];
        let end = if end > start { was_at(end - 1) + 1 } else { was_at(start) };
        let seen = value.split('\0').next().unwrap_or_default();
        self.entries.push(Entry::spelled(key, seen, was_at(start)..end));
    }

    fn skip_line(&mut self) {
        let length = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
        self.rest = &self.rest[length..];
    }

    /// The real reader trims both ends of all that is left.
    fn skip_blank(&mut self) {
        self.rest = self.trimmed(self.rest);
    }

    fn trimmed<'t>(&self, text: &'t str) -> &'t str {
        text.trim_matches(self.blanks())
    }

    fn blanks(&self) -> &'static [char] {
        match self.release {
            Release::Node20 => &[' '],
            Release::Node24 => &[' ', '\t', '\n'],
        }
    }
}
