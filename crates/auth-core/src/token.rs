//! The line that the server takes as Bearer token.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{BcryptHash, Error, ErrorKind, Fingerprint, FingerprintKey, HashFault, Mangling, Password};

/// The first line of the plugin's PASSWORD file, which the server takes as Bearer token: a secret. Compared in constant
/// time, wiped when dropped, and `Debug` shows a fingerprint.
#[derive(Clone)]
pub struct LoginToken(Zeroizing<String>);

/// What kind of line a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A bcrypt hash: the browser login works with the password it was made from.
    Bcrypt(BcryptHash),
    /// Not a bcrypt hash: at best a token for machines, at worst a damaged one; the fault tells.
    NotBcrypt(HashFault),
}

impl LoginToken {
    /// Takes `line` as a token. Any visible ASCII line will do for the plugin, bcrypt or not; see [`LoginToken::shape`].
    ///
    /// # Errors
    /// [`ErrorKind::Token`] if it is empty, or holds what can't stand in an `Authorization` header: blanks, control or
    /// non-ASCII characters.
    pub fn new(line: impl Into<String>) -> Result<Self, Error> {
        let line = Zeroizing::new(line.into());
        if line.is_empty() {
            return Err(Error::new(ErrorKind::Token, "the token is empty").hint("an empty token opens the server to everybody"));
        }
        let Some(at) = line.bytes().position(|byte| !byte.is_ascii_graphic()) else {
            return Ok(Self(line));
        };
        Err(match Mangling::of(&line) {
            Some(mangling) => Error::new(ErrorKind::Token, mangling.to_string()).hint(mangling.hint()),
            None => Error::new(ErrorKind::Token, format!("byte {at} of the token can't stand in an HTTP header"))
                .hint("a token is one line of visible ASCII without blanks"),
        })
    }

    /// What kind of line this is.
    pub fn shape(&self) -> Shape {
        BcryptHash::parse(&self.0).map_or_else(Shape::NotBcrypt, Shape::Bcrypt)
    }

    /// Whether `password` opens the browser login that belongs to this token. Takes as long as one bcrypt hash.
    pub fn matches(&self, password: &Password) -> bool {
        match self.shape() {
            Shape::Bcrypt(hash) => hash.verify(password),
            Shape::NotBcrypt(_) => false,
        }
    }

    /// What may be shown of it: equal for equal tokens under one key.
    pub fn fingerprint(&self, key: &FingerprintKey) -> Fingerprint {
        Fingerprint::of(self.0.as_bytes(), key)
    }

    /// The line itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<BcryptHash> for LoginToken {
    fn from(hash: BcryptHash) -> Self {
        Self(Zeroizing::new(hash.expose().to_owned()))
    }
}

impl PartialEq for LoginToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for LoginToken {}

impl fmt::Debug for LoginToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginToken({})", self.fingerprint(&FingerprintKey::for_debug()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_header_can_carry_is_a_token_and_nothing_else() {
        for good in ["x", "machine-only-token", "$2b$12$"] {
            assert!(LoginToken::new(good).is_ok(), "{good}");
        }
        for bad in ["", " x", "x\n", "x y", "x\0", "é", "x\u{feff}"] {
            let error = LoginToken::new(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Token);
            assert!(!error.hints().is_empty());
        }
    }

    #[test]
    fn a_token_matches_its_password_only() {
        let password = Password::new("right").unwrap();
        let token = LoginToken::from(BcryptHash::of(&password, 4, [1; 16]).unwrap());
        assert!(token.matches(&password));
        assert!(!token.matches(&Password::new("wrong").unwrap()));
        assert!(!LoginToken::new("right").unwrap().matches(&password), "a token that is no hash matches nothing");
    }

    #[test]
    fn debug_shows_a_fingerprint() {
        let token = LoginToken::new("a-secret-line").unwrap();
        let shown = format!("{token:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert_ne!(shown, format!("{:?}", LoginToken::new("another-line").unwrap()));
    }
}
