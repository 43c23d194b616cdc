//! Reads and writes single files in an open folder: private from birth, never through a link, safe on the disk when done.

use std::{
    ffi::OsStr,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, io::Errno};
use zeroize::Zeroizing;

use crate::{
    Error, ErrorKind,
    io::{Facts, Identity, Io, System},
};

/// The largest file that is read and written: secrets and the files that carry them are small.
const LIMIT: usize = 4 * 1024 * 1024;

/// Who owns a file and who may touch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileFacts {
    /// The permission bits, such as `0o600`.
    pub mode: u32,
    /// The owner's user id.
    pub uid: u32,
    /// The owner's group id.
    pub gid: u32,
}

impl FileFacts {
    /// Whether others than the owner may read or write.
    pub fn is_private(&self) -> bool {
        self.mode & 0o077 == 0
    }

    /// The mode for what replaces the file: never looser, never open to everybody; a group that could read still can.
    pub(crate) fn tightened(&self) -> u32 {
        self.mode & 0o640
    }
}

/// What a file holds, and its facts.
pub(crate) type Content = (Zeroizing<Vec<u8>>, FileFacts);

/// The content and facts of the plain file at `path`; `None` if nothing is there.
pub(crate) fn read(path: &Path) -> Result<Option<(Vec<u8>, FileFacts)>, Error> {
    let opened = System.open(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK);
    let content = plain_file(&System, path, opened)?;
    Ok(content.map(|(mut bytes, facts)| (std::mem::take(&mut *bytes), facts)))
}

/// The facts of the folder at `path`; `None` if nothing is there.
pub(crate) fn folder_facts(path: &Path) -> Result<Option<FileFacts>, Error> {
    Folder::open(&System, &crate::place::real_folder(&System, path)?)?.map(|folder| folder.facts()).transpose()
}

/// A file to be made.
#[derive(Debug)]
pub(crate) struct New<'a> {
    pub(crate) name: &'a OsStr,
    /// The name of the file that it is made for, which people know.
    pub(crate) stands_for: &'a OsStr,
    pub(crate) owner: Owner,
    pub(crate) mode: u32,
}

/// Whose a new file is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner {
    /// This process's user's.
    Own,
    /// That of the file that it replaces.
    Kept(FileFacts),
    /// Its folder's owner's.
    OfFolder(FileFacts),
}

impl<'a> New<'a> {
    /// A private file of this process's user.
    pub(crate) fn private(name: &'a OsStr) -> Self {
        Self { name, stands_for: name, owner: Owner::Own, mode: 0o600 }
    }
}

/// A folder held open: what is done in it is done in this one, whatever takes its name meanwhile.
#[derive(Debug)]
pub(crate) struct Folder<'io> {
    io: &'io dyn Io,
    fd: OwnedFd,
    path: PathBuf,
}

