//! A place that must hold the token, and what its reader sees there.

use std::path::{Path, PathBuf};

use auth_core::LoginToken;

use crate::{Dialect, Error, ErrorKind, ReadFault, Surroundings, disk};

/// A place, its reader's dialect, and the key that holds the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    path: PathBuf,
    dialect: Dialect,
    key: Option<String>,
}

/// What the reader of a target sees.
#[derive(Debug)]
pub enum Reading {
    /// No file is there.
    Absent,
    /// The file is there, and its reader finds no token in it.
    Empty,
    /// The reader finds this token; the plugin's user, where the dialect has one.
    Token(LoginToken, Option<String>),
    /// The reader finds a value that can't be a token: this is why.
    NotAToken(auth_core::Error),
    /// The reader refuses the whole file.
    Refused(ReadFault),
    /// The file can't be read.
    Unreadable(Error),
}

impl Target {
    /// A place at `path`; `key` for dialects of many keys.
    ///
    /// # Errors
    /// [`ErrorKind::Target`] if the dialect has keys and none is given, or the key is not `[A-Z_][A-Z0-9_]*`.
    pub fn new(path: impl Into<PathBuf>, dialect: Dialect, key: Option<&str>) -> Result<Self, Error> {
        let path = path.into();
        let place = path.display();
        let well_named = |key: &str| {
            key.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
                && key.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        match key {
            None if dialect.has_keys() => {
                return Err(Error::new(ErrorKind::Target, format!("the target `{place}` names no key"))
                    .hint(format!("dialect `{dialect}` needs one, such as `COMFYUI_API_TOKEN`")));
            }
            Some(key) if dialect.has_keys() && !well_named(key) => {
                return Err(Error::new(
                    ErrorKind::Target,
                    format!("`{}` can't be the key of the target `{place}`", key.escape_debug()),
                )
                .hint("use capital letters, digits and `_`: some readers drop any other key"));
            }
            _ => {}
        }
        let key = key.filter(|_| dialect.has_keys()).map(str::to_owned);
        Ok(Self { path, dialect, key })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its reader's dialect.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The key that holds the token, for dialects of many keys.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What its reader sees.
    pub fn read(&self) -> Reading {
        match disk::read(&self.path) {
            Ok(Some((bytes, _))) => self.read_bytes(&bytes),
            Ok(None) => Reading::Absent,
            Err(error) => Reading::Unreadable(error),
        }
    }

    /// What its reader would see if `bytes` were its content.
    pub(crate) fn read_bytes(&self, bytes: &[u8]) -> Reading {
        let entries = match self.dialect.read(bytes, &Surroundings::new()) {
            Ok(entries) => entries,
            Err(fault) => return Reading::Refused(fault),
        };
        let last = |key: &str| entries.iter().rev().find(|entry| entry.key == key).and_then(|entry| entry.value.clone());
        match last(self.key.as_deref().unwrap_or("token")).filter(|value| !value.is_empty()) {
            None => Reading::Empty,
            Some(value) => match LoginToken::new(value) {
                Ok(token) => Reading::Token(token, last("user").filter(|_| !self.dialect.has_keys())),
                Err(error) => Reading::NotAToken(error),
            },
        }
    }
}

impl Reading {
    /// Whether the reader sees exactly `token`.
    pub fn holds(&self, token: &LoginToken) -> bool {
        matches!(self, Self::Token(seen, _) if seen == token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_asked_for_and_checked() {
        assert!(Target::new(".env", Dialect::ComposeV2, Some("COMFYUI_API_TOKEN")).is_ok());
        assert!(Target::new("login/PASSWORD", Dialect::LoginPassword, None).is_ok());
        for key in [None, Some(""), Some("a-b"), Some("1X"), Some("lower")] {
            assert_eq!(Target::new(".env", Dialect::ComposeV2, key).unwrap_err().kind(), ErrorKind::Target, "{key:?}");
        }
    }
}
