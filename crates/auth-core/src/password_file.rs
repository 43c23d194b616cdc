//! The plugin's `login/PASSWORD` file: the token on line 1, the user name on line 2.

use std::fmt;

use crate::{Error, ErrorKind, LoginToken};

/// What the plugin reads from its PASSWORD file, and what will go wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordFile {
    token: Option<LoginToken>,
    user: Option<String>,
    faults: Vec<PasswordFileFault>,
}

/// What is wrong with a PASSWORD file, by what the plugin was seen to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordFileFault {
    /// Empty, or a blank first line: an empty `?token=` then opens the server to everybody.
    Open,
    /// A byte order mark: every token is refused, and the login answers 500.
    ByteOrderMark,
    /// A carriage return or blank behind the hash: the token works, the browser login never does.
    Padding,
    /// No user name on line 2: a right login without one truncates the file, which opens the server.
    NoUser,
    /// The first line can't travel in a header, so that no request can present it.
    Unsendable,
}

impl PasswordFile {
    /// The content for `token` and `user`.
    ///
    /// # Errors
    /// [`ErrorKind::User`] if `user` is empty, has blanks at its ends, or holds a line end or NUL.
    pub fn new(token: LoginToken, user: &str) -> Result<Self, Error> {
        if user.trim().is_empty() || user.trim() != user || user.contains(['\n', '\r', '\0']) {
            return Err(Error::new(ErrorKind::User, format!("`{}` can't be the user name", user.escape_debug()))
                .hint("choose a user name of one line, without blanks at its ends"));
        }
        Ok(Self { token: Some(token), user: Some(user.to_owned()), faults: Vec::new() })
    }

    /// Reads the file as the plugin does: line 1 stripped is the token, line 2 the user.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut faults = Vec::new();
        let text = String::from_utf8_lossy(bytes);
        if text.starts_with('\u{feff}') {
            faults.push(PasswordFileFault::ByteOrderMark);
        }
        let mut lines = text.split('\n');
        let first = lines.next().unwrap_or_default();
        let user = lines.next().map(str::trim).filter(|user| !user.is_empty()).map(str::to_owned);
        let token = if first.trim().is_empty() {
            faults.push(PasswordFileFault::Open);
            None
        } else {
            if first.trim() != first {
                faults.push(PasswordFileFault::Padding);
            }
            // The plugin keeps the byte order mark as part of its token, and no header can carry that.
            let token = LoginToken::new(first.trim()).ok();
            if token.is_none() && faults.is_empty() {
                faults.push(PasswordFileFault::Unsendable);
            }
            token
        };
        if user.is_none() && token.is_some() {
            faults.push(PasswordFileFault::NoUser);
        }
        Self { token, user, faults }
    }

    /// The token of line 1, if it can be sent at all.
    pub fn token(&self) -> Option<&LoginToken> {
        self.token.as_ref()
    }

    /// The user name of line 2.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// What is wrong with the file as it was read; empty for one that this crate wrote.
    pub fn faults(&self) -> &[PasswordFileFault] {
        &self.faults
    }

    /// The bytes to write: `hash\nuser\n`, no byte order mark, no carriage return.
    pub fn to_bytes(&self) -> Vec<u8> {
        let token = self.token.as_ref().map_or("", LoginToken::expose);
        format!("{token}\n{}\n", self.user.as_deref().unwrap_or_default()).into_bytes()
    }
}

impl fmt::Display for PasswordFileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "its first line is blank, so that an empty `?token=` opens the server to everybody",
            Self::ByteOrderMark => "it starts with a byte order mark, so that every token is refused",
            Self::Padding => "a blank or carriage return stands beside the hash, so that the browser login always fails",
            Self::NoUser => "line 2 holds no user name, and a login without one truncates the file",
            Self::Unsendable => "its first line can't travel in an HTTP header",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_and_what_is_written_reads_back(bytes in any::<Vec<u8>>(), token in "[!-~]{1,80}", user in "[^\\s\\x00][^\\r\\n\\x00]{0,20}[^\\s\\x00]") {
            let _ = PasswordFile::parse(&bytes);
            let file = PasswordFile::new(LoginToken::new(token).unwrap(), &user).unwrap();
            prop_assert_eq!(PasswordFile::parse(&file.to_bytes()), file);
        }
    }

    #[test]
    fn reads_as_the_plugin_does() {
        use PasswordFileFault as F;
        /// Bytes; what is the token; what is the user; what is wrong.
        type Case = (&'static [u8], Option<&'static str>, Option<&'static str>, &'static [F]);
        let cases: [Case; 8] = [
            (b"tok\nann\n", Some("tok"), Some("ann"), &[]),
            (b"tok", Some("tok"), None, &[F::NoUser]),
            (b"tok\r\nann\r\n", Some("tok"), Some("ann"), &[F::Padding]),
            (b"tok \nann\n", Some("tok"), Some("ann"), &[F::Padding]),
            (b"\xef\xbb\xbftok\nann\n", None, Some("ann"), &[F::ByteOrderMark]),
            (b"", None, None, &[F::Open]),
            (b"\nann\n", None, Some("ann"), &[F::Open]),
            (b"two words\nann\n", None, Some("ann"), &[F::Unsendable]),
        ];
        for (bytes, token, user, faults) in cases {
            let file = PasswordFile::parse(bytes);
            assert_eq!(file.token().map(LoginToken::expose), token, "{bytes:?}");
            assert_eq!(file.user(), user, "{bytes:?}");
            assert_eq!(file.faults(), faults, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let token = LoginToken::new("tok").unwrap();
        let file = PasswordFile::new(token, "ann b").unwrap();
        assert_eq!(file.to_bytes(), b"tok\nann b\n");
        assert_eq!(PasswordFile::parse(&file.to_bytes()), file);
    }

    #[test]
    fn user_names_that_would_break_the_file_are_refused() {
        for user in ["", "  ", " a", "a ", "a\nb", "a\r", "a\0"] {
            let error = PasswordFile::new(LoginToken::new("tok").unwrap(), user).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::User, "{user:?}");
        }
    }
}
