//! Searches a tree of files with several threads.
//!
//! Folders are listed and files opened relative to their folder's descriptor, without following links, so that a tree which
//! changes meanwhile leads nowhere else. A folder of many files is shared out in pieces.

use std::{
    ffi::{CString, OsStr},
    fs::File,
    io,
    num::NonZeroUsize,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};

use super::{
    Scanner,
    control::{Control, Meter, Stage},
    engine::Engine,
    found::{Place, Scan},
    ignored::{self, Rules},
    queue::Queue,
    searcher::Searcher,
};
use crate::{Error, ErrorKind};

/// So many files of one folder are searched by one thread before another may take the next.
const PIECE: usize = 64;

/// A tree of files to search.
///
/// Searched are all plain files, hidden and binary ones too, of any length. Not searched are folders and files named `.git`
/// (see [`crate::scan::Git`]), what symbolic links point to, FIFOs, sockets and devices, and what a `.gitignore` or
/// `.git/info/exclude` leaves out. Leftovers of editors and people are searched although they are ignored, unless they lie in
/// an ignored folder: `*.swp`, `*.swo`, `*.swn`, `*~`, `.#*`, `#*#`, `*.bak`, `*.orig`, `*.rej`, `*.old`, `*.save`, `.env.*`.
/// The user's global excludes are not read.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
    no_ignore: bool,
    threads: usize,
}

impl Tree {
    /// The tree at `root`, or the one file there, searched with as many threads as there are processors.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { root: root.into(), no_ignore: false, threads }
    }

    /// Whether ignored files and folders are searched too.
    #[must_use]
    pub fn no_ignore(self, no_ignore: bool) -> Self {
        Self { no_ignore, ..self }
    }

    /// How many threads search.
    #[must_use]
    pub fn threads(self, threads: NonZeroUsize) -> Self {
        Self { threads: threads.get(), ..self }
    }
}

impl Scanner {
    /// Searches a tree. What can't be read is listed in [`Scan::skipped`].
    ///
    /// # Errors
    /// If the root can't be read: [`ErrorKind::Absent`], [`ErrorKind::Permission`], [`ErrorKind::NotAFile`] for FIFOs, sockets
    /// and devices, [`ErrorKind::Io`].
    pub fn tree(&self, tree: &Tree, control: &Control) -> Result<Scan, Error> {
        let found = std::fs::metadata(&tree.root).map_err(|error| Error::io("search", &tree.root, error))?;
        if !found.is_dir() {
            return self.file(&tree.root, control);
        }
        let root = open_folder(&tree.root, OFlags::empty()).map_err(|error| Error::io("search", &tree.root, error))?;
        drop(root);
        Ok(control.stage(Stage::Files, |meter| self.engine.finish(run(&self.engine, tree, meter))))
    }

    /// Searches one file, whatever its name; a symbolic link is followed.
    ///
    /// # Errors
    /// As [`Scanner::tree`].
    pub fn file(&self, path: &Path, control: &Control) -> Result<Scan, Error> {
        let failed = |error| Error::io("search", path, error);
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err(Error::new(ErrorKind::NotAFile, format!("`{}` is not a plain file", path.display()))
                .hint("pipe what comes out of it into the scan"));
        }
        let mut file = File::open(path).map_err(failed)?;
        Ok(control.stage(Stage::Files, |meter| {
            let mut searcher = Searcher::new(&self.engine, meter);
            searcher.search(&mut file, || Place::File { path: path.to_owned() });
            self.engine.finish(searcher.scan)
        }))
    }
}

enum Task {
    Folder(Folder),
    Files(Arc<OpenFolder>, Vec<CString>),
}

struct Folder {
    /// As the caller sees it.
    path: PathBuf,
    /// Absolute and without links, as ignore rules need it; empty if nothing is ignored.
    real: PathBuf,
    rules: Rules,
    is_root: bool,
}

struct OpenFolder {
    path: PathBuf,
    descriptor: OwnedFd,
}

