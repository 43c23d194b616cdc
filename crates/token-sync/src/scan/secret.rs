//! What is looked for, and what may be said of it.

use std::{fmt, sync::Arc};

use auth_core::{Fingerprint, FingerprintKey, LoginToken, Password};

/// A secret to look for, and where it belongs.
#[derive(Debug, Clone)]
pub struct Secret {
    pub(super) label: String,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Token(LoginToken),
    Password(Password),
}

impl Secret {
    /// A token; `label` tells people which one, such as the place that holds it.
    pub fn token(label: impl Into<String>, token: &LoginToken) -> Self {
        Self { label: label.into(), value: Value::Token(token.clone()) }
    }

    /// A password; `label` tells people which one. It is looked for as it is, in no encoding.
    pub fn password(label: impl Into<String>, password: &Password) -> Self {
        Self { label: label.into(), value: Value::Password(password.clone()) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.value {
            Value::Token(token) => token.expose().as_bytes(),
            Value::Password(password) => password.expose().as_bytes(),
        }
    }
}

/// What may be said of a secret that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Known {
    /// A token.
    Token {
        /// Its keyed fingerprint.
        fingerprint: Fingerprint,
        /// The labels under which it was given.
        labels: Vec<String>,
    },
    /// A password. It has no fingerprint: people choose passwords, so even a short digest would help to guess one.
    Password {
        /// The labels under which it was given.
        labels: Vec<String>,
    },
}

impl Known {
    pub(super) fn of(secret: &Secret, key: &FingerprintKey) -> Self {
        let labels = vec![secret.label.clone()];
        match &secret.value {
            Value::Token(token) => Self::Token { fingerprint: token.fingerprint(key), labels },
            Value::Password(_) => Self::Password { labels },
        }
    }

    pub(super) fn add_label(&mut self, label: &str) {
        let (Self::Token { labels, .. } | Self::Password { labels }) = self;
        if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
    }
}

/// Whose secret was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// One that was looked for.
    Known(Arc<Known>),
    /// A bcrypt line that nobody named.
    UnknownBcrypt {
        /// Its keyed fingerprint, equal to that of the token that the line is.
        fingerprint: Fingerprint,
    },
}

impl Owner {
    /// The keyed fingerprint; passwords have none.
    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        match self {
            Self::UnknownBcrypt { fingerprint } => Some(fingerprint),
            Self::Known(known) => match &**known {
                Known::Token { fingerprint, .. } => Some(fingerprint),
                Known::Password { .. } => None,
            },
        }
    }

    /// The labels under which the secret was given; none of an unknown one.
    pub fn labels(&self) -> &[String] {
        match self {
            Self::UnknownBcrypt { .. } => &[],
            Self::Known(known) => match &**known {
                Known::Token { labels, .. } | Known::Password { labels } => labels,
            },
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownBcrypt { fingerprint } => write!(f, "unknown bcrypt {fingerprint}"),
            Self::Known(known) => match &**known {
                Known::Token { fingerprint, labels } => write!(f, "token {fingerprint} ({})", labels.join(", ")),
                Known::Password { labels } => write!(f, "password ({})", labels.join(", ")),
            },
        }
    }
}
