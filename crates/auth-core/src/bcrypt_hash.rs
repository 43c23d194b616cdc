//! The strict grammar of a bcrypt line, and hashing and verifying by it.
//!
//! The `bcrypt` crate parses leniently (cost `+4`, cost 99); a line that this module accepts is one that a bcrypt
//! implementation can have printed.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{Error, ErrorKind, Mangling, Password};

/// The cost that new hashes are made with: the plugin's own.
pub const DEFAULT_COST: u32 = 12;

const LENGTH: usize = 60;
const SALT: std::ops::Range<usize> = 7..29;
const DIGEST: std::ops::Range<usize> = 29..60;
/// 128 bits in 22 signs: the last sign carries two of them.
const SALT_TAILS: &[u8] = b".Oeu";
/// 184 bits in 31 signs: the last sign carries four of them.
const DIGEST_TAILS: &[u8] = b".CGKOSWaeimquy26";

/// A line that real bcrypt can have printed: `$2b$`, two digits of cost, 22 signs of salt, 31 of digest.
#[derive(Clone)]
pub struct BcryptHash(Zeroizing<String>);

/// Why a line is not a [`BcryptHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashFault {
    /// The line is a hash that some reader or writer damaged; it names how.
    Mangled(Mangling),
    /// The line has the length and alphabet of a hash, but no bcrypt can have printed it: it works as a token, and no
    /// password can match it.
    Impossible {
        /// The salt's last sign carries bits that a 128-bit salt doesn't have.
        salt_tail: bool,
        /// The digest's last sign carries bits that a 184-bit digest doesn't have.
        digest_tail: bool,
    },
    /// The line has this many bytes, not 60.
    Length(usize),
    /// The line doesn't start with `$2a$`, `$2b$` or `$2y$` (`$2x$` marks the hashes of a faulty implementation).
    Prefix,
    /// The cost is not two digits from 04 to 31.
    Cost,
    /// The sign at this byte offset is not of bcrypt's alphabet `./A-Za-z0-9`.
    Alphabet(usize),
}

impl BcryptHash {
    /// Parses one line, which must have neither blanks round it nor a line end.
    ///
    /// # Errors
    /// The [`HashFault`], which never holds the line.
    pub fn parse(line: &str) -> Result<Self, HashFault> {
        if let Some(fault) = fault(line.as_bytes()) {
            return Err(Mangling::of(line).map_or(fault, HashFault::Mangled));
        }
        Ok(Self(Zeroizing::new(line.to_owned())))
    }

    /// Hashes `password` with `salt` at `cost` (4 to 31; each step doubles the work).
    ///
    /// # Errors
    /// [`ErrorKind::Hash`] if `cost` is out of range.
    pub fn of(password: &Password, cost: u32, salt: [u8; 16]) -> Result<Self, Error> {
        let parts = bcrypt::non_truncating_hash_with_salt(password.expose(), cost, salt).map_err(|_| {
            Error::new(ErrorKind::Hash, format!("bcrypt refuses the cost `{cost}`")).hint("choose a cost from 4 to 31")
        })?;
        Ok(Self(Zeroizing::new(parts.format_for_version(bcrypt::Version::TwoB))))
    }

    /// Whether `password` is the one that was hashed. Takes as long as hashing did.
    pub fn verify(&self, password: &Password) -> bool {
        // The grammar was checked and the length is bounded, so an error can't come; it would be a refusal.
        bcrypt::non_truncating_verify(password.expose(), &self.0).unwrap_or(false)
    }

    /// The cost: 2 to this power rounds.
    pub fn cost(&self) -> u32 {
        self.0[4..6].parse().unwrap_or(0)
    }

