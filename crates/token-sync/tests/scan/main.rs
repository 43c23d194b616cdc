//! The leak scan from outside: what it finds, what it does not take for a secret, and that it shows none.
//! No file holds a bcrypt line: all are hashed here, at cost 4, from made-up passwords.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod corpus;
mod encodings;
mod git;
mod shapes;
mod silence;
mod tree;

use auth_core::{BcryptHash, FingerprintKey, LoginToken, Password};
use token_sync::scan::{Control, Match, Scanner, Secret};

/// The first salt byte decides the first sign of the salt: `.`, `/`, a capital, a small letter, a digit.
const SALTS: [u8; 5] = [0, 1 << 2, 9 << 2, 30 << 2, 60 << 2];

/// A token whose salt starts with the sign of this kind.
fn token(kind: usize) -> LoginToken {
    let mut salt = *b"made up for test";
    salt[0] = SALTS[kind];
    LoginToken::from(BcryptHash::of(&Password::new("made up for tests").unwrap(), 4, salt).unwrap())
}

/// A token that no scanner is told of.
fn stranger() -> LoginToken {
    LoginToken::from(BcryptHash::of(&Password::new("somebody else's").unwrap(), 4, *b"another 16 bytes").unwrap())
}

fn key() -> FingerprintKey {
    FingerprintKey::new(b"tests of the scan")
}

/// A scanner that knows these tokens, labelled by their place in the list.
fn scanner(tokens: &[LoginToken]) -> Scanner {
    let secrets: Vec<Secret> =
        tokens.iter().enumerate().map(|(number, token)| Secret::token(format!("token {number}"), token)).collect();
    Scanner::new(&secrets, &key())
}

/// All that `scanner` finds in a text.
fn matches(scanner: &Scanner, text: impl AsRef<[u8]>) -> Vec<Match> {
    let scan = scanner.stream("text", &mut text.as_ref(), &Control::silent());
    assert!(scan.is_complete());
    scan.matches
}
