//! The one error of this crate.

use std::{fmt, io, path::Path};

/// Why a place could not be read or written. `Display` is one lowercase line that names the operand and holds no secret.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What an [`Error`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file is not there.
    Absent,
    /// The system refused to read or write it.
    Permission,
    /// It is a folder, a symbolic link, a FIFO: not a plain file.
    NotAFile,
    /// It is larger than this program reads.
    TooLarge,
    /// Its content is not of its dialect, or not a source of truth.
    Syntax,
    /// The same, and it was written by a newer program.
    NewerVersion,
    /// No spelling of this value comes out of the reader unchanged.
    Unwritable,
    /// The place was described wrongly (key, path).
    Target,
    /// Another process has it and did not end in time.
    Busy,
    /// It is no longer what the plan was made from.
    Changed,
    /// A secret would lie where git can pick it up.
    Exposed,
    /// The system does not tell what changes there.
    Unwatchable,
    /// Any other failure of the system.
    Io,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new(), source: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same error with its cause.
    pub(crate) fn because(self, cause: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self { source: Some(cause), ..self }
    }

    /// The same error with the hints of `other` too.
    pub(crate) fn hints_of(mut self, other: &Self) -> Self {
        self.hints.extend_from_slice(&other.hints);
        self
    }

    /// The same error, naming the field it is about.
    pub(crate) fn of_field(self, field: &str) -> Self {
        Self { message: format!("`{field}`: {}", self.message), ..self }
    }

    /// The same error, naming the file it is about.
    pub(crate) fn at(self, path: &Path) -> Self {
        Self { message: format!("`{}`: {}", path.display(), self.message), ..self }
    }

    /// `what` failed at `path` with an error of the system.
    pub(crate) fn io(what: &str, path: &Path, error: impl Into<io::Error>) -> Self {
        let error = error.into();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let shown = path.display();
        let new = match error.kind() {
            io::ErrorKind::NotFound => Self::new(ErrorKind::Absent, format!("can't {what} `{shown}`")),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::new(ErrorKind::Permission, format!("can't {what} `{shown}`")).hint(format!(
                    "see who may write there with `ls -ld '{}'`; run as that user, or choose another folder",
                    folder.display()
                ))
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::new(ErrorKind::Io, format!("can't {what} `{shown}`"))
                    .hint("make room on that disk and run the same command again")
            }
            io::ErrorKind::CrossesDevices | io::ErrorKind::ResourceBusy => Self::new(
                ErrorKind::Io,
                format!("can't {what} `{shown}`"),
            )
            .hint(
                "it is mounted by itself, as a single file bound into a container is: bind its folder, or name the file outside",
            ),
            _ => Self::new(ErrorKind::Io, format!("can't {what} `{shown}`")),
        };
        Self { source: Some(Box::new(error)), ..new }
    }

    /// A file that is readable and says nothing we understand; `error` is of `auth-core` and keeps its hints.
    pub(crate) fn syntax(path: &Path, error: auth_core::Error) -> Self {
        let kind = match error.kind() {
            auth_core::ErrorKind::SourceVersion => ErrorKind::NewerVersion,
            _ => ErrorKind::Syntax,
        };
        let hints = error.hints().to_vec();
        Self { kind, message: format!("can't understand `{}`", path.display()), hints, source: Some(Box::new(error)) }
    }

    /// What the error is about.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do next, one sentence each; may be empty.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| &**error as &(dyn std::error::Error + 'static))
    }
}
