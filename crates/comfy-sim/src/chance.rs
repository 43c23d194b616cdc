//! Where identifiers, salts and keys come from: the caller's entropy, or a fixed sequence.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// A source of bytes.
#[derive(Clone)]
pub(crate) struct Chance(Arc<Fill>);

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}

impl Chance {
    pub(crate) fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// The same sequence in every server: SHA-256 of a counter. Good for tests, guessable by anybody.
    pub(crate) fn sequence() -> Self {
        let count = AtomicU64::new(0);
        Self::new(move |bytes| {
            for chunk in bytes.chunks_mut(32) {
                let turn = count.fetch_add(1, Ordering::Relaxed);
                let digest = Sha256::digest([b"comfy-sim".as_slice(), &turn.to_be_bytes()].concat());
                chunk.copy_from_slice(&digest[..chunk.len()]);
            }
        })
    }

    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        (self.0)(&mut out);
        out
    }

    pub(crate) fn uuid4(&self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// `count` letters of `alphabet`, which is plain ASCII.
    pub(crate) fn letters(&self, alphabet: &str, count: usize) -> String {
        let choices: Vec<char> = alphabet.chars().collect();
        (0..count).map(|_| choices[usize::from(self.bytes::<1>()[0]) % choices.len()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_repeats_from_server_to_server_and_never_within_one() {
        let (one, other) = (Chance::sequence(), Chance::sequence());
        let first = one.uuid4();
        assert_eq!(first, other.uuid4());
        assert_ne!(first, one.uuid4());
        assert_eq!(first.get_version_num(), 4);
        assert_eq!(one.letters("ab", 9).len(), 9);
    }
}
