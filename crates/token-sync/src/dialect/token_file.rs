//! A file whose first line is the token. Those who read such files trim blanks and line ends, and so do we.

use super::{Entry, Text};

/// `old` with the token in place of the old one, or in a first line of its own.
pub(crate) fn write(old: &[u8], token: &str) -> Vec<u8> {
    let text = Text::lossy(old);
    let place = read(text.as_str())
        .first()
        .map_or_else(|| text.bytes_of(start(text.as_str())..start(text.as_str())), |entry| text.bytes_of(entry.span.clone()));
    let ending: &[u8] = if place.end == old.len() && !old.ends_with(b"\n") { b"\n" } else { b"" };
    [&old[..place.start], token.as_bytes(), &old[place.end..], ending].concat()
}

pub(super) fn read(text: &str) -> Vec<Entry> {
    let start = start(text);
    let line = text[start..].split('\n').next().unwrap_or_default();
    let token = line.trim();
    let at = start + line.len() - line.trim_start().len();
    if token.is_empty() { Vec::new() } else { vec![Entry::spelled("token", token, at..at + token.len())] }
}

/// Behind the byte order mark.
fn start(text: &str) -> usize {
    text.strip_prefix('\u{feff}').map_or(0, |_| '\u{feff}'.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_token_and_the_rest_stays() {
        let cases = [
            ("", "v\n"),
            ("old", "v\n"),
            ("old\n", "v\n"),
            (" old \r\nnote\n", " v \r\nnote\n"),
            ("\u{feff}old\n", "\u{feff}v\n"),
            ("\nx", "v\nx"),
        ];
        for (old, new) in cases {
            assert_eq!(write(old.as_bytes(), "v"), new.as_bytes(), "{old:?}");
            assert_eq!(read(new)[0].value.as_deref(), Some("v"));
        }
    }
}
