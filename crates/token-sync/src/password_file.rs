//! Reads single files: the plugin's PASSWORD as the plugin reads it, faults included, and any file for a dialect.

use std::path::Path;

use auth_core::PasswordFile;
use zeroize::Zeroizing;

use crate::{Error, FileFacts, disk};

/// The bytes of the plain file at `path`, wiped when dropped; `None` if nothing is there.
///
/// # Errors
/// What is there is no plain file, is larger than 4 MiB, or the system refuses to read it.
pub fn read_file(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    Ok(disk::read(path)?.map(|(bytes, _)| Zeroizing::new(bytes)))
}

/// The PASSWORD file at `path`, with its owner and mode; `None` if nothing is there.
///
/// # Errors
/// What is there is no plain file, or the system refuses to read it.
pub fn read_password_file(path: &Path) -> Result<Option<(PasswordFile, FileFacts)>, Error> {
    let Some((bytes, facts)) = disk::read(path)? else { return Ok(None) };
    let bytes = Zeroizing::new(bytes);
    Ok(Some((PasswordFile::parse(&bytes), facts)))
}