impl<'io> Folder<'io> {
    /// The folder at `path`, which is absolute and has no link in it; `None` if nothing is there.
    pub(crate) fn open(io: &'io dyn Io, path: &Path) -> Result<Option<Self>, Error> {
        match io.open_folder(path) {
            Ok(fd) => Ok(Some(Self { io, fd, path: path.to_owned() })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) if io.real_path(path).is_ok_and(|real| real != path) => Err(replaced(path)),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                Err(Error::new(ErrorKind::NotAFile, format!("`{}` is not a folder", path.display()))
                    .hint("a file is in the folder's place: move it away, or name another path"))
            }
            Err(error) => Err(Error::io("open the folder", path, error)),
        }
    }

    /// Which folder it is, whatever its path.
    pub(crate) fn identity(&self) -> Result<Identity, Error> {
        self.io.stat(self.fd.as_fd()).map(|facts| facts.identity).map_err(self.at("look at", None))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn facts(&self) -> Result<FileFacts, Error> {
        self.io.stat(self.fd.as_fd()).map(|facts| facts.file).map_err(self.at("look at", None))
    }

    /// The content and facts of the plain file of that name; `None` if nothing is there.
    pub(crate) fn read(&self, name: &OsStr) -> Result<Option<Content>, Error> {
        let opened = self.io.open_at(self.fd.as_fd(), name, OFlags::RDONLY | OFlags::NONBLOCK);
        plain_file(self.io, &self.path.join(name), opened)
    }

    /// The file of that name for reading and writing; `None` if nothing is there.
    pub(crate) fn open_file(&self, name: &OsStr) -> Result<Option<OwnedFd>, Error> {
        match self.io.open_at(self.fd.as_fd(), name, OFlags::RDWR | OFlags::NONBLOCK) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.at("open", Some(name))(error)),
        }
    }

    /// A new, empty, private file of that name; `None` if something is there already.
    pub(crate) fn create_file(&self, name: &OsStr) -> Result<Option<OwnedFd>, Error> {
        match self.io.create(self.fd.as_fd(), name) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::EXIST) => Ok(None),
            Err(error) => Err(self.at("create", Some(name))(error)),
        }
    }

    /// Writes a new file, private from birth, then of that owner and mode, and safe on the disk when done.
    pub(crate) fn create(&self, new: &New<'_>, bytes: &[u8]) -> Result<(), Error> {
        let New { name, stands_for, owner, mode } = *new;
        let at_it = |what| self.at(what, Some(stands_for));
        let file = self.io.create(self.fd.as_fd(), name).map_err(at_it("write"))?;
        let file = file.as_fd();
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = self.io.write(file, rest).map_err(at_it("write"))?;
            if written == 0 {
                return Err(at_it("write")(Errno::NOSPC));
            }
            rest = &rest[written..];
        }
        let own = self.io.stat(file).map_err(at_it("look at"))?.file;
        if let Owner::Kept(facts) | Owner::OfFolder(facts) = owner
            && (own.uid, own.gid) != (facts.uid, facts.gid)
        {
            self.io.set_owner(file, facts.uid, facts.gid).map_err(|error| self.not_given(new, own, facts, error))?;
        }
        // Whatever mask the process has: the file is born with fewer rights, or none.
        self.io.set_mode(file, mode).map_err(at_it("set the rights of"))?;
        self.io.sync(file).map_err(at_it("sync"))
    }

    pub(crate) fn has(&self, name: &OsStr) -> Result<bool, Error> {
        self.io.is_there(self.fd.as_fd(), name).map_err(self.at("look at", Some(name)))
    }

    /// Sets the rights of the file of that name; safe on the disk when done.
    pub(crate) fn set_mode_of(&self, name: &OsStr, mode: u32) -> Result<(), Error> {
        let at_it = |error| self.at("set the rights of", Some(name))(error);
        let file = self.io.open_at(self.fd.as_fd(), name, OFlags::RDONLY | OFlags::NONBLOCK).map_err(at_it)?;
        self.io.set_mode(file.as_fd(), mode).and_then(|()| self.io.sync(file.as_fd())).map_err(at_it)
    }

    /// Whose a new file in the folder must be, where that is not this process's user: the folder's owner, whose program reads it. A
    /// folder that everybody may put files into (`/tmp`) says nothing.
    pub(crate) fn owner_of_new(&self) -> Result<Option<FileFacts>, Error> {
        let facts = self.facts()?;
        let is_everybodys = facts.mode & 0o1000 != 0;
        Ok((facts.uid != rustix::process::geteuid().as_raw() && !is_everybodys).then_some(facts))
    }

    /// Takes every right on the folder from others than its owner, if they have one. Only a folder for secrets is changed: one that
    /// holds other things too may have to be open.
    pub(crate) fn make_private(&self) -> Result<(), Error> {
        if self.facts()?.is_private() {
            return Ok(());
        }
        if self.path.file_name().is_none_or(|name| name != ".secrets") {
            return Err(Error::new(
                ErrorKind::Exposed,
                format!("others may enter `{}`, a folder for secrets", self.path.display()),
            )
            .hint("keep secrets in a folder of their own, such as `.secrets`")
            .hint(format!("or close this one with `chmod 700 '{}'`", self.path.display())));
        }
        self.io.set_mode(self.fd.as_fd(), 0o700).map_err(self.at("make private the folder", None))
    }

    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), Error> {
        self.io.rename(self.fd.as_fd(), from, to).map_err(self.at("replace", Some(to)))
    }

    /// Removes the file of that name; whether it was there.
    pub(crate) fn remove(&self, name: &OsStr) -> Result<bool, Error> {
        match self.io.remove(self.fd.as_fd(), name) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.at("remove", Some(name))(error)),
        }
    }

    /// Makes the folder of that name, unless it is there; the new name is safe on the disk when done.
    pub(crate) fn make_folder(&self, name: &OsStr, mode: u32) -> Result<(), Error> {
        match self.io.make_folder(self.fd.as_fd(), name, mode) {
            Ok(()) => {
                if let Some(owner) = self.owner_of_new()? {
                    let at_it = |error| self.at("give away the folder", Some(name))(error);
                    let new = self.io.open_at(self.fd.as_fd(), name, OFlags::RDONLY | OFlags::DIRECTORY).map_err(at_it)?;
                    self.io.set_owner(new.as_fd(), owner.uid, owner.gid).map_err(at_it)?;
                }
                self.sync()
            }
            Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(self.at("make the folder", Some(name))(error)),
        }
    }

    /// Removes the folder of that name, unless somebody has put something into it.
    pub(crate) fn remove_folder(&self, name: &OsStr) -> Result<(), Error> {
        match self.io.remove_folder(self.fd.as_fd(), name) {
            Ok(()) => self.sync(),
            Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(()),
            Err(error) => Err(self.at("remove the folder", Some(name))(error)),
        }
    }

    /// Waits until the folder's names are safe on the disk.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.io.sync(self.fd.as_fd()).map_err(self.at("sync the folder", None))
    }

    /// Why the file can't have the owner that it must have.
    fn not_given(&self, new: &New<'_>, own: FileFacts, wanted: FileFacts, error: Errno) -> Error {
        let path = self.path.join(new.stands_for);
        if !matches!(error, Errno::PERM | Errno::ACCESS) {
            return Error::io("set the owner of", &path, error);
        }
        let who = if own.uid == wanted.uid { format!("gid {}", wanted.gid) } else { format!("uid {}", wanted.uid) };
        let what = match new.owner {
            Owner::OfFolder(_) => format!("can't give `{}` the owner of its folder ({who})", path.display()),
            _ => format!("can't keep the owner of `{}` ({who})", path.display()),
        };
        let as_whom = if own.uid == wanted.uid { "as a member of that group" } else { "as that user" };
        Error::new(ErrorKind::Permission, what)
            .because(Box::new(std::io::Error::from(error)))
            .hint(format!("run the same command {as_whom}, or as root"))
    }

    fn at(&self, what: &'static str, name: Option<&OsStr>) -> impl Fn(Errno) -> Error + use<> {
        let path = name.map_or_else(|| self.path.clone(), |name| self.path.join(name));
        move |error| Error::io(what, &path, error)
    }
}

