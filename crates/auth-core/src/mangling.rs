//! The damage that readers and writers do to a bcrypt line, recognised by what is left of it.

use std::fmt;

/// How a bcrypt line was damaged. Each has one cause that was seen in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mangling {
    /// Docker Compose took `$` and the letters after it for a variable and put nothing in its place.
    ComposeInterpolation,
    /// A shell (or direnv) took `$2` and `$1` for its own arguments.
    Shell,
    /// Rust's dotenvy or Ruby's dotenv took each `$…` for an unset variable.
    Dotenvy,
    /// Quotes that the reader keeps as part of the value, as docker's `--env-file` does.
    KeptQuotes,
    /// Every `$` was doubled for a reader that doesn't halve it.
    DoubledDollars,
    /// Every `$` stands behind a `\` for a reader that doesn't remove it.
    EscapedDollars,
    /// The line was percent-encoded for a URL.
    PercentEncoded,
    /// The line was encoded in base64.
    Base64,
    /// A line end, blank or byte order mark came along.
    Padding,
    /// The line is a bcrypt line cut short.
    Truncated,
}

impl Mangling {
    /// The damage that `line` shows, if it is one of the known kinds.
    pub fn of(line: &str) -> Option<Self> {
        let well_formed = |text: &str| {
            text.len() == 60 && matches!(&text.as_bytes()[..4], b"$2a$" | b"$2b$" | b"$2y$") && text.as_bytes()[6] == b'$'
        };
        let trimmed = line.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        if trimmed.len() != line.len() {
            return (well_formed(trimmed) || Self::of(trimmed).is_some()).then_some(Self::Padding);
        }
        if let Some(inner) = unquoted(line) {
            return (well_formed(inner) || Self::of(inner).is_some()).then_some(Self::KeptQuotes);
        }
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| line.starts_with(prefix));
        if starts(&["$$2a$$", "$$2b$$", "$$2y$$"]) {
            return Some(Self::DoubledDollars);
        }
        if starts(&["\\$2a\\$", "\\$2b\\$", "\\$2y\\$"]) {
            return Some(Self::EscapedDollars);
        }
        if starts(&["%242a%24", "%242b%24", "%242y%24"]) {
            return Some(Self::PercentEncoded);
        }
        if starts(&["JDJh", "JDJi", "JDJ5"]) {
            return Some(Self::Base64);
        }
        if line.len() >= 60 {
            return None;
        }
        // From here on something is missing.
        let hashy = !line.is_empty() && line.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'$'));
        let bytes = line.as_bytes();
        if starts(&["$2a$", "$2b$", "$2y$"]) && hashy {
            // `$2b$12` survives interpolation (no name starts with a digit), the salt behind the third `$` doesn't.
            let interpolated = bytes.len() <= 6 || bytes[6] != b'$';
            return Some(if interpolated && bytes.len() > 6 { Self::ComposeInterpolation } else { Self::Truncated });
        }
        if starts(&["a2", "b2", "y2"]) && hashy {
            return Some(Self::Shell);
        }
        (line.starts_with('.') || line.starts_with('/')).then_some(Self::Dotenvy).filter(|_| hashy && line.len() > 20)
    }

    /// What to do about it, as one sentence.
    pub fn hint(self) -> &'static str {
        match self {
            Self::ComposeInterpolation => {
                "in a `.env` that Docker Compose reads, write the value in single quotes; in compose.yaml, double each `$`"
            }
            Self::Shell => "in a file that a shell or direnv reads, write the value in single quotes",
            Self::Dotenvy => "in a `.env` that dotenvy or Ruby's dotenv reads, write the value in single quotes",
            Self::KeptQuotes => "in a file for `docker --env-file` write the value bare, without quotes",
            Self::DoubledDollars => "double the `$` only in compose.yaml; elsewhere write each once",
            Self::EscapedDollars => "write the value in single quotes and without `\\`",
            Self::PercentEncoded => "percent-encode only inside a URL; a file and a header take the line as it is",
            Self::Base64 => "decode it first; a file and a header take the line as it is",
            Self::Padding => "write the line alone, without byte order mark, blanks or carriage return",
            Self::Truncated => "copy the whole line: it has 60 signs",
        }
    }
}

