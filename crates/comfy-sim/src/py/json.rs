//! `json.dumps` to the byte: `", "` and `": "` between the parts, ASCII only, floats as Python writes them.

mod read;

use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};
use serde_json::{Number, Value};

pub(crate) use read::{DIGITS, as_beyond, integer_of, loads, of_float};

/// `json.dumps(value)`.
pub(crate) fn dumps<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = Vec::with_capacity(256);
    let mut marked = false;
    let mut serializer = Serializer::with_formatter(&mut out, Python { marked: &mut marked });
    // What is written has string keys only and a `Vec` takes every write, so neither can fail.
    let written = value.serialize(&mut serializer);
    debug_assert!(written.is_ok(), "a JSON value always has a text");
    let text = String::from_utf8(out).unwrap_or_default();
    if marked { unmarked(&text) } else { text }
}

/// The text with numbers in place of the texts that stand for them.
fn unmarked(text: &str) -> String {
    let mark = format!("\"{}", read::WRITTEN_MARK);
    let mut parts = text.split(&mark);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(&part.replacen('"', "", 1));
    }
    out
}

/// `json.dumps(value, indent=4)`.
pub(crate) fn dumps_indented(value: &Value) -> String {
    let mut out = String::new();
    indented(value, 0, &mut out);
    out
}

fn indented(value: &Value, depth: usize, out: &mut String) {
    let mut parts = |marks: [&str; 2], parts: Vec<(Option<&String>, &Value)>| {
        out.push_str(marks[0]);
        for (at, (key, part)) in parts.into_iter().enumerate() {
            out.push_str(if at == 0 { "\n" } else { ",\n" });
            out.push_str(&"    ".repeat(depth + 1));
            if let Some(key) = key {
                out.push_str(&dumps(&Value::from(key.as_str())));
                out.push_str(": ");
            }
            indented(part, depth + 1, out);
        }
        out.push('\n');
        out.push_str(&"    ".repeat(depth));
        out.push_str(marks[1]);
    };
    match value {
        Value::Object(map) if !map.is_empty() => parts(["{", "}"], map.iter().map(|(key, part)| (Some(key), part)).collect()),
        Value::Array(list) if !list.is_empty() => parts(["[", "]"], list.iter().map(|part| (None, part)).collect()),
        other => out.push_str(&dumps(other)),
    }
}

/// A number as both `repr()` and `json.dumps` write it.
pub(crate) fn number(n: &Number) -> String {
    match n.as_f64() {
        Some(f) if n.is_f64() => float(f),
        _ => n.to_string(),
    }
}

/// The shortest digits that read back the same, with an exponent outside of 1e-4 … 1e16.
fn float(f: f64) -> String {
    if f == 0.0 || (1e-4..1e16).contains(&f.abs()) {
        return format!("{f:?}");
    }
    let text = format!("{f:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(small) => format!("{digits}e-{small:0>2}"),
            None => format!("{digits}e+{exponent:0>2}"),
        },
        None => text,
    }
}

struct Python<'m> {
    /// Set once a text is written that may stand for a number.
    marked: &'m mut bool,
}

impl Formatter for Python<'_> {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(float(value).as_bytes())
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            if matches!(c, ' '..='~') {
                writer.write_all(&[c as u8])?;
            } else if let Some(half) = read::half(c) {
                write!(writer, "\\u{half:04x}")?;
            } else {
                *self.marked |= c >= '\u{10f7ff}';
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"/"),
            CharEscape::Backspace => writer.write_all(b"\\b"),
            CharEscape::FormFeed => writer.write_all(b"\\f"),
            CharEscape::LineFeed => writer.write_all(b"\\n"),
            CharEscape::CarriageReturn => writer.write_all(b"\\r"),
            CharEscape::Tab => writer.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn indented_text_is_what_python_writes() {
        let value = json!({"a": 1, "b": {"x": [1, 2.5, "é"], "y": [], "z": {}}});
        let text = "{\n    \"a\": 1,\n    \"b\": {\n        \"x\": [\n            1,\n            2.5,\n            \
                    \"\\u00e9\"\n        ],\n        \"y\": [],\n        \"z\": {}\n    }\n}";
        assert_eq!(dumps_indented(&value), text);
    }

    #[test]
    fn text_is_what_python_writes() {
        for (value, text) in [
            (json!({"error": "Authentication required."}), r#"{"error": "Authentication required."}"#),
            (json!({"a": [1, 2.0, null], "b": {}}), r#"{"a": [1, 2.0, null], "b": {}}"#),
            (json!("é😀\u{1}\n\"\\/"), "\"\\u00e9\\ud83d\\ude00\\u0001\\n\\\"\\\\/\""),
            (json!([1e16, 1e-5, 0.1, -0.0, 123456789012345680.0]), "[1e+16, 1e-05, 0.1, -0.0, 1.2345678901234568e+17]"),
        ] {
            assert_eq!(dumps(&value), text);
        }
    }
}
