//! Tells when files may have changed, by watching the folders on the way to them: a file that is replaced by a rename, as editors and
//! our own commits do, takes its own watch with it, and a folder that is not there yet can only be seen from the one above.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    path::{Component, Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};

use crate::{Error, ErrorKind};

/// How many links may lead to one file, as the system counts.
const MOST_LINKS: usize = 40;

/// Watches the ways to some files until it is dropped.
///
/// It never says what changed, since only reading the file tells that. Make it first, then read: what happens after that is told.
///
/// ```
/// use std::{sync::mpsc, time::Duration};
/// use token_sync::Watch;
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("not/there/yet.env");
/// let (tell, told) = mpsc::channel();
/// let watch = Watch::new([&file], move || {
///     let _ = tell.send(());
/// });
/// assert!(watch.blind().is_none());
///
/// std::fs::create_dir_all(file.parent().unwrap())?;
/// told.recv_timeout(Duration::from_secs(30))?;
/// assert!(watch.is_stale(), "the way to the file is another one now: watch it anew");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Watch {
    ways: Arc<Ways>,
    blind: Option<Error>,
    _watcher: Option<RecommendedWatcher>,
}

/// Every name on the ways, shared with the thread that hears of them.
#[derive(Default)]
struct Ways {
    names: Mutex<BTreeMap<PathBuf, Role>>,
    stale: AtomicBool,
}

/// What a name on a way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// One of the files.
    File,
    /// A folder or link that leads there, or is to lead there.
    Step,
}

impl Watch {
    /// Watches the ways to `files`, whether they are there or not, and calls `changed`, from another thread, whenever one of them may
    /// be another than before. A folder that can't be watched is told by [`Watch::blind`].
    pub fn new<P: AsRef<Path>>(files: impl IntoIterator<Item = P>, changed: impl Fn() + Send + 'static) -> Self {
        let ways = Arc::<Ways>::default();
        let heard = Arc::clone(&ways);
        let made = RecommendedWatcher::new(
            move |event| {
                if heard.concerns(event) {
                    changed();
                }
            },
            notify::Config::default(),
        );
        let mut watcher = match made {
            Ok(watcher) => watcher,
            Err(error) => {
                let error = unwatchable(Path::new("/"), error).hint("see the limit with `sysctl fs.inotify.max_user_instances`");
                return Self { ways, blind: Some(error), _watcher: None };
            }
        };
        let mut folders = BTreeSet::new();
        let mut blind = None;
        for file in files {
            if let Err(error) = ways.follow(file.as_ref(), &mut watcher, &mut folders) {
                blind.get_or_insert(error);
            }
        }
        Self { ways, blind, _watcher: Some(watcher) }
    }

    /// Why changes may pass unseen: the first folder that can't be watched. Who needs them must look again and again.
    pub fn blind(&self) -> Option<&Error> {
        self.blind.as_ref()
    }

    /// Whether a folder on the way came, went or was replaced, or events were lost: then only a new watch sees everything.
    pub fn is_stale(&self) -> bool {
        self.ways.stale.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("stale", &self.is_stale()).field("blind", &self.blind).finish_non_exhaustive()
    }
}

