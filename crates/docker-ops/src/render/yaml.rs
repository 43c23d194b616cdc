//! The little of YAML that is written here, so that every reader reads the same: YAML 1.1 (Compose 1) and 1.2 (Compose 2) alike.

use std::fmt::{self, Write};

/// A document that grows line by line.
pub(super) struct Yaml {
    text: String,
    depth: usize,
}

impl Yaml {
    /// A document that begins with `head`, each of its lines a comment.
    pub(super) fn new(head: &str) -> Self {
        let lines = head.lines().map(|line| if line.is_empty() { "#\n".to_owned() } else { format!("# {line}\n") });
        Yaml { text: lines.collect(), depth: 0 }
    }

    /// `key: value`, the value as it is: a number, or a word of ours that no reader takes for something else.
    pub(super) fn plain(&mut self, key: &str, value: impl fmt::Display) {
        self.line(&format!("{key}: {value}"));
    }

    /// `key: "value"`.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.plain(key, quoted(value));
    }

    /// `key: ["value", …]` on one line; nothing if there is none.
    pub(super) fn list<'a>(&mut self, key: &str, values: impl IntoIterator<Item = &'a String>) {
        let values: Vec<String> = values.into_iter().map(|value| quoted(value)).collect();
        if !values.is_empty() {
            self.plain(key, format_args!("[{}]", values.join(", ")));
        }
    }

    /// What `inside` writes, under `key`.
    pub(super) fn map(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("{key}:"));
        self.deeper(inside);
    }

    /// An entry of a list: the keys that `inside` writes.
    pub(super) fn entry(&mut self, inside: impl FnOnce(&mut Self)) {
        let start = self.text.len();
        self.deeper(inside);
        let dash = start + self.depth * 2;
        self.text.replace_range(dash..dash + 2, "- ");
    }

    /// An entry of a list that is a text.
    pub(super) fn item(&mut self, value: &str) {
        self.line(&format!("- {}", quoted(value)));
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    fn deeper(&mut self, inside: impl FnOnce(&mut Self)) {
        self.depth += 1;
        inside(self);
        self.depth -= 1;
    }

    fn line(&mut self, line: &str) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// A text in double quotes. What is not visible ASCII, or a letter, is escaped: readers disagree about the rest.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for sign in text.chars() {
        match (sign, u32::from(sign)) {
            ('"' | '\\', _) => quoted.extend(['\\', sign]),
            ('\n', _) => quoted.push_str("\\n"),
            ('\t', _) => quoted.push_str("\\t"),
            (' '..='~', _) => quoted.push(sign),
            (_, code @ ..=0xff) => drop(write!(quoted, "\\x{code:02x}")),
            (_, 0x100..=0xffff) if sign.is_alphanumeric() => quoted.push(sign),
            (_, code @ ..=0xffff) => drop(write!(quoted, "\\u{code:04x}")),
            (_, code) => drop(write!(quoted, "\\U{code:08x}")),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_is_read_back(text in any::<String>()) {
            let read: String = serde_norway::from_str(&quoted(&text)).unwrap();
            prop_assert_eq!(read, text);
        }
    }

    #[test]
    fn what_readers_take_for_something_else_stays_text() {
        for text in [
            "no", "1_000", "12:30:45", "~", "0o7", "", " ", "&a", "*a", "- x", "a: b", "#", "é", "\u{85}", "\u{2028}",
            "\u{feff}", "😀",
        ] {
            let mut yaml = Yaml::new("");
            yaml.map("a", |yaml| yaml.entry(|yaml| yaml.text("b", text)));
            let read: serde_norway::Value = serde_norway::from_str(&yaml.finish()).unwrap();
            assert_eq!(read["a"][0]["b"], serde_norway::Value::String(text.to_owned()), "{text:?}");
        }
    }
}
