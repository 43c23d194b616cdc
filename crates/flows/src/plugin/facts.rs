//! What lies in `custom_nodes`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Digest, Manifest, Wanted, bounds, manifest::KEY_FILE};

/// The plugin's folder in `custom_nodes`.
pub const NAME: &str = "ComfyUI-Login";
/// The list of the installed files, beside the plugin's folder. ComfyUI passes over files that are no Python.
pub(super) const LIST: &str = ".ComfyUI-Login.sha256";
/// What ComfyUI does not load by this ending.
pub(super) const DISABLED: &str = "disabled";

/// By these files a folder is known as the plugin.
const OWN_FILES: [&str; 3] = ["__init__.py", "password.py", "login.html"];

/// What lies in `custom_nodes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Where the plugin must be.
    pub folder: PathBuf,
    /// Whether it is there.
    pub is_present: bool,
    /// Where it was switched off.
    pub disabled: Option<PathBuf>,
    /// Where else it is: ComfyUI loads every copy.
    pub elsewhere: Vec<PathBuf>,
    /// The digest of what is there; why it can't be told.
    pub digest: Result<Digest, String>,
    /// The digest that is wanted.
    pub wanted: Digest,
    /// The files that differ; none if the wanted ones are known by their digest only.
    pub differences: Option<Vec<Difference>>,
    /// The key that the plugin made.
    pub key: KeyFile,
}

/// How a file of the plugin is not the wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It is not there.
    Missing(String),
    /// Its content is another.
    Changed(String),
    /// It is not a part of the plugin.
    Added(String),
}

/// The key with which the plugin signs its sessions. One that can't be read keeps the plugin from loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFile {
    /// None yet: the plugin makes one.
    Absent,
    /// A key and a time.
    Sound,
    /// Something else.
    Malformed,
}

/// Looks.
#[must_use]
pub fn look(custom_nodes: &Path, wanted: &Wanted) -> Facts {
    let folder = custom_nodes.join(NAME);
    let is_present = is_plugin(&folder);
    let there = match folder.is_symlink() {
        // The container sees the link, and not what it leads to.
        true => Err("it is a link, which leads to another place or to none in the container".to_owned()),
        false => Manifest::of(&folder).map_err(|error| error.to_string()),
    };
    let pinned = pinned(custom_nodes, &wanted.digest);
    let disabled = custom_nodes.join(format!("{NAME}.{DISABLED}"));
    Facts {
        is_present,
        disabled: is_plugin(&disabled).then_some(disabled),
        elsewhere: copies(custom_nodes).into_iter().filter(|copy| *copy != folder).collect(),
        digest: there.as_ref().map(Manifest::digest).map_err(Clone::clone),
        wanted: wanted.digest.clone(),
        differences: there.ok().and_then(|there| Some(pinned?.differences(&there))),
        key: key(&folder),
        folder,
    }
}

/// Looks at the archives of the plugin's folder and of the one where it is switched off, as they are in a container below
/// `custom_nodes`. Copies under other names are not looked for.
pub(super) fn look_inside(custom_nodes: &Path, on: Option<&[u8]>, off: Option<&[u8]>, wanted: &Wanted) -> Facts {
    let read = |archive| Manifest::of_archive(archive).map_err(|error: io::Error| error.to_string());
    let has_plugin = |there: &Manifest| OWN_FILES.iter().all(|name| there.has(name));
    let there = on.map(read);
    let disabled = off.map(read).is_some_and(|there| there.is_ok_and(|(there, _)| has_plugin(&there)));
    let known = Some(Manifest::known()).filter(|known| known.digest() == wanted.digest);
    let (digest, differences, key, is_present) = match &there {
        Some(Ok((there, key))) => (
            Ok(there.digest()),
            known.map(|known| known.differences(there)),
            key.as_deref().map_or(KeyFile::Absent, judged),
            has_plugin(there),
        ),
        // What can't be read is there, and no more is known of it.
        Some(Err(error)) => (Err(error.clone()), None, KeyFile::Absent, true),
        None => (Err("it is not there".to_owned()), None, KeyFile::Absent, false),
    };
    Facts {
        folder: custom_nodes.join(NAME),
        is_present,
        disabled: disabled.then(|| custom_nodes.join(format!("{NAME}.{DISABLED}"))),
        elsewhere: Vec::new(),
        digest,
        wanted: wanted.digest.clone(),
        differences,
        key,
    }
}

/// The list of the wanted files: the known one, or the one that was written at the installation. That lies where anybody may have
/// changed it, and is believed for its digest.
fn pinned(custom_nodes: &Path, digest: &Digest) -> Option<Manifest> {
    let written = bounds::read(&custom_nodes.join(LIST)).ok().map(|text| Manifest::read(&String::from_utf8_lossy(&text)));
    [Some(Manifest::known()), written].into_iter().flatten().find(|manifest| manifest.digest() == *digest)
}

/// Whether a folder is the plugin, by its own files.
pub(super) fn is_plugin(folder: &Path) -> bool {
    OWN_FILES.iter().all(|name| folder.join(name).is_file())
}

/// Every folder that ComfyUI would load as the plugin, whatever its name.
pub(crate) fn copies(custom_nodes: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(custom_nodes).into_iter().flatten();
    let is_on = |path: &PathBuf| path.extension().is_none_or(|ending| ending != DISABLED);
    let mut found: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_on(path) && is_plugin(path)).collect();
    found.sort();
    found
}

fn key(folder: &Path) -> KeyFile {
    match bounds::read(&folder.join(KEY_FILE)) {
        Ok(key) => judged(&key),
        // What may not be looked at may well be sound.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => KeyFile::Absent,
        Err(_) => KeyFile::Malformed,
    }
}

/// `KEY,TIME`: what else is there makes the plugin's import fail.
fn judged(key: &[u8]) -> KeyFile {
    let is_sound = str::from_utf8(key).ok().and_then(|text| text.split_once(',')).is_some_and(|(key, time)| {
        let is_time = time.parse::<jiff::civil::DateTime>().is_ok();
        data_encoding::BASE64URL.decode(key.as_bytes()).is_ok_and(|key| key.len() == 32) && is_time
    });
    if is_sound { KeyFile::Sound } else { KeyFile::Malformed }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "`{path}` is not there"),
            Self::Changed(path) => write!(f, "`{path}` was changed"),
            Self::Added(path) => write!(f, "`{path}` was added"),
        }
    }
}
