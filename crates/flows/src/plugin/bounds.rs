//! What is read of folders that others write to as well: plain files only, through no link, and not more than a plugin has. And how much is
//! heard of what a program says.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::fs::OFlags;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of all files. The plugin has under one million.
pub(super) const MOST_BYTES: u64 = 64 << 20;
/// Files and folders.
const MOST_ENTRIES: usize = 10_000;
/// Bytes of a small file.
const SMALL: u64 = 1 << 20;

/// Opens a plain file: no link, and nothing that has no end or waits for somebody who writes.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no plain file")) }
}

/// The whole of a small file.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(SMALL + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SMALL { Err(more_than(SMALL)) } else { Ok(bytes) }
}

/// Copies a plain file and its mode to where nothing is.
pub(super) fn copy(from: &Path, to: &Path, room: &mut Room) -> io::Result<()> {
    let from = open(from)?;
    let mut to = File::create_new(to)?;
    room.pass(&from, &mut to)?;
    to.set_permissions(from.metadata()?.permissions())
}

/// What a plugin may still have: where there is more, something else was meant, or it is a trap.
pub(super) struct Room {
    entries: usize,
    bytes: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self { entries: MOST_ENTRIES, bytes: MOST_BYTES }
    }
}

impl Room {
    /// Lets in one file or folder.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        let left = self.entries.checked_sub(1);
        self.entries = left.ok_or_else(|| io::Error::other(format!("more than {MOST_ENTRIES} files and folders")))?;
        Ok(())
    }

    /// Passes on all that a file holds.
    pub(super) fn pass(&mut self, from: impl Read, into: &mut impl Write) -> io::Result<()> {
        let passed = io::copy(&mut from.take(self.bytes + 1), into)?;
        self.bytes = self.bytes.checked_sub(passed).ok_or_else(|| more_than(MOST_BYTES))?;
        Ok(())
    }
}

/// All that a program says, of so many bytes at most.
pub(super) async fn heard(from: Option<impl AsyncRead + Unpin>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it says more than {} MiB", most >> 20)));
    }
    Ok(bytes)
}

fn more_than(bytes: u64) -> io::Error {
    io::Error::other(format!("more than {} MiB", bytes >> 20))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_waited_for_or_read_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink("/dev/zero", at("endless")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        File::create_new(at("large")).unwrap().set_len(SMALL + 1).unwrap();
        assert_eq!(read(&at("file")).unwrap(), b"x");
        for name in ["link", "endless", "fifo", "large", "."] {
            assert!(read(&at(name)).is_err(), "{name}");
        }
    }

    #[tokio::test]
    async fn a_program_is_heard_up_to_a_bound() {
        assert_eq!(heard(Some(&b"as long as it may be"[..]), 20).await.unwrap().len(), 20);
        let endless = heard(Some(tokio::io::repeat(b'x')), 1 << 20).await.unwrap_err();
        assert_eq!(endless.to_string(), "it says more than 1 MiB");
    }

    #[test]
    fn a_plugin_has_its_bounds() {
        let mut room = Room::default();
        room.pass(io::repeat(0).take(MOST_BYTES), &mut io::sink()).unwrap();
        assert_eq!(room.pass(&b"x"[..], &mut io::sink()).unwrap_err().to_string(), "more than 64 MiB");
        (0..MOST_ENTRIES).for_each(|_| room.enter().unwrap());
        assert_eq!(room.enter().unwrap_err().to_string(), "more than 10000 files and folders");
    }
}
