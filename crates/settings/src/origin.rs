//! A value and where it came from.

use std::{fmt, path::PathBuf};

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line's flag of this name.
    Flag(&'static str),
    /// The environment variable of this name.
    Environment(&'static str),
    /// This key of `genai.toml`.
    File(PathBuf, String),
    /// This key of the project's `.env`.
    DotEnv(PathBuf, &'static str),
    /// The source of truth.
    Source(PathBuf),
    /// Nobody set it.
    Default,
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag `{name}`"),
            Self::Environment(name) => write!(f, "environment variable `{name}`"),
            Self::File(path, key) => write!(f, "`{key}` in `{}`", path.display()),
            Self::DotEnv(path, key) => write!(f, "`{key}` in `{}`", path.display()),
            Self::Source(path) => write!(f, "source of truth `{}`", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}
