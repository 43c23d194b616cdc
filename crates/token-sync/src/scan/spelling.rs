//! How programs spell `$` and `/` when they carry a token: doubled, escaped, percent-encoded, as entities.

/// How a sign is spelled, from plain to strange; of several the strangest names the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spelling {
    Raw,
    Doubled,
    Backslash,
    Percent,
    Unicode,
    Html,
}

/// A sign that programs escape.
pub(super) struct Sign {
    byte: u8,
    hex: &'static [u8],
    decimal: &'static [u8],
    name: &'static [u8],
    /// Whether a run of it may stand for one.
    doubles: bool,
}

pub(super) const DOLLAR: Sign = Sign { byte: b'$', hex: b"24", decimal: b"36", name: b"dollar", doubles: true };
pub(super) const SLASH: Sign = Sign { byte: b'/', hex: b"2f", decimal: b"47", name: b"sol", doubles: false };

/// One escape may itself have been escaped this many times.
const MOST_ESCAPES: usize = 4;
/// The longest spelling of one sign in bytes; [`Sign::before`] looks back no further.
pub(super) const LONGEST: usize = 16;

impl Sign {
    /// The sign at `at` in any spelling: where it ends, and the spelling.
    pub(super) fn at(&self, hay: &[u8], at: usize) -> Option<(usize, Spelling)> {
        let rest = hay.get(at..)?;
        let (length, spelling) = match *rest.first()? {
            b'%' => (self.percent(rest)?, Spelling::Percent),
            b'&' => (self.entity(rest)?, Spelling::Html),
            b'\\' => self.backslash(rest)?,
            byte if byte == self.byte => match run(rest, byte) {
                run if run == 1 || !self.doubles => (1, Spelling::Raw),
                run => (run, Spelling::Doubled),
            },
            _ => return None,
        };
        (length <= LONGEST).then_some((at + length, spelling))
    }

    /// The sign that ends right before `at`, in its longest spelling: where it starts, and the spelling.
    pub(super) fn before(&self, hay: &[u8], at: usize) -> Option<(usize, Spelling)> {
        (at.saturating_sub(LONGEST)..at).find_map(|start| {
            let (end, spelling) = self.at(hay, start)?;
            (end == at).then_some((start, spelling))
        })
    }

    /// `%24`, or `%2524` where it was encoded again.
    fn percent(&self, rest: &[u8]) -> Option<usize> {
        let again = rest[1..].chunks_exact(2).take(MOST_ESCAPES - 1).take_while(|pair| *pair == b"25").count();
        let at = 1 + 2 * again;
        starts_with(&rest[at..], self.hex).then_some(at + self.hex.len())
    }

    /// `&#36;`, `&#x24;`, `&dollar;`; leading zeros, and `&amp;` for `&` where it was encoded again.
    fn entity(&self, rest: &[u8]) -> Option<usize> {
        let mut at = if rest.starts_with(b"&amp;") { 5 } else { 1 };
        let expected = match rest.get(at..)? {
            [b'#', b'x' | b'X', ..] => {
                at += 2;
                self.hex
            }
            [b'#', ..] => {
                at += 1;
                self.decimal
            }
            _ => self.name,
        };
        if expected != self.name {
            at += rest[at..].iter().take(4).take_while(|byte| **byte == b'0').count();
        }
        let end = at + expected.len();
        (starts_with(&rest[at..], expected) && rest.get(end) == Some(&b';')).then_some(end + 1)
    }

    /// `\$`, `\u0024`, `\u{24}`, `\x24`, the backslash up to four times.
    fn backslash(&self, rest: &[u8]) -> Option<(usize, Spelling)> {
        let escapes = run(rest, b'\\');
        let rest = &rest[escapes..];
        if rest.first() == Some(&self.byte) {
            let length = if self.doubles { run(rest, self.byte) } else { 1 };
            return Some((escapes + length, Spelling::Backslash));
        }
        let forms: [(&[u8], &[u8]); 3] = [(b"u00", b""), (b"u{", b"}"), (b"x", b"")];
        forms.iter().find_map(|(start, end)| {
            let hex = rest.strip_prefix(*start)?;
            let length = start.len() + self.hex.len();
            (starts_with(hex, self.hex) && rest[length..].starts_with(end))
                .then_some((escapes + length + end.len(), Spelling::Unicode))
        })
    }
}

