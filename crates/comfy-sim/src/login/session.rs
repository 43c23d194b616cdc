//! The session cookie: a signed value that the server keeps no copy of, so that no logout can revoke it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use hmac::{Hmac, KeyInit, Mac};
use http::header::COOKIE;
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::chance::Chance;
use crate::clock::Clock;
use crate::error::{Cause, Error};
use crate::py;
use crate::request::Request;

const COOKIE_NAME: &str = "AIOHTTP_SESSION";

/// A key older than this is replaced at the start, and all cookies with it.
const MAX_AGE_SECONDS: u64 = 30 * 24 * 60 * 60;

/// The key that signs the cookies.
pub(super) struct Key([u8; 32]);

/// What a cookie holds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Session(Map<String, Value>);

impl Session {
    /// Whether the entry is there and true.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(py::truthy)
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.shift_remove(name);
    }
}

impl Key {
    /// The key of the file, or a new one if there is none or if it is too old.
    pub(super) fn load(path: &Path, clock: &Clock, chance: &Chance) -> Result<Self, Error> {
        let now = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        match fs::read_to_string(path) {
            Ok(text) => {
                let parsed = text
                    .trim()
                    .split_once(',')
                    .and_then(|(key, made)| Some((unhex(key)?.try_into().ok()?, made.parse::<u64>().ok()?)));
                let Some((key, made)) = parsed else {
                    return Err(Cause::SessionKey(path.to_owned()).into());
                };
                if now.saturating_sub(made) <= MAX_AGE_SECONDS {
                    return Ok(Self(key));
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io("read", path, e)),
        }
        let key = chance.bytes();
        match write_private(path, &format!("{},{now}", hex(&key))) {
            // A login folder that is mounted read only, as a container's should be: the key lasts as long as this process.
            Err(e) if e.kind() != io::ErrorKind::ReadOnlyFilesystem => return Err(Error::io("write", path, e)),
            _ => {}
        }
        Ok(Self(key))
    }

    /// The session of a request; a cookie that this key did not sign counts as none.
    pub(super) fn session(&self, request: &Request) -> Session {
        let cookies = request.headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut values = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let value = values.rfind(|(name, _)| *name == COOKIE_NAME);
        value.and_then(|(_, value)| self.open(value.trim_matches('"'))).unwrap_or_default()
    }

    fn open(&self, value: &str) -> Option<Session> {
        let (data, signature) = value.split_once('.')?;
        let mut mac = self.mac()?;
        mac.update(data.as_bytes());
        mac.verify_slice(&unhex(signature)?).ok()?;
        serde_json::from_slice(&unhex(data)?).ok().map(Session)
    }

    /// The `Set-Cookie` header of a session. No `Secure`, `SameSite` or `Max-Age`, as with the plugin.
    pub(super) fn set_cookie(&self, session: &Session) -> String {
        let data = hex(py::json::dumps(&Value::Object(session.0.clone())).as_bytes());
        let signature = self.mac().map(|mut mac| {
            mac.update(data.as_bytes());
            hex(&mac.finalize().into_bytes())
        });
        format!("{COOKIE_NAME}={data}.{}; HttpOnly; Path=/", signature.unwrap_or_default())
    }

    /// A MAC takes a key of any length, so there always is one.
    fn mac(&self) -> Option<Hmac<Sha256>> {
        Hmac::new_from_slice(&self.0).ok()
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn at(seconds: u64) -> Clock {
        Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn value(cookie: &str) -> &str {
        cookie.strip_prefix("AIOHTTP_SESSION=").and_then(|c| c.split(';').next()).expect("a cookie")
    }

    proptest::proptest! {
        #[test]
        fn no_foreign_cookie_opens(value in "[0-9a-f]{0,40}\\.[0-9a-f]{0,64}|.*") {
            assert_eq!(Key([1; 32]).open(&value), None);
        }
    }

    #[test]
    fn a_cookie_opens_with_its_own_key_alone() {
        let (key, other) = (Key([1; 32]), Key([2; 32]));
        let mut session = Session::default();
        session.set("logged_in", true);
        let cookie = key.set_cookie(&session);
        assert!(cookie.ends_with("; HttpOnly; Path=/"));
        assert_eq!(key.open(value(&cookie)), Some(session));
        assert_eq!(other.open(value(&cookie)), None);
        let forged = value(&cookie).replacen(|c: char| c.is_ascii_digit(), "0", 1);
        for bad in ["", ".", "zz.zz", "7b7d", forged.as_str()] {
            assert!(bad == value(&cookie) || key.open(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_key_outlives_a_restart_but_not_thirty_days() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("key");
        let chance = Chance::sequence();
        let first = Key::load(&path, &at(0), &chance).expect("made");
        let again = Key::load(&path, &at(MAX_AGE_SECONDS), &chance).expect("read");
        assert_eq!(first.0, again.0);
        let late = Key::load(&path, &at(MAX_AGE_SECONDS + 1), &chance).expect("replaced");
        assert_ne!(first.0, late.0);
        fs::write(&path, "no key").expect("writes");
        assert!(Key::load(&path, &at(0), &chance).is_err());
    }
}