fn run(engine: &Engine, tree: &Tree, meter: &Meter<'_>) -> Scan {
    let real = if tree.no_ignore { PathBuf::new() } else { ignored::canonical(&tree.root) };
    let rules = if tree.no_ignore { Rules::default() } else { Rules::above(&real) };
    let queue = Queue::new(Task::Folder(Folder { path: tree.root.clone(), real, rules, is_root: true }));
    let work = || {
        let mut searcher = Searcher::new(engine, meter);
        let mut worker = Worker { searcher: &mut searcher, queue: &queue, no_ignore: tree.no_ignore };
        queue.work(|task| {
            if meter.stopped() {
                worker.searcher.scan.stopped = true;
                return;
            }
            match task {
                Task::Folder(folder) => worker.folder(folder),
                Task::Files(folder, names) => worker.files(&folder, &names),
            }
        });
        searcher.scan
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..tree.threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        others.into_iter().fold(own, |mut all, other| {
            // A thread that panicked takes the scan with it: what it had found is lost.
            let scan = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.absorb(scan);
            all
        })
    })
}

struct Worker<'a, 'e> {
    searcher: &'a mut Searcher<'e>,
    queue: &'a Queue<Task>,
    no_ignore: bool,
}

impl Worker<'_, '_> {
    /// Lists a folder, hands out what is in it, and searches the first piece of its files.
    fn folder(&mut self, folder: Folder) {
        let Folder { path, real, rules, is_root } = folder;
        let nofollow = if is_root { OFlags::empty() } else { OFlags::NOFOLLOW };
        let listed = open_folder(&path, nofollow).and_then(|descriptor| Ok((list(&descriptor)?, descriptor)));
        let (entries, descriptor) = match listed {
            Ok(listed) => listed,
            Err(error) => return self.searcher.skip(Place::File { path }, &error),
        };
        self.searcher.scan.counts.folders += 1;
        let holds = |name: &[u8]| entries.iter().any(|(entry, _)| entry.as_bytes() == name);
        let rules = if self.no_ignore { rules } else { rules.enter(&real, holds(b".git"), holds(b".gitignore")) };
        let mut names = Vec::with_capacity(entries.len());
        let mut tasks = Vec::new();
        for (name, kind) in entries {
            let plain = OsStr::from_bytes(name.as_bytes());
            if plain == ".git" {
                continue;
            }
            let ignored = |is_folder| !rules.is_empty() && rules.ignore(&real.join(plain), is_folder);
            match kind {
                FileType::Directory if ignored(true) => self.searcher.scan.counts.ignored += 1,
                FileType::Directory => {
                    let real = if self.no_ignore { PathBuf::new() } else { real.join(plain) };
                    let path = if path == Path::new(".") { plain.into() } else { path.join(plain) };
                    tasks.push(Task::Folder(Folder { path, real, rules: rules.clone(), is_root: false }));
                }
                FileType::RegularFile if ignored(false) && !ignored::is_leftover(name.as_bytes()) => {
                    self.searcher.scan.counts.ignored += 1;
                }
                FileType::RegularFile => names.push(name),
                FileType::Symlink => self.searcher.scan.counts.links += 1,
                _ => self.searcher.scan.counts.special += 1,
            }
        }
        let folder = Arc::new(OpenFolder { path, descriptor });
        // Files are pushed after folders and so taken first, which closes this folder soon.
        while names.len() > PIECE {
            let piece = names.split_off(names.len() - PIECE);
            tasks.push(Task::Files(folder.clone(), piece));
        }
        self.queue.push(tasks);
        self.files(&folder, &names);
    }

    fn files(&mut self, folder: &OpenFolder, names: &[CString]) {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        for name in names {
            let place = || {
                let name = Path::new(OsStr::from_bytes(name.as_bytes()));
                let path = if folder.path == Path::new(".") { name.to_owned() } else { folder.path.join(name) };
                Place::File { path }
            };
            match rustix::fs::openat(&folder.descriptor, name, flags, Mode::empty()) {
                Ok(file) => self.searcher.search(&mut File::from(file), place),
                Err(error) => self.searcher.skip(place(), &error.into()),
            }
            if self.searcher.scan.stopped || self.searcher.stopped() {
                self.searcher.scan.stopped = true;
                return;
            }
        }
    }
}

fn open_folder(path: &Path, nofollow: OFlags) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | nofollow;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

/// All that is in a folder, with its kind.
fn list(folder: &OwnedFd) -> io::Result<Vec<(CString, FileType)>> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_or(FileType::Unknown, |found| FileType::from_raw_mode(found.st_mode)),
            kind => kind,
        };
        entries.push((name.to_owned(), kind));
    }
    Ok(entries)
}