/// How often `byte` stands at the start, counted up to [`MOST_ESCAPES`].
fn run(rest: &[u8], byte: u8) -> usize {
    rest.iter().take(MOST_ESCAPES).take_while(|found| **found == byte).count()
}

fn starts_with(rest: &[u8], lower: &[u8]) -> bool {
    rest.get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower))
}

/// Reads `text` from `at` on, each `$` and `/` of it in any spelling: where it ends, and the strangest spelling.
pub(super) fn text_at(hay: &[u8], at: usize, text: &[u8]) -> Option<(usize, Spelling)> {
    text.iter().try_fold((at, Spelling::Raw), |(at, strangest), byte| {
        let (end, spelling) = match byte {
            b'$' => DOLLAR.at(hay, at)?,
            b'/' => SLASH.at(hay, at)?,
            _ => (hay.get(at) == Some(byte)).then_some((at + 1, Spelling::Raw))?,
        };
        Some((end, strangest.max(spelling)))
    })
}

/// The same backwards, for a text that ends right before `at`: where it starts.
pub(super) fn text_before(hay: &[u8], at: usize, text: &[u8]) -> Option<(usize, Spelling)> {
    text.iter().rev().try_fold((at, Spelling::Raw), |(at, strangest), byte| {
        let (start, spelling) = match byte {
            b'$' => DOLLAR.before(hay, at)?,
            b'/' => SLASH.before(hay, at)?,
            _ => (at > 0 && hay[at - 1] == *byte).then(|| (at - 1, Spelling::Raw))?,
        };
        Some((start, strangest.max(spelling)))
    })
}

/// Every way in which a program spells all slashes of one text, the plain one first.
pub(super) const SLASHES: &[&str] =
    &["/", "\\/", "\\\\/", "%2F", "%2f", "%252F", "\\u002f", "\\u002F", "\\x2f", "\\x2F", "&#47;", "&#x2F;", "&#x2f;", "&sol;"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read_forwards_and_backwards() {
        use Spelling::{Backslash, Doubled, Html, Percent, Raw, Unicode};
        let cases = [
            ("$", Raw),
            ("$$", Doubled),
            ("$$$$", Doubled),
            ("\\$", Backslash),
            ("\\\\$", Backslash),
            ("\\$$", Backslash),
            ("%24", Percent),
            ("%2524", Percent),
            ("\\u0024", Unicode),
            ("\\\\u0024", Unicode),
            ("\\u{24}", Unicode),
            ("\\x24", Unicode),
            ("&#36;", Html),
            ("&#036;", Html),
            ("&#x24;", Html),
            ("&#X0024;", Html),
            ("&dollar;", Html),
            ("&amp;#36;", Html),
        ];
        for (text, spelling) in cases {
            let around = format!("x{text}2b");
            let end = 1 + text.len();
            assert_eq!(DOLLAR.at(around.as_bytes(), 1), Some((end, spelling)), "{text}");
            assert_eq!(DOLLAR.before(around.as_bytes(), end), Some((1, spelling)), "{text} backwards");
        }
        for text in SLASHES {
            assert_eq!(SLASH.at(text.as_bytes(), 0).map(|(end, _)| end), Some(text.len()), "{text}");
        }
    }

    #[test]
    fn what_is_no_dollar_is_not_read() {
        for text in [
            "", "2", "%2", "%25", "%23", "&#3", "&#36", "&#x24", "&#x25;", "&pound;", "\\", "\\u002", "\\u0023", "\\\\", "\\u{24",
        ] {
            assert_eq!(DOLLAR.at(text.as_bytes(), 0), None, "{text}");
        }
        assert_eq!(DOLLAR.at(b"$", 7), None);
        assert_eq!(DOLLAR.before(b"$", 0), None);
    }

    #[test]
    fn every_spelling_of_the_table_is_short_enough() {
        assert!(SLASHES.iter().all(|text| text.len() <= LONGEST));
    }
}
