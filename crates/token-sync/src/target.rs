//! A place that must hold the token, and what its readers see there.

use std::path::{Path, PathBuf};

use auth_core::LoginToken;

use crate::{Dialect, Error, ErrorKind, ReadFault, Surroundings, dialect, disk, document, env_edit, io::System, place::Place};

/// A place, the dialects of all who read it, and the key that holds the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    path: PathBuf,
    readers: Vec<Dialect>,
    key: Option<String>,
    through_link: bool,
}

/// What a reader of a target sees.
#[derive(Debug)]
pub enum Reading {
    /// No file is there.
    Absent,
    /// The file is there, and its reader finds no token in it.
    Empty,
    /// The reader finds this token; the plugin's user, where the dialect has one.
    Token(LoginToken, Option<String>),
    /// The reader finds a value that can't be a token: this is why.
    NotAToken(auth_core::Error),
    /// The reader refuses the whole file, or several readers see different tokens in it.
    Refused(ReadFault),
    /// The file can't be read.
    Unreadable(Error),
}

impl Target {
    /// A place at `path`; `key` for dialects of many keys.
    ///
    /// # Errors
    /// [`ErrorKind::Target`] if the dialect has keys and none is given, or no such file can have a key of that name.
    pub fn new(path: impl Into<PathBuf>, dialect: Dialect, key: Option<&str>) -> Result<Self, Error> {
        Self::with_readers(path, &[dialect], key)
    }

    /// A place at `path` that several programs read, each in its own dialect. The token is written in the one spelling that
    /// all of them read back; where none exists, writing is refused with the reason.
    ///
    /// # Errors
    /// [`ErrorKind::Target`] as for [`Target::new`], if there is no reader, or if they read different kinds of files.
    pub fn with_readers(path: impl Into<PathBuf>, readers: &[Dialect], key: Option<&str>) -> Result<Self, Error> {
        let path = path.into();
        let place = path.display();
        let wrong = |what: String| Err(Error::new(ErrorKind::Target, what));
        let Some(first) = readers.first().copied() else { return wrong(format!("the target `{place}` names no reader")) };
        if let Some(other) = readers.iter().find(|reader| **reader != first && !reader.shares_files_with(first)) {
            return wrong(format!(
                "`{first}` and `{other}` can't both read the target `{place}`: their files are of different kinds"
            ));
        }
        match key {
            None if first.has_keys() => {
                return Err(Error::new(ErrorKind::Target, format!("the target `{place}` names no key"))
                    .hint(format!("dialect `{first}` needs one, such as `{}`", first.sample_key())));
            }
            Some(key) if first.has_keys() => first.check_key(key).map_err(|hint| {
                Error::new(ErrorKind::Target, format!("`{}` can't be the key of the target `{place}`", key.escape_debug()))
                    .hint(hint)
            })?,
            _ => {}
        }
        let mut distinct = Vec::with_capacity(readers.len());
        for reader in readers {
            if !distinct.contains(reader) {
                distinct.push(*reader);
            }
        }
        let key = key.filter(|_| first.has_keys()).map(str::to_owned);
        Ok(Self { path, readers: distinct, key, through_link: false })
    }

    /// The same target; its path may be a symbolic link, and the file at its end is what is read and replaced. The link stays.
    #[must_use]
    pub fn through_link(self) -> Self {
        Self { through_link: true, ..self }
    }

