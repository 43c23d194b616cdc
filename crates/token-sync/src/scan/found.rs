//! What a scan returns: plain values, in a fixed order, without a secret in them.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{
    encoding::{Encoding, Rule},
    secret::Owner,
};

/// A secret that was found, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// The file, object or stream that holds it.
    pub place: Place,
    /// Where in there.
    pub region: Region,
    /// How it was written.
    pub encoding: Encoding,
    /// Whose it is.
    pub owner: Owner,
    /// The rule that this breaks.
    pub rule: Rule,
    /// How many matches of the same rule and owner stand before this one in the same place.
    pub occurrence: u32,
}

impl Match {
    /// A text that stays the same while lines move: rule, owner, path below `base`, and occurrence. For SARIF's
    /// `partialFingerprints`.
    pub fn partial_fingerprint(&self, base: &Path) -> String {
        let owner = match (self.owner.fingerprint(), self.owner.labels()) {
            (Some(fingerprint), _) => fingerprint.as_str(),
            (None, labels) => labels.first().map_or("", String::as_str),
        };
        let place = match self.place.path() {
            Some(path) => path.strip_prefix(base).unwrap_or(path).display().to_string(),
            None => self.place.to_string(),
        };
        format!("{}:{owner}:{place}:{}", self.rule, self.occurrence)
    }
}

/// Where a match stands in its file. Lines and columns count from 1, columns in UTF-16 code units as editors and SARIF count
/// them; the end column is that of the first sign after the match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    /// Bytes before the match.
    pub offset: u64,
    /// Bytes of the match.
    pub length: u64,
    /// Its line.
    pub line: u64,
    /// Its column.
    pub column: u64,
    /// The line in which it ends.
    pub end_line: u64,
    /// The column at which it ends.
    pub end_column: u64,
}

/// What holds a match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Place {
    /// A file.
    File {
        /// Its path, which starts with the path that the scan was given.
        path: PathBuf,
    },
    /// A stream that the caller gave.
    Stream {
        /// The caller's name for it.
        name: String,
    },
    /// A file as it stands in git's index.
    Index {
        /// Its path in the repository.
        path: PathBuf,
        /// Its object.
        object: ObjectId,
    },
    /// An object of git's history, reachable or not.
    Object {
        /// Its id.
        object: ObjectId,
        /// Its kind.
        kind: ObjectKind,
        /// What leads to it.
        origin: Origin,
    },
}

impl Place {
    /// The path, if the place has one that is known.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File { path } | Self::Index { path, .. } => Some(path),
            Self::Object { origin, .. } => origin.path.as_deref(),
            Self::Stream { .. } => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => write!(f, "{}", path.display()),
            Self::Stream { name } => f.write_str(name),
            Self::Index { path, .. } => write!(f, "index:{}", path.display()),
            Self::Object { object, kind, origin } => {
                write!(f, "{kind} {object}")?;
                origin.path.as_ref().map_or(Ok(()), |path| write!(f, ":{}", path.display()))
            }
        }
    }
}

/// The id of a git object, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(String);

impl ObjectId {
    /// Takes an id of 40 or 64 hexadecimal signs; `None` if it is something else.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let fits = matches!(text.len(), 40 | 64) && text.iter().all(u8::is_ascii_hexdigit);
        std::str::from_utf8(text).ok().filter(|_| fits).map(|text| Self(text.to_owned()))
    }

    /// The signs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kind of a git object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A file's content.
    Blob,
    /// A commit: author, message.
    Commit,
    /// A tag's message.
    Tag,
    /// A folder: the match stands in a file's name.
    Tree,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blob => "blob",
            Self::Commit => "commit",
            Self::Tag => "tag",
            Self::Tree => "tree",
        })
    }
}

/// What leads to a git object.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Whether a reference, a reflog or the index leads to it; `None` if git could not be asked.
    pub reachable: Option<bool>,
    /// One path under which it was committed.
    pub path: Option<PathBuf>,
    /// The oldest commit that brought it in. Only the first objects of a scan are looked up, since each costs a walk
    /// through the history.
    pub commit: Option<ObjectId>,
}

/// What could not be searched, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// The file, folder or object.
    pub place: Place,
    /// Why.
    pub reason: SkipReason,
}

/// Why a place was not searched, or not to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// The system refuses to open it.
    Permission,
    /// It was there when its folder was listed, and is gone.
    Vanished,
    /// Git lists it and does not have it: a partial or damaged clone.
    Missing,
    /// The system could not read it to its end.
    Unreadable,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permission => "permission denied",
            Self::Vanished => "it vanished while the scan ran",
            Self::Missing => "git does not have it",
            Self::Unreadable => "can't be read to its end",
        })
    }
}

/// How much was searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files, streams and git objects read.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Folders listed.
    pub folders: u64,
    /// Files and folders left out because of a `.gitignore`; a folder counts as one.
    pub ignored: u64,
    /// Symbolic links, which are not followed.
    pub links: u64,
    /// FIFOs, sockets and devices, which are not read.
    pub special: u64,
    /// Matches beyond the 1,000 that are listed of one file.
    pub further: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.folders += other.folders;
        self.ignored += other.ignored;
        self.links += other.links;
        self.special += other.special;
        self.further += other.further;
    }
}

/// The result of a scan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// What was found, by place and offset.
    pub matches: Vec<Match>,
    /// What could not be searched, by place.
    pub skipped: Vec<Skipped>,
    /// How much was searched.
    pub counts: Counts,
    /// Whether the scan ended early, since the caller stopped it or git failed on the way: what it did not find may be there.
    pub stopped: bool,
}

impl Scan {
    /// Adds what another scan found.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.absorb(other);
        self.sorted()
    }

    /// Whether everything was searched: nothing skipped, not stopped.
    pub fn is_complete(&self) -> bool {
        !self.stopped && self.skipped.is_empty()
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.matches.extend(other.matches);
        self.skipped.extend(other.skipped);
        self.counts += other.counts;
        self.stopped |= other.stopped;
    }

    /// The same in order.
    pub(super) fn sorted(mut self) -> Self {
        self.matches.sort();
        self.matches.dedup();
        self.skipped.sort();
        self.skipped.dedup();
        self
    }
}
