//! The `PASSWORD` file: a bcrypt line, which is the API token, and the username below it.

use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;

use bcrypt::{HashParts, Version, hash_with_salt};
use subtle::ConstantTimeEq;

use crate::py::Raised;
use crate::request::utf8;

/// The cost of a password that is set here.
const COST: u32 = 12;

/// The most bytes of a password; bcrypt takes no more, and the plugin answers 500.
const MAX_PASSWORD: usize = 72;

/// Who may log in.
#[derive(Clone)]
pub(super) struct User {
    /// `None` for a file of one line: then the next login names it.
    pub(super) name: Option<String>,
    pub(super) hash: Vec<u8>,
}

/// The first line, or nothing if there is no file.
pub(super) fn token(path: &Path) -> io::Result<String> {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.utf8_error()))?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(e),
    };
    Ok(text.split(['\n', '\r']).next().unwrap_or_default().trim().to_owned())
}

/// The file for the login form, which splits it at `\n` alone: after `\r\n` no password fits.
pub(super) fn user(path: &Path) -> Result<User, Raised> {
    let bytes = fs::read(path).map_err(|e| Raised::new("OSError", e.to_string()))?;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let hash = lines.next().unwrap_or_default().to_vec();
    let name = match lines.next() {
        Some(line) => Some(utf8(line)?.trim().to_owned()).filter(|name| !name.is_empty()),
        None => None,
    };
    Ok(User { name, hash })
}

/// Writes the file as the plugin does. Without a name it is left empty, which is what the plugin leaves behind when it
/// raises between opening and writing.
pub(super) fn write(path: &Path, hash: &[u8], name: Option<&str>) -> Result<(), Raised> {
    let content = name.map(|name| [hash, b"\n", name.as_bytes()].concat()).unwrap_or_default();
    fs::write(path, content).map_err(|e| Raised::new("OSError", e.to_string()))?;
    match name {
        Some(_) => Ok(()),
        None => Err(Raised::new("AttributeError", "'NoneType' object has no attribute 'encode'")),
    }
}

/// The bcrypt line of a new password.
pub(super) fn hash(password: &[u8], salt: [u8; 16]) -> Result<String, Raised> {
    if password.len() > MAX_PASSWORD {
        return Err(too_long());
    }
    let parts = hash_with_salt(password, COST, salt).map_err(|e| Raised::new("ValueError", e.to_string()))?;
    Ok(parts.format_for_version(Version::TwoB))
}

/// Whether the password fits the line; a line that is no bcrypt raises.
pub(super) fn fits(password: &[u8], line: &[u8]) -> Result<bool, Raised> {
    if password.len() > MAX_PASSWORD {
        return Err(too_long());
    }
    let invalid = || Raised::new("ValueError", "Invalid salt");
    // Version, cost and salt alone decide; what follows is only compared.
    let head = line.get(..29).and_then(|head| std::str::from_utf8(head).ok()).ok_or_else(invalid)?;
    let version = match head.get(..4) {
        Some("$2a$") => Version::TwoA,
        Some("$2b$") => Version::TwoB,
        Some("$2y$") => Version::TwoY,
        _ => return Err(invalid()),
    };
    let parts = HashParts::from_str(&format!("{head}{}", ".".repeat(31))).map_err(|_| invalid())?;
    let made = hash_with_salt(password, parts.get_cost(), parts.get_salt_raw()).map_err(|_| invalid())?;
    Ok(made.format_for_version(version).as_bytes().ct_eq(line).into())
}

fn too_long() -> Raised {
    Raised::new("ValueError", "password cannot be longer than 72 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick(password: &str, version: Version) -> String {
        hash_with_salt(password, 4, [7; 16]).expect("hashes").format_for_version(version)
    }

    #[test]
    fn a_password_fits_its_own_line_alone() {
        for version in [Version::TwoA, Version::TwoB, Version::TwoY] {
            let line = quick("made-up word", version);
            assert_eq!(fits(b"made-up word", line.as_bytes()), Ok(true));
            assert_eq!(fits(b"made-up ward", line.as_bytes()), Ok(false));
            assert_eq!(fits(b"made-up word", format!("{line}\r").as_bytes()), Ok(false), "a line with CRLF");
            assert_eq!(fits(b"made-up word", &line.as_bytes()[..59]), Ok(false));
        }
    }

    #[test]
    fn what_bcrypt_cannot_take_raises() {
        let line = quick("x", Version::TwoB);
        let long = "p".repeat(73);
        assert!(fits(long.as_bytes(), line.as_bytes()).is_err());
        assert!(hash(long.as_bytes(), [0; 16]).is_err());
        for line in ["", "machine-token", "$2b$12$short", "$1b$12$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            assert!(fits(b"x", line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn the_file_reads_as_token_and_as_user() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("PASSWORD");
        assert_eq!(token(&path).ok(), Some(String::new()));
        for (content, first, hash, name) in [
            ("h\nadmin", "h", "h", Some("admin")),
            ("h\r\nadmin\r\n", "h", "h\r", Some("admin")),
            (" h \n\n", "h", " h ", None),
            ("h", "h", "h", None),
            ("", "", "", None),
            ("\nadmin", "", "", Some("admin")),
        ] {
            fs::write(&path, content).expect("writes");
            let user = user(&path).expect("reads");
            assert_eq!(token(&path).ok().as_deref(), Some(first), "{content:?}");
            assert_eq!((user.hash.as_slice(), user.name.as_deref()), (hash.as_bytes(), name), "{content:?}");
        }
    }
}
