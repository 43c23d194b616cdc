//! What may be shown in a secret's place.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key that fingerprints are made under, so that one from a report can't be looked up in a table made elsewhere.
#[derive(Clone)]
pub struct FingerprintKey([u8; 32]);

/// Eight hexadecimal signs (32 bits) of HMAC-SHA256: enough to tell the tokens of one project apart, too few to find one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(String);

impl FingerprintKey {
    /// A key from any bytes, for example the project's name: fingerprints under equal keys can be compared.
    pub fn new(context: &[u8]) -> Self {
        Self(mac(b"genai-auth fingerprint key, version 1", context))
    }

    /// The key of `Debug` output, the same everywhere.
    pub(crate) fn for_debug() -> Self {
        Self::new(b"debug")
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(…)")
    }
}

impl Fingerprint {
    pub(crate) fn of(secret: &[u8], key: &FingerprintKey) -> Self {
        Self(mac(&key.0, secret)[..4].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The eight signs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn mac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
    mac.update(data);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_under_one_key_different_under_another() {
        let (one, two) = (FingerprintKey::new(b"one"), FingerprintKey::new(b"two"));
        assert_eq!(Fingerprint::of(b"t", &one), Fingerprint::of(b"t", &one));
        assert_ne!(Fingerprint::of(b"t", &one), Fingerprint::of(b"t", &two));
        assert_ne!(Fingerprint::of(b"t", &one), Fingerprint::of(b"u", &one));
        assert_eq!(Fingerprint::of(b"t", &one).as_str().len(), 8);
    }
}
