//! How a secret was written where it was found, and the rule that this breaks.

use std::fmt;

use super::spelling::Spelling;

/// How a secret was written where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// As it is.
    Raw,
    /// `$$` for `$`: compose files.
    DoubledDollar,
    /// `\$` for `$` or `\/` for `/`: shells, JSON.
    Backslash,
    /// `%24` for `$`: URLs.
    Percent,
    /// `\u0024` or `\x24` for `$`: JSON, programs.
    UnicodeEscape,
    /// `&#36;`, `&#x24;` or `&dollar;` for `$`: HTML, XML.
    HtmlEntity,
    /// Only the part after the last `$`, which is all that is hard to guess.
    Part,
    /// Hexadecimal, small letters.
    HexLower,
    /// Hexadecimal, capital letters.
    HexUpper,
    /// Base64, alone or inside of longer base64.
    Base64,
    /// Base64 in the alphabet for URLs, where that makes a difference.
    Base64Url,
}

impl Encoding {
    /// Its name in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::DoubledDollar => "doubled-dollar",
            Self::Backslash => "backslash",
            Self::Percent => "percent",
            Self::UnicodeEscape => "unicode-escape",
            Self::HtmlEntity => "html-entity",
            Self::Part => "part",
            Self::HexLower => "hex-lower",
            Self::HexUpper => "hex-upper",
            Self::Base64 => "base64",
            Self::Base64Url => "base64-url",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Spelling> for Encoding {
    fn from(spelling: Spelling) -> Self {
        match spelling {
            Spelling::Raw => Self::Raw,
            Spelling::Doubled => Self::DoubledDollar,
            Spelling::Backslash => Self::Backslash,
            Spelling::Percent => Self::Percent,
            Spelling::Unicode => Self::UnicodeEscape,
            Spelling::Html => Self::HtmlEntity,
        }
    }
}

/// The rule that a match breaks: one per kind of secret and family of encodings. SARIF lists [`Rule::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A known token stands there as it is.
    TokenPlain,
    /// A known token stands there with its signs escaped.
    TokenEscaped,
    /// The telling part of a known token stands there.
    TokenPart,
    /// A known token stands there in hexadecimal.
    TokenHex,
    /// A known token stands there in base64.
    TokenBase64,
    /// A known password stands there.
    PasswordPlain,
    /// A bcrypt line stands there that nobody named: somebody's token.
    BcryptUnknown,
}

impl Rule {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::TokenPlain,
        Self::TokenEscaped,
        Self::TokenPart,
        Self::TokenHex,
        Self::TokenBase64,
        Self::PasswordPlain,
        Self::BcryptUnknown,
    ];

    /// Its id in kebab case, which stays the same from version to version.
    pub fn id(self) -> &'static str {
        match self {
            Self::TokenPlain => "token-plain",
            Self::TokenEscaped => "token-escaped",
            Self::TokenPart => "token-part",
            Self::TokenHex => "token-hex",
            Self::TokenBase64 => "token-base64",
            Self::PasswordPlain => "password-plain",
            Self::BcryptUnknown => "bcrypt-unknown",
        }
    }

    /// What it means, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::TokenPlain => "a token of this project stands here as it is",
            Self::TokenEscaped => "a token of this project stands here with its `$` or `/` escaped",
            Self::TokenPart => "the part of a token of this project that can't be guessed stands here",
            Self::TokenHex => "a token of this project stands here in hexadecimal",
            Self::TokenBase64 => "a token of this project stands here in base64",
            Self::PasswordPlain => "a password of this project stands here",
            Self::BcryptUnknown => "a bcrypt line stands here; the login plugin takes such a line as its token",
        }
    }

    /// The rule that a known token breaks when it is found so.
    pub(super) fn of_token(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Raw => Self::TokenPlain,
            Encoding::Part => Self::TokenPart,
            Encoding::HexLower | Encoding::HexUpper => Self::TokenHex,
            Encoding::Base64 | Encoding::Base64Url => Self::TokenBase64,
            Encoding::DoubledDollar
            | Encoding::Backslash
            | Encoding::Percent
            | Encoding::UnicodeEscape
            | Encoding::HtmlEntity => Self::TokenEscaped,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_distinct_and_in_kebab_case() {
        let ids: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
        assert_eq!(ids.len(), Rule::ALL.len());
        assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')));
    }
}