    /// The same place and key, read by the readers of `others` too, which are of the same file. Files of different kinds, such as
    /// PASSWORD and a bare token, have no reader in common.
    pub(crate) fn read_beside<'a>(&self, others: impl Iterator<Item = &'a Self>) -> Self {
        let mut shared = self.clone();
        for reader in others.flat_map(|other| &other.readers) {
            if reader.shares_files_with(self.dialect()) && !shared.readers.contains(reader) {
                shared.readers.push(*reader);
            }
        }
        shared
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that is read and replaced, without any link: those in the folders above are followed, and the path itself where
    /// that is allowed.
    ///
    /// # Errors
    /// A link to nothing, a folder that can't be found.
    pub fn file(&self) -> Result<PathBuf, Error> {
        self.place().map(|place| place.path())
    }

    pub(crate) fn place(&self) -> Result<Place, Error> {
        if self.through_link { Place::at_end_of(&System, &self.path) } else { Place::of(&System, &self.path) }
    }

    /// Its reader's dialect; of several the first.
    pub fn dialect(&self) -> Dialect {
        self.readers[0]
    }

    /// The dialects of all its readers; at least one, each once.
    pub fn readers(&self) -> &[Dialect] {
        &self.readers
    }

    /// The key that holds the token, for dialects of many keys.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What its readers see. Of several, the first that sees no token; if they see different tokens, that is a
    /// [`Reading::Refused`] that says so. So it holds a token only if every reader sees it.
    pub fn read(&self) -> Reading {
        self.read_with(|bytes| self.read_bytes(bytes))
    }

    /// What a reader of that dialect sees.
    pub fn read_by(&self, dialect: Dialect) -> Reading {
        self.read_with(|bytes| self.read_bytes_by(dialect, bytes))
    }

    fn read_with(&self, read: impl Fn(&[u8]) -> Reading) -> Reading {
        let path = if self.through_link { self.file() } else { Ok(self.path.clone()) };
        match path.and_then(|path| disk::read(&path)) {
            Ok(None) => Reading::Absent,
            Ok(Some((bytes, _))) => read(&zeroize::Zeroizing::new(bytes)),
            Err(error) => Reading::Unreadable(error),
        }
    }

    /// What its readers would see if `bytes` were its content.
    pub(crate) fn read_bytes(&self, bytes: &[u8]) -> Reading {
        let mut first = None;
        for reader in &self.readers {
            match (self.read_bytes_by(*reader, bytes), &first) {
                (Reading::Token(token, user), None) => first = Some((token, user)),
                (Reading::Token(token, _), Some((seen, _))) if token == *seen => {}
                (Reading::Token(..), Some(_)) => {
                    let what = format!("`{reader}` sees another token than `{}`", self.readers[0]);
                    return Reading::Refused(ReadFault { line: 1, what });
                }
                (reading, _) => return reading,
            }
        }
        first.map_or(Reading::Empty, |(token, user)| Reading::Token(token, user))
    }

    fn read_bytes_by(&self, reader: Dialect, bytes: &[u8]) -> Reading {
        let seen = match reader.seen(bytes, &Surroundings::new(), self.key.as_deref()) {
            Ok(seen) => seen,
            Err(fault) => return Reading::Refused(fault),
        };
        match seen.value.filter(|value| !value.is_empty()) {
            None => Reading::Empty,
            Some(value) => match LoginToken::new(value) {
                Ok(token) => Reading::Token(token, seen.user),
                Err(error) => Reading::NotAToken(error),
            },
        }
    }

    /// `old` with the value in it, every other byte as it was; read back by every reader. `user` is for dialects that hold
    /// the login's name too.
    pub(crate) fn write(&self, old: Option<&[u8]>, value: &str, user: &str) -> Result<Vec<u8>, Error> {
        let bytes = old.unwrap_or_default();
        let text = || {
            std::str::from_utf8(bytes)
                .map_err(|_| Error::new(ErrorKind::Syntax, "its reader refuses the file: bytes that are not UTF-8".to_owned()))
        };
        let dialect = self.dialect();
        match (dialect, self.key()) {
            (Dialect::LoginPassword, _) => dialect::write_login_password(value, user),
            (Dialect::TokenFile, _) => Ok(dialect::write_token_file(bytes, value)),
            (_, None) => Err(Error::new(ErrorKind::Target, format!("a target of dialect `{dialect}` needs a key"))),
            (_, Some(key)) => match dialect.document() {
                Some(format) => document::write(text()?, format, key, value).map(String::into_bytes),
                None => match dialect.compose_yaml() {
                    Some(compose) => {
                        let (service, name) = dialect::of_service(key);
                        document::write_compose(text()?, name, service, value, compose).map(String::into_bytes)
                    }
                    None => env_edit::write(bytes, key, value, &self.readers),
                },
            },
        }
    }

    /// Whether every key but the target's is spelled as before, for each reader.
    pub(crate) fn same_neighbours(&self, old: &[u8], new: &[u8]) -> bool {
        // Documents are compared as they are written, key by key.
        let Some(key) = self.key().filter(|_| self.dialect().is_lines()) else { return true };
        self.readers.iter().all(|reader| {
            let read = |bytes| reader.read(bytes, &Surroundings::new());
            let (Ok(before), Ok(after)) = (read(old), read(new)) else { return false };
            env_edit::neighbours(old, &before, key).eq(env_edit::neighbours(new, &after, key))
        })
    }
}

