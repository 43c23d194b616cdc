//! The files of a plugin by their digests, and the digest of that list.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Read, Write},
    path::Path,
};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::{
    Difference,
    bounds::{Room, open},
};

/// Where Python puts what it compiled. A container that we make sees an empty one instead (`docker-ops`).
pub(super) const COMPILED: &str = "__pycache__";
/// What the plugin writes into its own folder.
pub(super) const KEY_FILE: &str = ".secret-key.txt";
/// What stands for the digest of something that is no file.
const NO_FILE: &str = "not-a-file";

/// A SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(String);

/// The SHA-256 of each file by its path. Left out, at the top alone, are git's folder, what Python compiled, and the key that the plugin
/// makes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest(BTreeMap<String, String>);

impl Digest {
    /// That of the plugin whose behaviour this project knows.
    #[must_use]
    pub fn known() -> Self {
        Manifest::known().digest()
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
        (text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(Self(text))
    }

    fn of(bytes: &[u8]) -> Self {
        Self(HEXLOWER.encode(&Sha256::digest(bytes)))
    }

    fn of_file(path: &Path, room: &mut Room) -> io::Result<Self> {
        let mut hashed = Hashed(Sha256::new());
        room.pass(open(path)?, &mut hashed)?;
        Ok(Self(HEXLOWER.encode(&hashed.0.finalize())))
    }
}

/// What is written to it is only hashed.
struct Hashed(Sha256);

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Manifest {
    /// That of the plugin whose behaviour this project knows.
    #[must_use]
    pub fn known() -> Self {
        Self::read(include_str!("known.sha256"))
    }

    /// That of a folder.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let mut manifest = Self::default();
        manifest.add(folder, "", &mut Room::default())?;
        Ok(manifest)
    }

    /// That of a tape archive of one folder, and the content of the key in it. Nothing is unpacked.
    pub(super) fn of_archive(archive: impl Read) -> io::Result<(Self, Option<Vec<u8>>)> {
        let (mut manifest, mut key) = (Self::default(), None);
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry?;
            let kind = entry.header().entry_type();
            let path = entry.path()?.into_owned();
            let Some(path) = path.to_str() else { return Err(io::Error::other("a file's name is not UTF-8")) };
            let Some((_, path)) = path.trim_end_matches('/').split_once('/') else {
                match kind.is_dir() {
                    true => continue,
                    false => return Err(io::Error::other("it is no folder of its own")),
                }
            };
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            if path == KEY_FILE {
                key = Some(content);
            } else if !kind.is_dir() && !is_left_out(path.split('/').next().unwrap_or_default(), path.contains('/')) {
                let hash = if kind.is_file() { Digest::of(&content).0 } else { NO_FILE.to_owned() };
                manifest.0.insert(path.to_owned(), hash);
            }
        }
        Ok((manifest, key))
    }

    /// Whether there is a file of that path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.0.get(path).is_some_and(|hash| hash != NO_FILE)
    }

    fn add(&mut self, folder: &Path, prefix: &str, room: &mut Room) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(io::Error::other("a file's name is not UTF-8"));
            };
            let (path, kind) = (format!("{prefix}{name}"), entry.file_type()?);
            if is_left_out(&path, kind.is_dir()) {
                continue;
            }
            room.enter()?;
            if kind.is_dir() {
                self.add(&entry.path(), &format!("{path}/"), room)?;
                continue;
            }
            // A link is not followed: what it leads to may change without a trace here.
            let hash = if kind.is_file() { Digest::of_file(&entry.path(), room)?.0 } else { NO_FILE.to_owned() };
            self.0.insert(path, hash);
        }
        Ok(())
    }

    /// The digest of this list, as `sha256sum` makes it of its own output.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_string().as_bytes())
    }

    /// Lines as `sha256sum` writes them. What is none is passed over: only a list of the right digest is believed.
    pub(super) fn read(text: &str) -> Self {
        let entry = |line: &str| line.split_once("  ").map(|(hash, path)| (path.to_owned(), hash.to_owned()));
        Self(text.lines().filter_map(entry).collect())
    }

    /// Where a folder's files differ from this list.
    pub(super) fn differences(&self, there: &Self) -> Vec<Difference> {
        let missing = self.0.keys().filter(|path| !there.0.contains_key(*path)).cloned().map(Difference::Missing);
        let other = there.0.iter().filter_map(|(path, hash)| match self.0.get(path) {
            Some(wanted) if wanted == hash => None,
            Some(_) => Some(Difference::Changed(path.clone())),
            None => Some(Difference::Added(path.clone())),
        });
        other.chain(missing).collect()
    }
}

/// Whether what has this path in a plugin's folder is no part of the plugin.
pub(super) fn is_left_out(path: &str, is_folder: bool) -> bool {
    matches!(path, ".git" | KEY_FILE) || (path == COMPILED && is_folder)
}

/// Lines as `sha256sum` writes them, sorted by path.
impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(path, hash)| writeln!(f, "{hash}  {path}"))
    }
}
