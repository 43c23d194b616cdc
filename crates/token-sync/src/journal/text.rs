//! The journal's text: a line a fact, paths with `%` for every byte that is not plain, and a digest of all of it at its end.

use std::{
    ffi::OsString,
    fmt::Write,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

use super::{Digest, FileRecord, OldRecord, Record};
use crate::{FileFacts, place::Place};

const FIRST_LINE: &str = "genai-auth commit journal ";
const VERSION: &str = "1";
/// Stands in the name of every temporary, and of nothing else: recovery touches no other name.
pub(super) const TEMPORARY: &str = ".genai-tmp-";

/// Why a text is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A newer program wrote it.
    Newer,
    /// It is cut short or changed.
    Damaged,
}

impl Record {
    pub(super) fn to_text(&self) -> Vec<u8> {
        let mut text = format!("{FIRST_LINE}{VERSION}\n");
        let mut line = |words: &[&str]| {
            text.push_str(&words.join(" "));
            text.push('\n');
        };
        line(&["program", &escape(self.program.as_bytes())]);
        line(&["since", &escape(self.since.as_bytes())]);
        line(&["key", &hex(&self.key)]);
        for folder in &self.made {
            line(&["make", &escape(folder.as_os_str().as_bytes())]);
        }
        for FileRecord { place, new, new_digest, old } in &self.files {
            line(&["file", &escape(place.folder().as_os_str().as_bytes()), &escape(place.name().as_bytes())]);
            line(&["new", &escape(new.as_bytes()), &hex(&new_digest.0)]);
            if let Some(OldRecord { copy, facts: FileFacts { mode, uid, gid }, digest }) = old {
                let (mode, uid, gid) = (format!("{mode:o}"), uid.to_string(), gid.to_string());
                line(&["old", &escape(copy.as_bytes()), &mode, &uid, &gid, &hex(&digest.0)]);
            }
        }
        let end = hex(&Digest::of(&self.key, text.as_bytes()).0);
        text.push_str(&format!("end {end}\n"));
        text.into_bytes()
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(bytes).map_err(|_| Fault::Damaged)?;
        let (first, _) = text.split_once('\n').ok_or(Fault::Damaged)?;
        match first.strip_prefix(FIRST_LINE) {
            Some(VERSION) => Self::lines(text).ok_or(Fault::Damaged),
            Some(version) if version.parse::<u32>().is_ok_and(|version| version > 1) => Err(Fault::Newer),
            _ => Err(Fault::Damaged),
        }
    }

    fn lines(text: &str) -> Option<Self> {
        let (body, end) = text.strip_suffix('\n')?.rsplit_once("\nend ")?;
        let body = &text[..body.len() + 1];
        let mut record = Self { program: String::new(), since: String::new(), key: [0; 16], made: Vec::new(), files: Vec::new() };
        for line in body.lines().skip(1) {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["program", name] => record.program = String::from_utf8(unescape(name)?).ok()?,
                ["since", time] => record.since = String::from_utf8(unescape(time)?).ok()?,
                ["key", key] => record.key = unhex(key)?,
                ["make", path] => record.made.push(absolute(path)?),
                ["file", folder, name] => record.files.push(FileRecord {
                    place: Place::new(absolute(folder)?, plain_name(name)?),
                    new: OsString::new(),
                    new_digest: Digest([0; 16]),
                    old: None,
                }),
                ["new", name, digest] => {
                    let file = record.files.last_mut()?;
                    (file.new, file.new_digest) = (temporary(name)?, Digest(unhex(digest)?));
                }
                ["old", name, mode, uid, gid, digest] => {
                    let mode = u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o7777)?;
                    let facts = FileFacts { mode, uid: uid.parse().ok()?, gid: gid.parse().ok()? };
                    let old = OldRecord { copy: temporary(name)?, facts, digest: Digest(unhex(digest)?) };
                    record.files.last_mut()?.old = Some(old);
                }
                _ => return None,
            }
        }
        let is_whole = record.files.iter().all(|file| !file.new.is_empty());
        (is_whole && Digest::of(&record.key, body.as_bytes()) == Digest(unhex(end)?)).then_some(record)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string can't fail
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// One word: never empty, no blank, no line end.
fn escape(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("="), |mut text, byte| {
        let _ = match byte {
            b'%' | 0..=b' ' | 0x7f.. => write!(text, "%{byte:02x}"),
            plain => write!(text, "{}", char::from(*plain)),
        };
        text
    })
}

fn unescape(word: &str) -> Option<Vec<u8>> {
    let mut pieces = word.strip_prefix('=')?.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    Some(bytes)
}

fn absolute(word: &str) -> Option<PathBuf> {
    Some(PathBuf::from(OsString::from_vec(unescape(word)?))).filter(|path| path.is_absolute())
}

fn plain_name(word: &str) -> Option<OsString> {
    let name = unescape(word)?;
    (!name.is_empty() && !name.contains(&b'/') && name != b"." && name != b"..").then(|| OsString::from_vec(name))
}

fn temporary(word: &str) -> Option<OsString> {
    let marker = TEMPORARY.as_bytes();
    plain_name(word).filter(|name| name.as_bytes().windows(marker.len()).any(|window| window == marker))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record {
        let digest = |byte| Digest([byte; 16]);
        let file = |name: &str, old| FileRecord {
            place: Place::new("/a b/%".into(), name.into()),
            new: format!(".{name}{TEMPORARY}0-0").into(),
            new_digest: digest(1),
            old,
        };
        let facts = FileFacts { mode: 0o640, uid: 1000, gid: 7 };
        let old = OldRecord { copy: format!(".x{TEMPORARY}0-0-old").into(), facts, digest: digest(2) };
        Record {
            program: "genai-auth setup".to_owned(),
            since: "2026-01-02T03:04:05Z".to_owned(),
            key: [9; 16],
            made: vec!["/new".into(), "/new/er".into()],
            files: vec![file("x", Some(old)), file("line\nend", None)],
        }
    }

    #[test]
    fn written_and_read_back() {
        assert_eq!(Record::parse(&record().to_text()).unwrap(), record());
    }

    #[test]
    fn a_record_that_is_cut_or_changed_anywhere_is_damaged() {
        let whole = record().to_text();
        for end in 0..whole.len() {
            assert_eq!(Record::parse(&whole[..end]), Err(Fault::Damaged), "cut at {end}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(Record::parse(&changed).is_err(), "changed at {at}");
        }
    }

    #[test]
    fn a_newer_one_is_told_apart_and_a_foreign_name_is_refused() {
        assert_eq!(Record::parse(b"genai-auth commit journal 2\nwhatever\n"), Err(Fault::Newer));
        for (new, path) in [("shadow", "/etc"), (".genai-tmp-/../shadow", "/etc"), (".x.genai-tmp-1", "etc")] {
            let mut record = record();
            record.files[0].new = new.into();
            record.files[0].place = Place::new(path.into(), "passwd".into());
            assert_eq!(Record::parse(&record.to_text()), Err(Fault::Damaged), "{path}/{new}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_one_word_and_come_back(bytes: Vec<u8>) {
            let word = escape(&bytes);
            prop_assert!(!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(unescape(&word), Some(bytes));
        }

        #[test]
        fn no_bytes_make_the_reader_fall(text in "(genai-auth commit journal 1\n)?([a-z]{3,7}( =?[%a-z0-9/.-]{0,40}){0,5}\n){0,6}") {
            let _ = Record::parse(text.as_bytes());
        }
    }
}
