//! The leak scan: finds tokens and passwords where they must not be, in every spelling that programs give them.
//!
//! A [`Scanner`] is built from the secrets that are known. It finds each of them in trees of files, single files, streams,
//! git's index and git's whole history, and besides every bcrypt line that nobody named, since the login plugin takes any
//! such line as a token. What it returns tells place, encoding and owner, and never holds a secret.
//!
//! Found are, of a known token: the token itself; with its `$` as `$$`, `\$`, `%24`, `\u0024`, `\x24`, `&#36;`, `&#x24;` or
//! `&dollar;`, and its `/` escaped in the same ways; the part after the last `$` alone; hexadecimal in small or capital
//! letters; base64 in both alphabets, also in the middle of longer base64 and wrapped into lines. Of an unknown bcrypt line:
//! all of these but the last three. Of a password: the password as it is.
//!
//! ```
//! use auth_core::{FingerprintKey, LoginToken};
//! use token_sync::scan::{Control, Encoding, Scanner, Secret};
//!
//! let token = LoginToken::new("$2b$12$made-up-and-far-too-short-for-bcrypt")?;
//! let scanner = Scanner::new(&[Secret::token(".env", &token)], &FingerprintKey::new(b"project"));
//!
//! let log = "GET /ws?token=%242b%2412%24made-up-and-far-too-short-for-bcrypt";
//! let scan = scanner.stream("log", &mut log.as_bytes(), &Control::silent());
//! assert_eq!(scan.matches[0].encoding, Encoding::Percent);
//! assert_eq!((scan.matches[0].region.line, scan.matches[0].region.column), (1, 15));
//! # Ok::<(), auth_core::Error>(())
//! ```

mod allow;
mod control;
mod encoding;
mod engine;
mod found;
mod git;
mod grams;
mod ignored;
mod needle;
mod partial;
mod queue;
mod redact;
mod searcher;
mod secret;
mod shape;
mod spelling;
mod stream;
mod tree;

use std::{fmt, io::Read};

use auth_core::FingerprintKey;

pub use allow::{Allow, Allowlist, Day, Judged};
pub use control::{Control, Progress, Stage};
pub use encoding::{Encoding, Rule};
pub use found::{Counts, Match, ObjectId, ObjectKind, Origin, Place, Region, Scan, SkipReason, Skipped};
pub use git::{Git, GitStanding, IgnoreRule};
pub use redact::Redactor;
pub use secret::{Known, Owner, Secret};
pub use tree::Tree;

use engine::Engine;
use searcher::Searcher;

/// Finds secrets. Building it takes well under a millisecond; it is shared by all threads of a scan.
pub struct Scanner {
    engine: Engine,
}

impl Scanner {
    /// A scanner for `secrets`; equal ones are looked for once and keep all their labels. Fingerprints are made under `key`.
    ///
    /// Secrets of fewer than 4 bytes would be found everywhere and are not looked for: see [`Scanner::unsearched`]. Those of
    /// fewer than 8 bytes are found only where no letter or digit stands beside them.
    pub fn new(secrets: &[Secret], key: &FingerprintKey) -> Self {
        Self { engine: Engine::new(secrets, key) }
    }

    /// The labels of secrets that are too short to look for.
    pub fn unsearched(&self) -> &[String] {
        self.engine.unsearched()
    }

    /// Searches a stream to its end, for example standard input or a container's log. Memory stays bounded however long it is.
    pub fn stream(&self, name: &str, source: &mut dyn Read, control: &Control) -> Scan {
        control.stage(Stage::Stream, |meter| {
            let mut searcher = Searcher::new(&self.engine, meter);
            searcher.search(source, || Place::Stream { name: name.to_owned() });
            self.engine.finish(searcher.scan)
        })
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner").field("secrets", &self.engine.secrets()).finish_non_exhaustive()
    }
}