/// The error of a folder that is another one than before.
pub(crate) fn replaced(path: &Path) -> Error {
    let what = format!("the folder `{}`, or one above it, was replaced by another or by a link meanwhile", path.display());
    Error::new(ErrorKind::Changed, what).hint("put the folder back, or find out who replaced it, then run the same command again")
}

/// Makes the folder at `path` and those above it; a new one gets `mode`, one that is there stays as it is.
pub(crate) fn make_folders(io: &dyn Io, path: &Path, mode: u32) -> Result<(), Error> {
    if Folder::open(io, path)?.is_some() {
        return Ok(());
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::io("make the folder", path, Errno::NOENT));
    };
    make_folders(io, parent, mode | 0o055)?;
    let parent = Folder::open(io, parent)?.ok_or_else(|| Error::io("make the folder", path, Errno::NOENT))?;
    parent.make_folder(name, mode)
}

/// Reads what was opened, if it is a plain file of a bearable size.
fn plain_file(io: &dyn Io, path: &Path, opened: rustix::io::Result<OwnedFd>) -> Result<Option<Content>, Error> {
    let at_it = |error| Error::io("read", path, error);
    let file = match opened {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => {
            return Err(Error::new(ErrorKind::NotAFile, format!("`{}` is a symbolic link", path.display()))
                .hint("name the file that it points to, or replace the link by a file"));
        }
        Err(Errno::NXIO) => return Err(not_a_file(path, "a socket or a device")),
        Err(error) => return Err(at_it(error)),
    };
    let Facts { kind, file: facts, .. } = io.stat(file.as_fd()).map_err(at_it)?;
    if !kind.is_file() {
        return Err(not_a_file(path, if kind.is_dir() { "a folder" } else { "a device, socket or FIFO" }));
    }
    // A vector that grows by itself leaves its old bytes in memory; this one wipes them.
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    let mut piece = Zeroizing::new([0; 4096]);
    loop {
        let count = io.read(file.as_fd(), &mut *piece).map_err(at_it)?;
        if count == 0 {
            return Ok(Some((bytes, facts)));
        }
        bearable(path, bytes.len() + count)?;
        if bytes.len() + count > bytes.capacity() {
            let mut longer = Zeroizing::new(Vec::with_capacity(2 * (bytes.len() + count)));
            longer.extend_from_slice(&bytes);
            bytes = longer;
        }
        bytes.extend_from_slice(&piece[..count]);
    }
}