    /// The line itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn fault(line: &[u8]) -> Option<HashFault> {
    if line.len() != LENGTH {
        return Some(HashFault::Length(line.len()));
    }
    if !matches!(&line[..4], b"$2a$" | b"$2b$" | b"$2y$") {
        return Some(HashFault::Prefix);
    }
    let cost = (line[4].wrapping_sub(b'0'), line[5].wrapping_sub(b'0'));
    if cost.0 > 9 || cost.1 > 9 || !(4..=31).contains(&(cost.0 * 10 + cost.1)) || line[6] != b'$' {
        return Some(HashFault::Cost);
    }
    let foreign = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/'));
    if let Some(at) = line[SALT.start..].iter().position(foreign) {
        return Some(HashFault::Alphabet(SALT.start + at));
    }
    let salt_tail = !SALT_TAILS.contains(&line[SALT.end - 1]);
    let digest_tail = !DIGEST_TAILS.contains(&line[DIGEST.end - 1]);
    (salt_tail || digest_tail).then_some(HashFault::Impossible { salt_tail, digest_tail })
}

impl PartialEq for BcryptHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for BcryptHash {}

impl fmt::Debug for BcryptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BcryptHash(cost {}, …)", self.cost())
    }
}

impl fmt::Display for HashFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mangled(mangling) => mangling.fmt(f),
            Self::Impossible { .. } => f.write_str("token only: no bcrypt can have printed it, so no password can match"),
            Self::Length(length) => write!(f, "{length} bytes instead of {LENGTH}"),
            Self::Prefix => f.write_str("no bcrypt prefix (`$2a$`, `$2b$` or `$2y$`)"),
            Self::Cost => f.write_str("the cost is not two digits from 04 to 31"),
            Self::Alphabet(at) => write!(f, "byte {at} is not of bcrypt's alphabet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash() -> String {
        BcryptHash::of(&Password::new("test only").unwrap(), 4, [9; 16]).unwrap().expose().to_owned()
    }

    #[test]
    fn what_bcrypt_prints_is_accepted_and_verifies_one_password() {
        let line = hash();
        let parsed = BcryptHash::parse(&line).unwrap();
        assert_eq!(parsed.cost(), 4);
        assert!(parsed.verify(&Password::new("test only").unwrap()));
        assert!(!parsed.verify(&Password::new("test onlY").unwrap()));
        assert_eq!(format!("{parsed:?}"), "BcryptHash(cost 4, …)");
    }

    #[test]
    fn what_bcrypt_cannot_print_is_refused() {
        let line = hash();
        let with = |at: usize, sign: &str| format!("{}{sign}{}", &line[..at], &line[at + 1..]);
        let cases = [
            (with(4, "+"), HashFault::Cost),
            (with(5, "3"), HashFault::Cost),
            (with(4, "9"), HashFault::Cost),
            (with(2, "x"), HashFault::Prefix),
            (with(1, "4"), HashFault::Prefix),
            (with(20, "-"), HashFault::Alphabet(20)),
            (with(28, "4"), HashFault::Impossible { salt_tail: true, digest_tail: false }),
            (with(59, "f"), HashFault::Impossible { salt_tail: false, digest_tail: true }),
            (format!("{line}x"), HashFault::Length(61)),
            (String::new(), HashFault::Length(0)),
        ];
        for (bad, fault) in cases {
            assert_eq!(BcryptHash::parse(&bad).unwrap_err(), fault);
        }
    }

    #[test]
    fn the_old_projects_made_up_token_is_token_only() {
        // 53 signs after the cost, all hexadecimal: somebody's digest with a bcrypt prefix glued on.
        let glued = format!("$2b$12${}", "03f3f6f91f4175e338c314f7bd96ebd3dd834b53c1813d69d830f");
        assert_eq!(BcryptHash::parse(&glued).unwrap_err(), HashFault::Impossible { salt_tail: true, digest_tail: true });
    }

    #[test]
    fn costs_out_of_range_are_refused() {
        let password = Password::new("p").unwrap();
        for cost in [0, 3, 32] {
            assert_eq!(BcryptHash::of(&password, cost, [0; 16]).unwrap_err().kind(), ErrorKind::Hash);
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused_without_panic(text in "\\PC{0,80}") {
            let _ = BcryptHash::parse(&text);
        }

        #[test]
        fn any_salt_and_tail_that_bcrypt_prints_is_accepted(salt in any::<[u8; 16]>()) {
            let hash = BcryptHash::of(&Password::new("p").unwrap(), 4, salt).unwrap();
            prop_assert!(BcryptHash::parse(hash.expose()).is_ok());
        }
    }
}
