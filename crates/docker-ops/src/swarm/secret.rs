//! The PASSWORD file as a Swarm secret, whose name says its version.

use std::{fmt, path::Path};

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind};

/// A Swarm takes more than 0 and less than this.
const MOST_BYTES: usize = 512_000;

/// The bytes of ComfyUI-Login's PASSWORD file. They are wiped from memory, and no `Debug` shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordFile(Zeroizing<Vec<u8>>);

impl fmt::Debug for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordFile")
    }
}

impl PasswordFile {
    /// Both lines must be there: the plugin adds an absent user name by writing to the file, and a Swarm's secrets can't be written to. An
    /// empty first line would open the server to everyone.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`]; the bytes are in no error.
    pub fn new(bytes: impl Into<Zeroizing<Vec<u8>>>) -> Result<PasswordFile, Error> {
        let bytes = bytes.into();
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let mut filled = || lines.next().is_some_and(|line| !line.trim_ascii().is_empty());
        if !(filled() && filled()) || bytes.len() >= MOST_BYTES {
            let message = "the PASSWORD file must have two lines, the bcrypt line and the user's name";
            return Err(Error::new(ErrorKind::InvalidConfig, message).hint("write it anew: `genai-tokens sync`"));
        }
        Ok(PasswordFile(bytes))
    }

    /// Reads it from the host's `login` folder.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], and those of [`PasswordFile::new`].
    pub async fn read(login: &Path) -> Result<PasswordFile, Error> {
        let path = login.join("PASSWORD");
        let bytes = tokio::fs::read(&path).await.map_err(|error| {
            Error::new(ErrorKind::Io, format!("`{}` can't be read", path.display()))
                .because(error)
                .hint("make the credential first: `genai-auth setup`")
        })?;
        PasswordFile::new(bytes)
    }

    /// Eight hexadecimal digits of its SHA-256: enough to tell versions apart, and too few to check a guess by.
    #[must_use]
    pub fn version(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(&*self.0)[..4])
    }

    /// As the engine takes it.
    pub(super) fn base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(&self.0))
    }
}

/// How the secret of that version is called. A secret can't be changed, and not be removed while it is used: so each version has its
/// own name, and a service changes from one to the next.
#[must_use]
pub fn secret_name(project: &str, service: &str, version: &str) -> String {
    format!("{project}_{service}-password-{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_would_open_or_break_the_login_is_refused() {
        for bad in ["", "\n", "\nuser\n", "line", "line\n", "line\n \n", &"x\n".repeat(MOST_BYTES)] {
            assert!(PasswordFile::new(bad.as_bytes().to_vec()).is_err(), "{:?}", &bad[..bad.len().min(9)]);
        }
        assert!(PasswordFile::new(b"line\nuser\n".to_vec()).is_ok());
    }

    #[test]
    fn the_version_follows_the_bytes_and_nothing_shows_them() {
        let file = |text: &str| PasswordFile::new(text.as_bytes().to_vec()).unwrap();
        assert_eq!(file("a\nuser\n").version(), file("a\nuser\n").version());
        assert_ne!(file("a\nuser\n").version(), file("b\nuser\n").version());
        assert_eq!(file("a\nuser\n").version().len(), 8);
        assert_eq!(format!("{:?}", file("a\nuser\n")), "PasswordFile");
    }
}