/// Refuses what is larger than is read: what is written must be readable again, by the next start after a crash too.
pub(crate) fn bearable(path: &Path, length: usize) -> Result<(), Error> {
    if length <= LIMIT {
        return Ok(());
    }
    Err(Error::new(ErrorKind::TooLarge, format!("`{}` is larger than {} MiB", path.display(), LIMIT >> 20))
        .hint("a file that carries a token is small: is it the right one?"))
}

fn not_a_file(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::NotAFile, format!("`{}` is {what}, not a file", path.display()))
        .hint("move it away, or name another path")
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;
    use crate::io::faulty::{Fault, Faulty};

    fn place() -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().to_owned();
        (place, path)
    }

    fn write(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> Result<(), Error> {
        let folder = Folder::open(&System, &folder.canonicalize().unwrap()).unwrap().unwrap();
        folder.create(&New { mode, ..New::private(OsStr::new(name)) }, bytes)
    }

    #[test]
    fn a_new_file_has_its_mode_and_never_takes_a_name() {
        let (_guard, folder) = place();
        for mode in [0o600, 0o640] {
            let name = format!("{mode:o}");
            write(&folder, &name, b"one", mode).unwrap();
            let (bytes, facts) = read(&folder.join(&name)).unwrap().unwrap();
            assert_eq!((bytes.as_slice(), facts.mode), (b"one".as_slice(), mode));
            assert_eq!(write(&folder, &name, b"two", mode).unwrap_err().kind(), ErrorKind::Io);
        }
        symlink(folder.join("absent"), folder.join("link")).unwrap();
        assert!(write(&folder, "link", b"x", 0o600).is_err(), "nothing is written through a link");
        assert!(!folder.join("absent").exists());
    }

    #[test]
    fn modes_are_only_tightened() {
        let of = |mode| FileFacts { mode, uid: 0, gid: 0 }.tightened();
        let cases =
            [(0o644, 0o640), (0o666, 0o640), (0o604, 0o600), (0o600, 0o600), (0o400, 0o400), (0o444, 0o440), (0o4755, 0o640)];
        assert!(cases.iter().all(|(before, after)| of(*before) == *after));
    }

    #[test]
    fn an_owner_that_can_t_be_kept_is_named_with_the_file_that_people_know() {
        let (_guard, path) = place();
        let path = path.canonicalize().unwrap();
        let us = rustix::process::geteuid().as_raw();
        let of = |uid| FileFacts { mode: 0o600, uid, gid: 7777 };
        for (owner, what, hint) in [
            (Owner::Kept(of(us + 1)), format!("can't keep the owner of `.env` (uid {})", us + 1), "as that user, or as root"),
            (
                Owner::Kept(of(us)),
                "can't keep the owner of `.env` (gid 7777)".to_owned(),
                "as a member of that group, or as root",
            ),
            (Owner::OfFolder(of(us + 1)), format!("can't give `.env` the owner of its folder (uid {})", us + 1), "as that user"),
        ] {
            let io = Faulty::new(&[Fault::Fail(5, Errno::PERM)]); // opened, created, written, looked at; then given away
            let folder = Folder::open(&*io, &path).unwrap().unwrap();
            let (name, stands_for) = (OsStr::new(".env.genai-tmp"), OsStr::new(".env"));
            let error = folder.create(&New { name, stands_for, owner, mode: 0o600 }, b"x").unwrap_err();
            assert_eq!(io.last(), Some("set_owner"));
            assert_eq!(error.to_string().replace(&format!("{}/", path.display()), ""), what);
            assert!(error.kind() == ErrorKind::Permission && error.hints()[0].contains(hint), "{:?}", error.hints());
            std::fs::remove_file(path.join(name)).unwrap();
        }
    }

    #[test]
    fn what_is_no_plain_file_is_told_apart() {
        let (_guard, folder) = place();
        let at = |name: &str| folder.join(name);
        std::fs::write(at("file"), "x").unwrap();
        symlink(at("file"), at("link")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        assert!(read(&at("absent")).unwrap().is_none());
        for (name, what) in
            [("link", "symbolic link"), ("folder", "a folder"), ("fifo", "FIFO"), ("socket", "socket"), ("file/x", "can't read")]
        {
            let error = read(&at(name)).unwrap_err();
            assert!(error.to_string().contains(what), "{name}: {error}");
            assert!(name == "file/x" || error.kind() == ErrorKind::NotAFile, "{name}");
        }
    }

    #[test]
    fn a_huge_file_is_refused_and_one_of_the_limit_is_read() {
        let (_guard, folder) = place();
        let path = folder.join("x");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(LIMIT as u64).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().0.len(), LIMIT);
        file.set_len(LIMIT as u64 + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}
