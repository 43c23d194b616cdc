//! The plugin out of an archive. Nothing is written outside of the folder, no link is made, and an archive that unfolds without end is
//! given up.

use std::{
    fs::{self, File},
    io::{self, Read, Seek},
    path::{Component, Path, PathBuf},
};

use super::bounds::{MOST_BYTES, Room};

/// Bytes of a tape archive, its long names included, which are read into memory.
pub(super) const MOST_TAPE: u64 = 2 * MOST_BYTES;

/// Unpacks a `.zip`, `.tar` or `.tar.gz`, which it knows by its first bytes.
pub(super) fn unpack(archive: &Path, into: &Path) -> io::Result<()> {
    let mut file = File::open(archive)?;
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(4).read_to_end(&mut head)?;
    file.rewind()?;
    match head.as_slice() {
        [b'P', b'K', 3, 4] => unzip(file, into),
        [0x1f, 0x8b, ..] => untar(flate2::read::GzDecoder::new(file), into),
        _ => untar(file, into),
    }
}

/// Unpacks a tape archive.
pub(super) fn untar(archive: impl Read, into: &Path) -> io::Result<()> {
    let mut unpacker = Unpacker::new(into);
    for entry in tar::Archive::new(archive.take(MOST_TAPE)).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        match entry.header().entry_type() {
            tar::EntryType::Directory => unpacker.folder(&path)?,
            tar::EntryType::Regular | tar::EntryType::Continuous => unpacker.file(&path, &mut entry)?,
            // git notes its commit there.
            tar::EntryType::XGlobalHeader => {}
            _ => return Err(refused(&path, "is neither file nor folder")),
        }
    }
    unpacker.ended()
}

fn unzip(archive: File, into: &Path) -> io::Result<()> {
    let mut unpacker = Unpacker::new(into);
    let mut archive = zip::ZipArchive::new(archive).map_err(io::Error::other)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(io::Error::other)?;
        let path = PathBuf::from(entry.name().map_err(io::Error::other)?.into_owned());
        match entry.unix_mode().map(|mode| mode & 0o170_000) {
            _ if entry.is_dir() => unpacker.folder(&path)?,
            None | Some(0 | 0o100_000) => unpacker.file(&path, &mut entry)?,
            Some(_) => return Err(refused(&path, "is neither file nor folder")),
        }
    }
    unpacker.ended()
}

/// Writes entries below one folder.
struct Unpacker<'a> {
    into: &'a Path,
    room: Room,
    is_empty: bool,
}

impl<'a> Unpacker<'a> {
    fn new(into: &'a Path) -> Self {
        Self { into, room: Room::default(), is_empty: true }
    }

    fn folder(&mut self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(self.place(path)?)
    }

    fn file(&mut self, path: &Path, content: &mut impl Read) -> io::Result<()> {
        let place = self.place(path)?;
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        // Nothing is written over: of two entries of one name nobody knows which is meant.
        let mut file = File::create_new(&place).map_err(|error| refused(path, &error.to_string()))?;
        self.room.pass(content, &mut file)
    }

    /// Where an entry goes: below the folder, by plain names only.
    fn place(&mut self, path: &Path) -> io::Result<PathBuf> {
        self.is_empty = false;
        self.room.enter()?;
        let mut place = self.into.to_owned();
        for component in path.components() {
            match component {
                Component::Normal(name) if !name.as_encoded_bytes().iter().any(|byte| matches!(byte, b'\\' | 0)) => {
                    place.push(name);
                }
                Component::CurDir => {}
                _ => return Err(refused(path, "leads out of its folder")),
            }
        }
        Ok(place)
    }

    fn ended(self) -> io::Result<()> {
        if self.is_empty { Err(io::Error::other("it is empty, or no archive")) } else { Ok(()) }
    }
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::other(format!("its entry `{}` {why}", path.display().to_string().escape_debug()))
}
