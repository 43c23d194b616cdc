//! What a disk holds after the power has failed: only what was waited for, or any mixture of that with what was not.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::Read,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::Mutex,
};

/// What of a tree of folders is safe: the bytes of each file when it was last waited for, the names of each folder likewise.
#[derive(Debug, Default)]
pub(crate) struct PowerModel(Mutex<Safe>);

#[derive(Debug, Default)]
struct Safe {
    files: BTreeMap<u64, (Vec<u8>, u32)>,
    folders: BTreeMap<PathBuf, BTreeMap<OsString, Entry>>,
    /// Keeps the number of every file from being used again.
    open: Vec<File>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
enum Entry {
    File(u64),
    Folder,
}

impl PowerModel {
    /// All that is below `root` now is safe.
    pub(crate) fn new(root: &Path) -> Self {
        let model = Self::default();
        model.0.lock().unwrap().keep_all(root);
        model
    }

    pub(crate) fn created(&self, file: &impl AsFd) {
        self.0.lock().unwrap().open.push(File::from(file.as_fd().try_clone_to_owned().unwrap()));
    }

    /// Somebody waited for a file or a folder.
    pub(crate) fn synced(&self, file: BorrowedFd<'_>) {
        let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
        let metadata = File::from(file.try_clone_to_owned().unwrap()).metadata().unwrap();
        let mut safe = self.0.lock().unwrap();
        if metadata.is_dir() {
            if path.is_dir() {
                safe.keep_names(&path);
            }
        } else {
            safe.keep_bytes(&path);
        }
    }

    /// The power fails. `lost` says of which folders the changes of names are lost that were not waited for.
    pub(crate) fn fail(&self, root: &Path, lost: impl Fn(&Path) -> bool) {
        let safe = self.0.lock().unwrap();
        let now = Safe::of(root);
        let names = |folder: &Path| if lost(folder) { &safe.folders } else { &now.folders }.get(folder);
        let mut tree = Vec::new();
        let mut todo = vec![root.to_owned()];
        while let Some(folder) = todo.pop() {
            for (name, entry) in names(&folder).into_iter().flatten() {
                let path = folder.join(name);
                match entry {
                    Entry::Folder => {
                        todo.push(path.clone());
                        tree.push((path, None));
                    }
                    // Bytes that nobody waited for are lost: the name is there, and the file is empty.
                    Entry::File(number) => {
                        tree.push((path, Some(safe.files.get(number).cloned().unwrap_or((Vec::new(), 0o600)))));
                    }
                }
            }
        }
        for entry in std::fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
        for (path, bytes) in tree {
            match bytes {
                None => {
                    std::fs::create_dir(&path).unwrap();
                    let is_private = path.components().any(|part| part.as_os_str() == ".secrets");
                    let mode = if is_private { 0o700 } else { 0o755 };
                    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
                }
                Some((bytes, mode)) => {
                    std::fs::write(&path, bytes).unwrap();
                    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
                }
            }
        }
    }
}

impl Safe {
    fn of(root: &Path) -> Self {
        let mut safe = Self::default();
        safe.keep_all(root);
        safe
    }

    fn keep_all(&mut self, folder: &Path) {
        self.keep_names(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.keep_all(&path);
            } else {
                self.keep_bytes(&path);
            }
        }
    }

    fn keep_names(&mut self, folder: &Path) {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let entry_of = |metadata: std::fs::Metadata| match metadata.is_dir() {
            true => Entry::Folder,
            false => Entry::File(metadata.ino()),
        };
        let names = entries.map(|entry| (entry.file_name(), entry_of(entry.metadata().unwrap()))).collect();
        self.folders.insert(folder.to_owned(), names);
    }

    fn keep_bytes(&mut self, path: &Path) {
        let mut file = File::open(path).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let metadata = file.metadata().unwrap();
        self.files.insert(metadata.ino(), (bytes, metadata.permissions().mode() & 0o7777));
        self.open.push(file);
    }
}