impl Reading {
    /// Whether the reader sees exactly `token`.
    pub fn holds(&self, token: &LoginToken) -> bool {
        matches!(self, Self::Token(seen, _) if seen == token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_asked_for_and_checked() {
        assert!(Target::new(".env", Dialect::ComposeV2, Some("COMFYUI_API_TOKEN")).is_ok());
        assert!(Target::new("login/PASSWORD", Dialect::LoginPassword, None).is_ok());
        for key in [None, Some(""), Some("a-b"), Some("1X"), Some("lower")] {
            assert_eq!(Target::new(".env", Dialect::ComposeV2, key).unwrap_err().kind(), ErrorKind::Target, "{key:?}");
        }
    }

    #[test]
    fn readers_of_different_kinds_of_files_share_none() {
        let readers = [Dialect::ComposeV2, Dialect::LoginPassword];
        assert_eq!(Target::with_readers("x", &readers, Some("T")).unwrap_err().kind(), ErrorKind::Target);
        assert_eq!(Target::with_readers("x", &[], Some("T")).unwrap_err().kind(), ErrorKind::Target);
        let target = Target::with_readers("x", &[Dialect::Bash, Dialect::ComposeV2, Dialect::Bash], Some("T")).unwrap();
        assert_eq!(target.readers(), [Dialect::Bash, Dialect::ComposeV2]);
    }

    #[test]
    fn services_that_differ_are_told_apart() {
        let text = "services:\n  a: {environment: {T: x, U: 0x1F}}\n  b: {environment: [T=y, U=31]}\n  c: {image: x}\n";
        let entries = Dialect::ComposeYamlV2.read(text.as_bytes(), &Surroundings::new()).unwrap();
        let seen: Vec<_> = entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_deref().unwrap_or_default())).collect();
        assert_eq!(seen, [("a.T", "x"), ("U", "31"), ("b.T", "y"), ("U", "31")]);
        let of = |key| Target::new("compose.yaml", Dialect::ComposeYamlV2, Some(key)).unwrap();
        let holds = |text: &str, key, value| of(key).read_bytes(text.as_bytes()).holds(&LoginToken::new(value).unwrap());
        assert!(holds(text, "a.T", "x") && holds(text, "b.T", "y") && !holds(text, "T", "x"));
        let one = of("b.T").write(Some(text.as_bytes()), "z", "").unwrap();
        assert_eq!(String::from_utf8(one).unwrap(), text.replace("T=y", "'T=z'"));
        let both = of("T").write(Some(text.as_bytes()), "z", "").unwrap();
        assert!(holds(std::str::from_utf8(&both).unwrap(), "T", "z"));
    }

    #[test]
    fn every_reader_must_see_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let readers = [Dialect::ComposeV2, Dialect::DockerEnvFile];
        let target = Target::with_readers(folder.path().join("x.env"), &readers, Some("T")).unwrap();
        let write = |text: &str| std::fs::write(target.path(), text).unwrap();
        let token = |text: &str| LoginToken::new(text).unwrap();
        assert!(matches!(target.read(), Reading::Absent));
        write("T='abc'\n");
        assert!(target.read_by(Dialect::ComposeV2).holds(&token("abc")));
        assert!(target.read_by(Dialect::DockerEnvFile).holds(&token("'abc'")));
        assert!(!target.read().holds(&token("abc")) && !target.read().holds(&token("'abc'")));
        assert!(matches!(target.read(), Reading::Refused(fault) if fault.what.contains("docker-run-env-file")));
        write("T=abc\n");
        assert!(target.read().holds(&token("abc")));
    }
}
