//! `json.dumps` to the byte: `", "` and `": "` between the parts, ASCII only, floats as Python writes them.

use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};
use serde_json::{Number, Value};

/// `json.dumps(value)`.
pub(crate) fn dumps(value: &Value) -> String {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, Python);
    // A `Value` has string keys only and a `Vec` takes every write, so neither can fail.
    let written = value.serialize(&mut serializer);
    debug_assert!(written.is_ok(), "a JSON value always has a text");
    String::from_utf8(out).unwrap_or_default()
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

struct Python;

impl Formatter for Python {
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
            } else {
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
