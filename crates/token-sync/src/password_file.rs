//! Reads the plugin's PASSWORD file as the plugin reads it, faults included.

use std::path::Path;

use auth_core::PasswordFile;
use zeroize::Zeroizing;

use crate::{Error, FileFacts, disk};

/// The PASSWORD file at `path`, with its owner and mode; `None` if nothing is there.
///
/// # Errors
/// What is there is no plain file, or the system refuses to read it.
pub fn read_password_file(path: &Path) -> Result<Option<(PasswordFile, FileFacts)>, Error> {
    let Some((bytes, facts)) = disk::read(path)? else { return Ok(None) };
    let bytes = Zeroizing::new(bytes);
    Ok(Some((PasswordFile::parse(&bytes), facts)))
}
