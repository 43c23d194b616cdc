//! Puts what may be shown in the place of secrets, in texts and in the names of files.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

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
}
