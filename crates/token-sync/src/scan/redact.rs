//! Puts what may be shown in the place of secrets, in texts and in the names of files.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use zeroize::Zeroizing;

use super::{
    Scanner,
    engine::Engine,
    found::{Place, Scan},
};

impl Scanner {
    /// `text` with every secret in it, in any encoding, replaced by its owner: `[token 1a2b3c4d (.env)]`.
    pub fn redact(&self, text: &str) -> String {
        match self.engine.redact(text.as_bytes()) {
            // Cut out were whole runs of ASCII, or a whole password.
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => text.to_owned(),
        }
    }

    /// The same for any bytes.
    pub fn redact_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.engine.redact(bytes).map_or(Cow::Borrowed(bytes), Cow::Owned)
    }
}

/// Redacts bytes that come piece by piece, wherever they are cut.
///
/// Shown at once is all that can't be the beginning of a secret: what is held back is never longer than the longest spelling of the
/// longest secret.
#[derive(Debug)]
pub struct Redactor {
    scanner: Arc<Scanner>,
    held: Zeroizing<Vec<u8>>,
    /// So many bytes of `held` were shown: whether a short secret stands alone depends on the byte before it.
    shown: usize,
}

impl Redactor {
    /// One that knows what `scanner` looks for.
    pub fn new(scanner: Arc<Scanner>) -> Self {
        Self { scanner, held: Zeroizing::default(), shown: 0 }
    }

    /// What may be shown with the next `bytes`.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let end = self.shown + self.scanner.engine.undecided(&self.held[self.shown..]);
        self.show(end)
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> Vec<u8> {
        self.show(self.held.len())
    }

    /// Shows what begins before `end`.
    fn show(&mut self, end: usize) -> Vec<u8> {
        let mut hits = Vec::new();
        self.scanner.engine.search(&self.held, &mut hits);
        let mut redacted = Vec::with_capacity(end.saturating_sub(self.shown));
        let mut at = self.shown;
        for hit in hits.iter().filter(|hit| hit.range.start < end) {
            if hit.range.start >= at {
                redacted.extend_from_slice(&self.held[at..hit.range.start]);
                redacted.extend_from_slice(format!("[{}]", hit.owner).as_bytes());
            }
            at = at.max(hit.range.end);
        }
        redacted.extend_from_slice(self.held.get(at..end).unwrap_or_default());
        let gone = at.max(end).saturating_sub(1);
        self.shown = at.max(end) - gone;
        self.held.drain(..gone);
        redacted
    }
}

impl Engine {
    /// The same for any bytes; `None` if they hold no secret.
    fn redact(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut hits = Vec::new();
        self.search(bytes, &mut hits);
        if hits.is_empty() {
            return None;
        }
        let mut redacted = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for hit in hits {
            if hit.range.start >= at {
                redacted.extend_from_slice(&bytes[at..hit.range.start]);
                redacted.extend_from_slice(format!("[{}]", hit.owner).as_bytes());
            }
            at = at.max(hit.range.end);
        }
        redacted.extend_from_slice(&bytes[at..]);
        Some(redacted)
    }

    fn redact_path(&self, path: &mut PathBuf) {
        if let Some(bytes) = self.redact(path.as_os_str().as_bytes()) {
            *path = OsString::from_vec(bytes).into();
        }
    }

    fn redact_place(&self, place: &mut Place) {
        match place {
            Place::File { path } | Place::Index { path, .. } => self.redact_path(path),
            Place::Object { origin, .. } => {
                if let Some(path) = &mut origin.path {
                    self.redact_path(path);
                }
            }
            Place::Stream { name } => {
                let path = Path::new(OsStr::from_bytes(name.as_bytes()));
                let mut path = path.to_owned();
                self.redact_path(&mut path);
                *name = path.to_string_lossy().into_owned();
            }
        }
    }

    /// What is handed to the caller: in order, and without a secret in the name of a file.
    pub(super) fn finish(&self, mut scan: Scan) -> Scan {
        scan.matches.iter_mut().for_each(|found| self.redact_place(&mut found.place));
        scan.skipped.iter_mut().for_each(|skipped| self.redact_place(&mut skipped.place));
        scan.sorted()
    }
}

#[cfg(test)]
mod tests {
    use auth_core::{BcryptHash, FingerprintKey, LoginToken, Password};
    use proptest::prelude::*;

    use super::*;
    use crate::scan::{Control, Secret};

