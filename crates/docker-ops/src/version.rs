//! API versions, and which one is spoken.

use std::{fmt, str::FromStr};

use crate::{Error, ErrorKind};

/// A version of the Engine API, such as 1.41.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    /// Before the dot.
    pub major: u16,
    /// After the dot.
    pub minor: u16,
}

impl ApiVersion {
    /// The oldest version that this crate speaks: Engine 20.10's.
    pub const OLDEST: ApiVersion = ApiVersion { major: 1, minor: 41 };
    /// The newest version that this crate speaks.
    pub const NEWEST: ApiVersion = ApiVersion { major: 1, minor: 53 };
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        let Some((major, minor)) = parts else {
            return Err(Error::new(ErrorKind::Protocol, format!("`{text}` is no API version, such as `1.41`")));
        };
        Ok(ApiVersion { major, minor })
    }
}

/// What this crate and the engine agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiated {
    /// The version in the path of every request.
    pub used: ApiVersion,
    /// The newest that the engine speaks.
    pub newest: ApiVersion,
    /// The oldest that the engine speaks, where it says so.
    pub oldest: Option<ApiVersion>,
    /// What the engine calls itself in the `Server` header, such as `Docker/20.10.24 (linux)`.
    pub server: Option<String>,
    /// The version of the program, such as `20.10.24`.
    pub engine: Option<String>,
}

impl Negotiated {
    /// It is Podman, which answers like an engine and leaves some of it out: device requests, for one.
    #[must_use]
    pub fn is_podman(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.starts_with("Libpod"))
    }
}
