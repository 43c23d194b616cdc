//! How a reader of targets quotes, interpolates and fails: one module a dialect.

mod compose_v2;
mod login_password;

use std::{collections::BTreeMap, fmt, ops::Range};

use crate::{Error, ErrorKind};

/// The reader that a target is written for. Names are those that `genai.toml` and the source of truth use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Dialect {
    /// `.env` beside a compose file and `env_file:`, as Docker Compose 2 reads them.
    ComposeV2,
    /// The plugin's `login/PASSWORD`: the token on line 1, the user on line 2.
    LoginPassword,
}

/// The values that a reader may put in place of `$NAME`.
pub type Surroundings = BTreeMap<String, String>;

/// One key of a file as its reader sees it, and where its value stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The variable's name.
    pub key: String,
    /// What the reader sees; `None` for a key without a value.
    pub value: Option<String>,
    /// The bytes of the value as it is spelled, quotes included; empty where the file has the key alone.
    pub span: Range<usize>,
    /// Whether the file spells the value, rather than taking it from the reader's surroundings.
    pub spelled: bool,
}

/// Why the reader refuses the file. Holds no value of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFault {
    /// The line, from 1, where the reader stops.
    pub line: usize,
    /// What it stops at.
    pub what: String,
}

impl Dialect {
    /// Every dialect, for tables and lists.
    pub const ALL: &[Self] = &[Self::ComposeV2, Self::LoginPassword];

    /// The dialect's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ComposeV2 => "compose-v2-dotenv",
            Self::LoginPassword => "login-password",
        }
    }

    /// The dialect of that name.
    ///
    /// # Errors
    /// [`ErrorKind::Target`] that lists the names.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|dialect| dialect.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|dialect| format!("`{}`", dialect.name())).collect();
            Error::new(ErrorKind::Target, format!("`{}` is no dialect", name.escape_debug()))
                .hint(format!("choose one of {}", names.join(", ")))
        })
    }

    /// Whether its files hold many keys, so that a target must name one.
    pub fn has_keys(self) -> bool {
        matches!(self, Self::ComposeV2)
    }

    /// What the reader sees in `bytes`, in the order of the file; of a repeated key the last counts. A dialect without
    /// keys yields the single key `token` (and `user`, where the file has one).
    ///
    /// # Errors
    /// The reader's own refusal of the whole file.
    pub fn read(self, bytes: &[u8], surroundings: &Surroundings) -> Result<Vec<Entry>, ReadFault> {
        match self {
            Self::ComposeV2 => compose_v2::read(bytes, surroundings),
            Self::LoginPassword => Ok(login_password::read(bytes)),
        }
    }

    /// `old` with `key` set to `value`: every other byte as it was. `user` is for dialects that hold the login's name too.
    pub(crate) fn write(self, old: Option<&[u8]>, key: Option<&str>, value: &str, user: &str) -> Result<Vec<u8>, Error> {
        match (self, key) {
            (Self::ComposeV2, Some(key)) => compose_v2::write(old.unwrap_or_default(), key, value),
            (Self::ComposeV2, None) => {
                Err(Error::new(ErrorKind::Target, format!("a target of dialect `{}` needs a key", self.name())))
            }
            (Self::LoginPassword, _) => login_password::write(value, user),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).field("value", &"…").field("span", &self.span).finish()
    }
}

impl fmt::Display for ReadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ReadFault {}