    #[test]
    fn every_encoding_is_replaced_and_the_rest_stays() {
        let password = Password::new("pässword one").unwrap();
        let token = LoginToken::from(BcryptHash::of(&password, 4, [1; 16]).unwrap());
        let key = FingerprintKey::new(b"test");
        let scanner = Scanner::new(&[Secret::token("a", &token), Secret::password("p", &password)], &key);
        let shown = format!("[token {} (a)]", token.fingerprint(&key));
        let hex = data_encoding::HEXLOWER.encode(token.expose().as_bytes());
        let text = format!("é {} {hex} é pässword one.", token.expose().replace('$', "%24"));
        assert_eq!(scanner.redact(&text), format!("é {shown} {shown} é [password (p)]."));
        assert_eq!(scanner.redact("nothing"), "nothing");
    }

    #[test]
    fn a_file_named_by_a_secret_is_not_named() {
        let folder = tempfile::tempdir().unwrap();
        let token = LoginToken::new("a-token-of-another-kind").unwrap();
        let scanner = Scanner::new(&[Secret::token("a", &token)], &FingerprintKey::new(b"test"));
        std::fs::write(folder.path().join(token.expose()), token.expose()).unwrap();
        let scan = scanner.tree(&crate::scan::Tree::new(folder.path()), &Control::silent()).unwrap();
        assert_eq!(scan.matches.len(), 1);
        assert!(!format!("{scan:?}").contains(token.expose()));
    }

    fn scanner() -> (Arc<Scanner>, LoginToken) {
        let password = Password::new("pass word").unwrap();
        let token = LoginToken::from(BcryptHash::of(&password, 4, [2; 16]).unwrap());
        let odd = LoginToken::new("ab$cd/e").unwrap();
        let secrets = [Secret::token("a", &token), Secret::password("p", &password), Secret::token("odd", &odd)];
        (Arc::new(Scanner::new(&secrets, &FingerprintKey::new(b"test"))), token)
    }

    /// Everything that is shown, piece by piece.
    fn shown(scanner: &Arc<Scanner>, pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
        let mut redactor = Redactor::new(scanner.clone());
        let mut shown: Vec<u8> = pieces.flat_map(|piece| redactor.push(piece.as_ref())).collect();
        shown.extend(redactor.finish());
        shown
    }

    /// Known and unknown, in all spellings, in pieces of all sizes.
    #[test]
    fn what_is_cut_anywhere_is_redacted_as_if_it_were_whole() {
        let (scanner, token) = scanner();
        let token = token.expose();
        let unknown = format!("$2y$10${}", "b/".repeat(26) + "b");
        let texts = [
            format!("Bearer {token}\nnext"),
            format!("a={} b={} c={}.", token.replace('$', "$$"), token.replace('$', "%24"), token.replace('$', "\\u0024")),
            format!("{unknown}, {}", unknown.replace('/', "%2F").replace('$', "\\$")),
            format!("{} {}", data_encoding::HEXLOWER.encode(token.as_bytes()), data_encoding::BASE64.encode(token.as_bytes())),
            format!(
                "x {}\n{} y",
                &data_encoding::BASE64.encode(token.as_bytes())[..30],
                &data_encoding::BASE64.encode(token.as_bytes())[30..]
            ),
            format!("part {} pass word. xpass word pass words ab$$cd%2fe ab$cd/ef", &token[7..]),
            format!("no token: $2b$12$short, {} $2b", &unknown[..59]),
        ];
        for text in texts {
            let whole = scanner.redact_bytes(text.as_bytes()).into_owned();
            for size in 1..text.len() + 1 {
                let shown = shown(&scanner, text.as_bytes().chunks(size));
                assert_eq!(String::from_utf8_lossy(&shown), String::from_utf8_lossy(&whole), "in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_can_be_no_secret_is_shown_at_once() {
        let (scanner, token) = scanner();
        let mut redactor = Redactor::new(scanner);
        assert_eq!(redactor.push(b"password: "), b"password: ");
        assert_eq!(redactor.push(b">>> $"), b">>> ");
        assert_eq!(redactor.push(b" 2b"), b"$ 2b");
        assert_eq!(redactor.push(&token.expose().as_bytes()[..59]), b"");
        assert_eq!(redactor.push(b"-"), [&token.expose().as_bytes()[..59], b"-"].concat());
        assert_eq!(redactor.finish(), b"");
    }

    proptest! {
        #[test]
        fn awkward_signs_are_held_within_the_bound_and_come_out_again(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["$", "2b$", "2b$12$", "%24", "\\", "&#36;", "aaaaaaaaaaaa", "/", "pass", " word", "ab$cd", "\n", "JDJiJDA0"]),
                0..80,
            ),
        ) {
            let (scanner, _) = scanner();
            let mut redactor = Redactor::new(scanner.clone());
            let mut shown = Vec::new();
            for piece in &pieces {
                shown.extend(redactor.push(piece.as_bytes()));
                prop_assert!(redactor.held.len() <= scanner.engine.window() + piece.len() + 1);
            }
            shown.extend(redactor.finish());
            prop_assert_eq!(String::from_utf8(shown).unwrap(), scanner.redact(&pieces.concat()));
        }
    }
}
