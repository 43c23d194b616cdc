//! What a commit is about to do, written down before it does it, so that the next start can end it or take it back.
//!
//! The journal is written once and holds no secret: places, names of temporaries, keyed digests, rights. Its phase is its
//! file name, so that a step from one phase to the next is one rename, which takes no room on a full disk.

mod text;

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    Error, ErrorKind, FileFacts,
    disk::{Folder, New},
    place::Place,
};

/// How far a commit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Temporaries are being written; no file is changed yet. After a crash: take back.
    Staging,
    /// All temporaries are safe on the disk; files are being replaced. After a crash: go on.
    Committing,
    /// A file could not be replaced; what was replaced is put back. After a crash: go on putting back.
    Undoing,
}

/// What a commit does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The program that commits.
    pub(crate) program: String,
    /// When it started, as it says.
    pub(crate) since: String,
    /// The key of the digests.
    pub(crate) key: [u8; 16],
    /// Folders that are made for it, an outer one before those in it.
    pub(crate) made: Vec<PathBuf>,
    /// The files, in the order in which they are replaced.
    pub(crate) files: Vec<FileRecord>,
}

/// What happens to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileRecord {
    pub(crate) place: Place,
    /// The name, in the same folder, of what will replace it.
    pub(crate) new: OsString,
    pub(crate) new_digest: Digest,
    /// What it is now; `None` if it is not there.
    pub(crate) old: Option<OldRecord>,
}

/// A file as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OldRecord {
    /// The name, in the same folder, of a copy of it.
    pub(crate) copy: OsString,
    pub(crate) facts: FileFacts,
    pub(crate) digest: Digest,
}

/// 128 bits of HMAC-SHA256 under the record's key: tells contents apart and can't be looked up in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 16]);

impl Digest {
    pub(crate) fn of(key: &[u8; 16], bytes: &[u8]) -> Self {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key);
        let mut mac = mac.unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
        mac.update(bytes);
        let mut digest = [0; 16];
        digest.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        Self(digest)
    }
}

impl Phase {
    pub(crate) const ALL: [Self; 3] = [Self::Staging, Self::Committing, Self::Undoing];

    /// The journal's file name in this phase.
    pub(crate) fn file_name(self) -> &'static OsStr {
        OsStr::new(match self {
            Self::Staging => "staging.journal",
            Self::Committing => "committing.journal",
            Self::Undoing => "undoing.journal",
        })
    }
}

/// The journal on the disk.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    folder: &'a Folder<'a>,
    phase: Phase,
    pub(crate) record: Record,
}

impl<'a> Journal<'a> {
    /// Writes down what is about to be done; it is safe on the disk when this returns.
    pub(crate) fn start(folder: &'a Folder<'a>, record: Record) -> Result<Self, Error> {
        let phase = Phase::Staging;
        let written = folder.create(&New::private(phase.file_name()), &record.to_text()).and_then(|()| folder.sync());
        match written {
            Ok(()) => Ok(Self { folder, phase, record }),
            Err(error) => match folder.remove(phase.file_name()).and_then(|_| folder.sync()) {
                Ok(()) => Err(error),
                Err(_) => Err(error.hint("the next command clears away what is left")),
            },
        }
    }

    /// The journal that a commit left in `folder` when it was stopped.
    ///
    /// A journal of the first phase that is cut short says that nothing else was begun: it is removed and is none.
    pub(crate) fn left_in(folder: &'a Folder<'a>) -> Result<Option<Self>, Error> {
        for phase in Phase::ALL {
            let path = folder.path().join(phase.file_name());
            let Some((bytes, facts)) = folder.read(phase.file_name())? else { continue };
            let us = rustix::process::geteuid().as_raw();
            if facts.uid != us || !facts.is_private() {
                return Err(Error::new(
                    ErrorKind::Permission,
                    format!("the journal `{}` is not this user's own", path.display()),
                )
                .hint(format!("a commit of user {} was stopped: run the same command as that user", facts.uid)));
            }
            match Record::parse(&bytes) {
                Ok(record) => return Ok(Some(Self { folder, phase, record })),
                Err(text::Fault::Newer) => {
                    return Err(Error::new(
                        ErrorKind::NewerVersion,
                        format!("the journal `{}` is of a newer program", path.display()),
                    )
                    .hint("run the program that wrote it once more: it ends what it began"));
                }
                Err(text::Fault::Damaged) if phase == Phase::Staging => {
                    folder.remove(phase.file_name())?;
                    folder.sync()?;
                }
                Err(text::Fault::Damaged) => {
                    return Err(Error::new(ErrorKind::Syntax, format!("the journal `{}` is damaged", path.display()))
                        .hint("compare the files that must hold the token, remove the journal, and write the token again"));
                }
            }
        }
        Ok(None)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Says that the next phase has begun; this is safe on the disk when it returns. If it fails, [`Journal::phase`] is what
    /// the disk shows for now, which a loss of power may take back.
    pub(crate) fn advance(&mut self, phase: Phase) -> Result<(), Error> {
        if self.phase != phase {
            self.folder.rename(self.phase.file_name(), phase.file_name())?;
            self.phase = phase;
        }
        self.folder.sync()
    }

    /// Says that nothing is left to do.
    pub(crate) fn end(self) -> Result<(), Error> {
        self.folder.remove(self.phase.file_name())?;
        self.folder.sync()
    }
}

impl FileRecord {
    /// The names of the temporaries of the file at `place`, unlike those of any other commit or file.
    pub(crate) fn temporaries(place: &Place, key: &[u8; 16], index: usize) -> (OsString, OsString) {
        use std::os::unix::ffi::OsStrExt;
        let own = place.name().as_bytes();
        let mut new = OsString::from(".");
        new.push(OsStr::from_bytes(&own[..own.len().min(150)])); // a name has 255 bytes at most
        new.push(format!("{}{}-{index}", text::TEMPORARY, text::hex(&key[..8])));
        let mut old = new.clone();
        old.push("-old");
        (new, old)
    }
}
