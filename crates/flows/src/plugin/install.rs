//! Puts the plugin into its place: staged beside it, compared with the digest that is wanted, and renamed. What was there before goes only
//! after that.

use std::{
    fs, io, iter,
    os::unix::fs::{MetadataExt, lchown},
    path::{Path, PathBuf},
};

use report::{ChangeKind, Failure, FailureKind};

use super::{
    Difference, Digest, KeyFile, Manifest, Source, Wanted, archive,
    bounds::{self, Room},
    facts::{DISABLED, LIST, NAME, is_plugin, look},
    git,
    manifest::{COMPILED, KEY_FILE, is_left_out},
};

/// What an installation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// What became of the plugin's folder.
    pub kind: ChangeKind,
    /// The digest of its files.
    pub digest: Digest,
}

/// Installs what is wanted. If it is there already, nothing is fetched and nothing is changed. The key of the sessions is kept.
///
/// # Errors
/// A source that can't be read, holds no ComfyUI-Login, or another one than the digest says; a folder that can't be written.
pub async fn install(custom_nodes: &Path, wanted: &Wanted) -> Result<Installed, Failure> {
    // Held to the end: two installations at once would take each other's folders.
    let _lock = lock(custom_nodes)?;
    let facts = look(custom_nodes, wanted);
    let digest = wanted.digest.clone();
    if facts.is_present && facts.digest.as_ref() == Ok(&digest) && facts.key != KeyFile::Malformed {
        return Ok(Installed { kind: ChangeKind::Kept, digest });
    }
    let stage = Stage::new(custom_nodes).map_err(|error| disk(custom_nodes, &error))?;
    let staged = stage.fill(&wanted.source).await?;
    compare(&staged, wanted)?;
    let kind = stage.swap(&staged, &facts.folder, facts.key).map_err(|error| disk(&facts.folder, &error))?;
    let list = Manifest::of(&facts.folder).map_err(|error| disk(&facts.folder, &error))?.to_string();
    stage.put(&list, &custom_nodes.join(LIST)).map_err(|error| disk(&custom_nodes.join(LIST), &error))?;
    Ok(Installed { kind, digest })
}

fn lock(custom_nodes: &Path) -> Result<fs::File, Failure> {
    let folder = fs::File::open(custom_nodes).map_err(|error| {
        disk(custom_nodes, &error).hint("name ComfyUI's folder with `--comfy-dir DIR`, or this one with `--custom-nodes DIR`")
    })?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(_) => Err(Failure::new(FailureKind::Refused, format!("another installation runs in `{}`", custom_nodes.display()))
            .hint("wait for its end, and run the same command again")),
    }
}

fn disk(path: &Path, error: &io::Error) -> Failure {
    let kind = if error.kind() == io::ErrorKind::NotFound { FailureKind::Unreachable } else { FailureKind::Refused };
    Failure::new(kind, format!("can't work in `{}`: {error}", path.display()))
}

/// Whether what was staged is what is wanted.
fn compare(staged: &Path, wanted: &Wanted) -> Result<(), Failure> {
    let manifest = Manifest::of(staged).map_err(|error| disk(staged, &error))?;
    let digest = manifest.digest();
    if digest == wanted.digest {
        return Ok(());
    }
    let mut failure =
        Failure::new(FailureKind::Declined, format!("`{}` has the digest {digest}, not {}", wanted.source, wanted.digest))
            .hint(format!("if you have read it and want it, pin it: `--digest {digest}`"));
    let known = Manifest::known();
    if known.digest() == wanted.digest {
        failure.causes = known.differences(&manifest).iter().take(10).map(Difference::to_string).collect();
    }
    Err(failure)
}

/// A folder beside the plugin's, on the same disk, that ComfyUI doesn't load. It goes with this value.
struct Stage {
    folder: PathBuf,
    /// Whose `custom_nodes` is: ComfyUI's user, who must be able to write the plugin's key.
    owner: (u32, u32),
}

impl Stage {
    fn new(custom_nodes: &Path) -> io::Result<Self> {
        let folder = custom_nodes.join(format!(".{NAME}.new.{DISABLED}"));
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir(&folder)?,
        }
        let meta = fs::metadata(custom_nodes)?;
        Ok(Self { folder, owner: (meta.uid(), meta.gid()) })
    }

    /// Brings the plugin here, and nothing else that lies where it comes from; where its files are.
    async fn fill(&self, source: &Source) -> Result<PathBuf, Failure> {
        let (unpacked, staged) = (self.folder.join("unpacked"), self.folder.join("plugin"));
        let declined = |message: String| Failure::new(FailureKind::Declined, message);
        let unusable = |error: io::Error| declined(format!("can't take the plugin from `{source}`: {error}"));
        let from = match source {
            Source::Git { url, commit } => {
                git::fetch(url, commit, &self.folder.join("git"), &unpacked).await?;
                &unpacked
            }
            Source::Archive(path) => {
                archive::unpack(path, &unpacked).map_err(unusable)?;
                &unpacked
            }
            Source::Folder(path) => path,
        };
        // Archives of a repository have one folder at their top.
        let below = fs::read_dir(from).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        let found = iter::once(from.clone())
            .chain(below)
            .find(|folder| is_plugin(folder))
            .ok_or_else(|| declined(format!("`{source}` holds no ComfyUI-Login: no __init__.py, password.py and login.html")))?;
        copy(&found, &staged, true, &mut Room::default()).map_err(unusable)?;
        Ok(staged)
    }

    /// Writes a file whole. A link that somebody put in its place is replaced, not followed.
    fn put(&self, text: &str, place: &Path) -> io::Result<()> {
        let staged = self.folder.join("file");
        fs::write(&staged, text)?;
        fs::rename(staged, place)
    }

    /// Renames what is staged into its place. If that fails, what was there stays there.
    fn swap(&self, staged: &Path, place: &Path, key: KeyFile) -> io::Result<ChangeKind> {
        if key == KeyFile::Sound {
            bounds::copy(&place.join(KEY_FILE), &staged.join(KEY_FILE), &mut Room::default())?;
        }
        give(staged, self.owner)?;
        let old = self.folder.join("old");
        match fs::rename(place, &old) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::rename(staged, place)?;
                return Ok(ChangeKind::Created);
            }
            moved => moved?,
        }
        if let Err(error) = fs::rename(staged, place) {
            fs::rename(&old, place)?;
            return Err(error);
        }
        Ok(ChangeKind::Changed)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What stays is removed by the next installation, and ComfyUI does not load it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Copies what is a part of the plugin. What is not (a key that somebody else knows, what Python compiled) has no digest, and must not come in.
fn copy(from: &Path, into: &Path, at_top: bool, room: &mut Room) -> io::Result<()> {
    fs::create_dir(into)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if name == COMPILED || (at_top && is_left_out(&name.to_string_lossy(), kind.is_dir())) {
            continue;
        }
        room.enter()?;
        let place = into.join(&name);
        if kind.is_dir() {
            copy(&entry.path(), &place, false, room)?;
        } else if kind.is_file() {
            bounds::copy(&entry.path(), &place, room)?;
        } else {
            return Err(io::Error::other(format!("`{}` is neither file nor folder", entry.path().display())));
        }
    }
    Ok(())
}

/// Gives all to the owner of `custom_nodes`, where it is not theirs already.
fn give(path: &Path, owner: (u32, u32)) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if (meta.uid(), meta.gid()) != owner {
        lchown(path, Some(owner.0), Some(owner.1))?;
    }
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), owner)?;
        }
    }
    Ok(())
}