impl Ways {
    /// Watches each folder on the way to `file`, from the root on, links followed as the system does, up to the first that is not
    /// there. A name is looked at only when its folder is watched already: so no change falls in between.
    fn follow(&self, file: &Path, watcher: &mut RecommendedWatcher, folders: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
        if !file.is_absolute() {
            return Err(Error::new(ErrorKind::Target, format!("`{}` is no absolute path", file.display())));
        }
        let mut folder = PathBuf::from("/");
        let mut rest: VecDeque<PathBuf> = parts(file);
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            if name == Path::new("..") {
                folder.pop();
                continue;
            }
            let here = folder.join(name);
            self.add(&here, if rest.is_empty() { Role::File } else { Role::Step });
            let heard = if folders.insert(folder.clone()) { listen(watcher, &folder) } else { Ok(()) };
            let end = if rest.is_empty() { None } else { std::fs::symlink_metadata(&here).ok() };
            match end {
                // That a folder above can't be watched only hides that all below it is moved away.
                Some(found) if found.is_dir() => folder = here,
                Some(found) if found.is_symlink() && links < MOST_LINKS => {
                    heard?;
                    links += 1;
                    let Ok(target) = std::fs::read_link(&here) else { return Ok(()) };
                    if target.is_absolute() {
                        folder = PathBuf::from("/");
                    }
                    for part in parts(&target).into_iter().rev() {
                        rest.push_front(part);
                    }
                }
                _ => return heard,
            }
        }
        Ok(())
    }

    fn add(&self, name: &Path, role: Role) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let known = names.entry(name.to_owned()).or_insert(role);
        *known = role.max(*known);
    }

    /// Whether an event is about one of the names. That somebody opened or read a file changes nothing: we do so ourselves.
    fn concerns(&self, event: notify::Result<notify::Event>) -> bool {
        let Some(event) = event.ok().filter(|event| !event.need_rescan()) else {
            self.stale.store(true, Ordering::Release); // events were lost, who knows which
            return true;
        };
        let only_looked = |kind| kind != AccessKind::Close(AccessMode::Write);
        if matches!(event.kind, EventKind::Access(kind) if only_looked(kind)) {
            return false;
        }
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let role = event.paths.iter().filter_map(|path| names.get(path)).max();
        if role == Some(&Role::Step) {
            self.stale.store(true, Ordering::Release);
        }
        role.is_some()
    }
}

/// The names of a path, one by one.
fn parts(path: &Path) -> VecDeque<PathBuf> {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| PathBuf::from(part.as_os_str()))
        .collect()
}

fn listen(watcher: &mut RecommendedWatcher, folder: &Path) -> Result<(), Error> {
    if let Some(name) = silent_file_system(folder) {
        return Err(Error::new(
            ErrorKind::Unwatchable,
            format!("`{}` is on {name}, which doesn't tell of every change", folder.display()),
        ));
    }
    match watcher.watch(folder, RecursiveMode::NonRecursive) {
        // It went away since its name was read: its parent, which is watched already, tells.
        Err(notify::Error { kind: notify::ErrorKind::PathNotFound, .. }) => Ok(()),
        Err(error) => Err(unwatchable(folder, error)),
        Ok(()) => Ok(()),
    }
}

fn unwatchable(folder: &Path, error: notify::Error) -> Error {
    match error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            Error::new(ErrorKind::Unwatchable, format!("can't watch `{}`: this user watches too many folders", folder.display()))
                .hint("raise the limit with `sysctl fs.inotify.max_user_watches=524288`")
        }
        notify::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Error::io("watch", folder, error),
        _ => Error::new(ErrorKind::Unwatchable, format!("can't watch `{}`", folder.display())).because(Box::new(error)),
    }
}

/// The file system of a folder, if it doesn't tell what another machine, or the system itself, changes in it.
#[cfg(target_os = "linux")]
fn silent_file_system(folder: &Path) -> Option<&'static str> {
    /// As `statfs(2)` lists them.
    const SILENT: &[(u32, &str)] = &[
        (0x0000_6969, "NFS"),
        (0x0000_517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB 2"),
        (0x0102_1997, "9P"),
        (0x6573_5546, "FUSE"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
        (0x7375_7245, "Coda"),
        (0x0bd0_0bd0, "Lustre"),
        (0x786f_4256, "VirtualBox's shared folders"),
        (0x0000_9fa0, "procfs"),
        (0x6265_6572, "sysfs"),
    ];
    let kind = rustix::fs::statfs(folder).ok()?.f_type as u32;
    SILENT.iter().find(|(magic, _)| *magic == kind).map(|(_, name)| *name)
}

/// Elsewhere nobody asked yet.
#[cfg(not(target_os = "linux"))]
fn silent_file_system(_folder: &Path) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests;
