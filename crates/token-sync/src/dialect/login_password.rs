//! The plugin's `login/PASSWORD`, a file of two lines that is written whole.

use auth_core::{LoginToken, PasswordFile};

use super::Entry;
use crate::{Error, ErrorKind};

pub(super) fn read(bytes: &[u8]) -> Vec<Entry> {
    let file = PasswordFile::parse(bytes);
    let token_end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let entry = |key: &str, value: &str, span| Entry { key: key.to_owned(), value: Some(value.to_owned()), span, spelled: true };
    let token = file.token().map(|token| entry("token", token.expose(), 0..token_end));
    let user = file.user().map(|user| entry("user", user, bytes.len().min(token_end + 1)..bytes.len()));
    token.into_iter().chain(user).collect()
}

pub(crate) fn write(value: &str, user: &str) -> Result<Vec<u8>, Error> {
    let refused = |error: auth_core::Error| Error::new(ErrorKind::Unwritable, error.to_string());
    let token = LoginToken::new(value).map_err(refused)?;
    Ok(PasswordFile::new(token, user).map_err(refused)?.to_bytes())
}
