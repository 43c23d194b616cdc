//! What a person types to log in.

use std::fmt;

use zeroize::Zeroizing;

use crate::{Error, ErrorKind};

/// A password of 1 to 71 bytes without NUL; wiped from memory when dropped.
///
/// bcrypt reads 72 bytes including its own terminator: older implementations cut longer input without a word, newer ones
/// refuse it, and a NUL byte ends the input in some of them. 71 bytes without NUL mean the same in all.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

/// 32 signs, five bits each, none that a person mistakes for another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

impl Password {
    /// The longest password in bytes.
    pub const MAX_BYTES: usize = 71;

    /// Takes `text` as a password.
    ///
    /// # Errors
    /// [`ErrorKind::Password`] if it is empty, longer than [`Password::MAX_BYTES`], or holds a NUL.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = Zeroizing::new(text.into());
        let refuse = |what: String| {
            Err(Error::new(ErrorKind::Password, what)
                .hint(format!("choose a password of 1 to {} bytes without a NUL byte", Self::MAX_BYTES)))
        };
        if text.is_empty() {
            return refuse("the password is empty".into());
        }
        if text.len() > Self::MAX_BYTES {
            return refuse(format!("the password has {} bytes, and bcrypt reads at most {}", text.len(), Self::MAX_BYTES));
        }
        if text.contains('\0') {
            return refuse("the password holds a NUL byte, at which some bcrypt implementations stop".into());
        }
        Ok(Self(text))
    }

    /// Spells 32 random bytes (of which five bits each are used) as a password of 32 signs, 160 bits.
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        let text = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect();
        Self(Zeroizing::new(text))
    }

    /// The password itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_nul() {
        let cases = [
            ("", false),
            ("a", true),
            (&*"p".repeat(71), true),
            (&*"p".repeat(72), false),
            (&*"é".repeat(35), true),  // 70 bytes
            (&*"é".repeat(36), false), // 72 bytes
            ("with\0nul", false),
        ];
        for (text, accepted) in cases {
            let result = Password::new(text);
            assert_eq!(result.is_ok(), accepted, "{} bytes", text.len());
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::Password);
                assert!(text.is_empty() || !error.to_string().contains(text), "the error quotes the password");
            }
        }
    }

    #[test]
    fn random_passwords_use_every_byte_and_debug_hides_them() {
        let mut bytes = [0_u8; 32];
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(n).unwrap();
        }
        let password = Password::from_random(&bytes);
        assert_eq!(password.expose().as_bytes(), ALPHABET);
        assert_eq!(format!("{password:?}"), "Password(…)");
    }
}