/// What stands between a pair of quotes.
fn unquoted(line: &str) -> Option<&str> {
    ['\'', '"', '`'].iter().find_map(|quote| line.strip_prefix(*quote)?.strip_suffix(*quote))
}

impl fmt::Display for Mangling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ComposeInterpolation => {
                "mangled by Docker Compose's interpolation: the part behind the third `$` was taken for a variable"
            }
            Self::Shell => "mangled by a shell or direnv: `$2` and `$1` were taken for arguments",
            Self::Dotenvy => "mangled by dotenvy or Ruby's dotenv: each `$…` was taken for an unset variable",
            Self::KeptQuotes => "mangled by quotes that its reader keeps as part of the value",
            Self::DoubledDollars => "over-doubled: each `$` stands twice",
            Self::EscapedDollars => "over-escaped: a `\\` stands before each `$`",
            Self::PercentEncoded => "percent-encoded, as in a URL",
            Self::Base64 => "base64 of a bcrypt line, not the line",
            Self::Padding => "a bcrypt line with blanks, a carriage return or a byte order mark round it",
            Self::Truncated => "a bcrypt line cut short",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{BcryptHash, HashFault, Password};

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic_and_a_whole_hash_is_never_called_mangled(text in "\\PC{0,80}", salt in any::<[u8; 16]>()) {
            let _ = Mangling::of(&text);
            let hash = BcryptHash::of(&Password::new("p").unwrap(), 4, salt).unwrap();
            prop_assert_eq!(Mangling::of(hash.expose()), None);
        }
    }

    /// A hash whose salt starts with the sign that `salt`'s top bits spell: letters, digits, `.` and `/` differ in what eats them.
    fn hash(salt: u8) -> String {
        BcryptHash::of(&Password::new("test only").unwrap(), 4, [salt; 16]).unwrap().expose().to_owned()
    }

    #[test]
    fn each_signature_is_named() {
        for salt in [0x08, 0x40, 0x90, 0xe0] {
            let line = hash(salt);
            let tail = &line[line[7..].find(['.', '/']).map_or(30, |at| at + 7)..];
            let cases = [
                (format!("$2b$04{tail}"), Mangling::ComposeInterpolation),
                (format!("b04{}", &line[10..]).replacen("b04", "b2", 1), Mangling::Shell),
                (format!(".{}", &line[20..]), Mangling::Dotenvy),
                (format!("'{line}'"), Mangling::KeptQuotes),
                (format!("\"{line}\""), Mangling::KeptQuotes),
                (line.replace('$', "$$"), Mangling::DoubledDollars),
                (line.replace('$', "\\$"), Mangling::EscapedDollars),
                (line.replace('$', "%24"), Mangling::PercentEncoded),
                ("JDJiJDA0JGFiY2Rl".to_owned(), Mangling::Base64),
                (format!("{line}\r"), Mangling::Padding),
                (format!("\u{feff}{line}"), Mangling::Padding),
                (format!("{line} "), Mangling::Padding),
                (line[..40].to_owned(), Mangling::Truncated),
            ];
            for (bad, mangling) in cases {
                assert_eq!(BcryptHash::parse(&bad).unwrap_err(), HashFault::Mangled(mangling), "salt {salt}");
            }
        }
    }

    #[test]
    fn what_is_no_bcrypt_line_at_all_is_not_called_mangled() {
        for other in ["", "hunter2", "sk-0123456789", "changeme", "'quoted'", " padded "] {
            assert_eq!(Mangling::of(other), None, "{other:?}");
        }
    }
}
