//! Changes the value of one key in a file of `KEY=value` lines, and no other byte; every reader of the file must read the
//! value back.

use std::ops::Range;

use crate::{Dialect, Entry, Error, ErrorKind, Surroundings, spelling};

/// `old` with `key` set to `value`, in the first spelling that all `readers` read back as it is.
///
/// # Errors
/// A reader refuses the file as it is, or no spelling suits all of them.
pub(crate) fn write(old: &[u8], key: &str, value: &str, readers: &[Dialect]) -> Result<Vec<u8>, Error> {
    let nothing = Surroundings::new();
    let mut before = Vec::with_capacity(readers.len());
    for reader in readers {
        let entries = reader.read(old, &nothing).map_err(|fault| {
            Error::new(ErrorKind::Syntax, format!("its reader `{reader}` refuses the file: {fault}"))
                .hint("mend that line, or move the file away")
        })?;
        before.push((*reader, entries));
    }
    spelled_for(old, key, value, &before).map(|(bytes, _)| bytes).ok_or_else(|| no_spelling(old, key, value, &before))
}

/// A reader, and what it sees before the edit.
type Before = (Dialect, Vec<Entry>);
/// The result of an edit, and whether it spells the value bare.
type Edit = (Vec<u8>, bool);

/// The first edit whose result all readers take.
fn spelled_for(old: &[u8], key: &str, value: &str, before: &[Before]) -> Option<Edit> {
    let hostile = hostile_surroundings(value);
    let takes = |new: &[u8], (reader, before): &Before| {
        let sees = |surroundings: &Surroundings| {
            let entries = reader.read(new, surroundings).ok()?;
            let last = entries.iter().rev().find(|entry| entry.key == key)?;
            (last.value.as_deref() == Some(value)).then_some(entries)
        };
        let same = |entries: &[Entry]| neighbours(new, entries, key).eq(neighbours(old, before, key));
        sees(&hostile).is_some() && sees(&Surroundings::new()).is_some_and(|entries| same(&entries))
    };
    spelling::candidates(value).into_iter().find_map(|spelling| {
        let edits = edits(old, key, &spelling, before);
        let taken = edits.into_iter().find(|new| before.iter().all(|reader| takes(new, reader)));
        taken.map(|new| (new, spelling::is_bare(&spelling, value)))
    })
}

/// Every other key with its value as it is spelled. A value that interpolates the token changes with it, rightly.
pub(crate) fn neighbours<'a>(
    bytes: &'a [u8],
    entries: &'a [Entry],
    key: &'a str,
) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
    entries.iter().filter(move |entry| entry.key != key).map(|entry| (entry.key.as_str(), bytes.get(entry.span.clone())))
}

/// Surroundings that know every word of the value: a spelling that only reads back while nobody has set a variable of that
/// name is none.
fn hostile_surroundings(value: &str) -> Surroundings {
    let is_word = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    let words = value.split(|sign| !is_word(sign)).flat_map(|word| {
        let parts = word.split('_');
        parts.chain([word]).chain((1..word.len().min(4)).filter_map(|end| word.get(..end)))
    });
    words.chain(["HOME"]).filter(|word| !word.is_empty()).map(|word| (word.to_owned(), "/elsewhere".to_owned())).collect()
}

/// The results worth trying: in place where each reader finds the key, appended where one doesn't.
fn edits(old: &[u8], key: &str, spelling: &str, before: &[Before]) -> Vec<Vec<u8>> {
    let mut places: Vec<Vec<Range<usize>>> = Vec::new();
    for (_, entries) in before {
        let spans: Vec<_> =
            entries.iter().filter(|entry| entry.key == key && entry.spelled).map(|entry| entry.span.clone()).collect();
        if !places.contains(&spans) {
            places.push(spans);
        }
    }
    let appended =
        |base: &[u8]| line_endings(old).into_iter().map(|ending| append(base, key, spelling, ending)).collect::<Vec<_>>();
    let replaced: Vec<_> = places.iter().filter(|spans| !spans.is_empty()).map(|spans| replace(old, spans, spelling)).collect();
    let mut results = replaced.clone();
    if places.len() > 1 {
        results.extend(replaced.iter().flat_map(|new| appended(new)));
    }
    if places.iter().any(Vec::is_empty) {
        results.extend(appended(old));
    }
    results
}

fn replace(old: &[u8], spans: &[Range<usize>], spelling: &str) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len() + spelling.len());
    let mut copied = 0;
    for span in spans.iter().filter(|span| span.start <= span.end) {
        new.extend_from_slice(old.get(copied..span.start).unwrap_or_default());
        new.extend_from_slice(spelling.as_bytes());
        copied = span.end;
    }
    new.extend_from_slice(&old[copied..]);
    new
}

fn append(old: &[u8], key: &str, spelling: &str, ending: &[u8]) -> Vec<u8> {
    let mut new = old.to_vec();
    if !new.is_empty() && !new.ends_with(b"\n") && !new.ends_with(ending) && new != "\u{feff}".as_bytes() {
        new.extend_from_slice(ending);
    }
    for piece in [key.as_bytes(), b"=", spelling.as_bytes(), ending] {
        new.extend_from_slice(piece);
    }
    new
}

/// The file's own line ending, and the plain one for readers that take a carriage return into the value.
fn line_endings(old: &[u8]) -> Vec<&'static [u8]> {
    if old.windows(2).any(|pair| pair == b"\r\n") {
        vec![b"\r\n", b"\n"]
    } else if old.contains(&b'\r') && !old.contains(&b'\n') {
        vec![b"\r", b"\n"]
    } else {
        vec![b"\n"]
    }
}

/// Why nothing suits, told by what each reader alone would take.
fn no_spelling(old: &[u8], key: &str, value: &str, before: &[Before]) -> Error {
    let alone: Vec<_> = before.iter().map(|one| (one.0, spelled_for(old, key, value, std::slice::from_ref(one)))).collect();
    let names = |wanted: fn(&Option<Edit>) -> bool| {
        let names: Vec<_> = alone.iter().filter(|(_, found)| wanted(found)).map(|(reader, _)| format!("`{reader}`")).collect();
        names.join(", ")
    };
    let none = names(Option::is_none);
    let bare = names(|found| matches!(found, Some((_, true))));
    let quoted = names(|found| matches!(found, Some((_, false))));
    let message = if !none.is_empty() {
        format!("no spelling of the value of `{key}` comes unchanged out of {none}, in this file")
    } else if !bare.is_empty() && !quoted.is_empty() {
        format!(
            "no spelling of the value of `{key}` suits all readers: {bare} take it bare only, {quoted} need it quoted or escaped"
        )
    } else {
        format!("no spelling of the value of `{key}` is read the same by {bare}{quoted}")
    };
    let error = Error::new(ErrorKind::Unwritable, message);
    let error = if before.len() > 1 { error.hint("give each reader a file of its own") } else { error };
    error.hint(format!(
        "or hand on a place without `$`, which every reader reads alike: `{key}_FILE=/run/secrets/{}` and the token in that file",
        key.to_ascii_lowercase()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$12$made/up.Hash";

    fn written(old: &str, value: &str, readers: &[Dialect]) -> Result<String, Error> {
        write(old.as_bytes(), "T", value, readers).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn changes_the_value_and_nothing_else() {
        let cases = [
            ("", "T='v'\n"),
            ("A=1", "A=1\nT='v'\n"),
            ("# top\r\nT = old # why\r\nB=2\r\n", "# top\r\nT = 'v' # why\r\nB=2\r\n"),
            ("T=\"x\ny\"\nB=2\n", "T='v'\nB=2\n"),
            ("T=1\nA=$T\nT=2\n", "T='v'\nA=$T\nT='v'\n"),
            ("export T=\n", "export T='v'\n"),
            ("# T=comment\n", "# T=comment\nT='v'\n"),
            ("A=1\r\n", "A=1\r\nT='v'\r\n"),
            ("\u{feff}A=1\n", "\u{feff}A=1\nT='v'\n"),
        ];
        for (old, new) in cases {
            assert_eq!(written(old, "v", &[Dialect::ComposeV2]).unwrap(), new, "{old:?}");
        }
        assert_eq!(written("a b\n", "v", &[Dialect::ComposeV2]).unwrap_err().kind(), ErrorKind::Syntax);
    }

    #[test]
    fn each_reader_gets_the_spelling_of_the_table() {
        use Dialect as D;
        let bare = [D::ComposeV2EnvFileRaw, D::DockerEnvFile, D::PodmanEnvFile];
        for dialect in Dialect::ALL.iter().copied().filter(|dialect| dialect.is_lines()) {
            let expected = match dialect {
                D::NodeDotenvExpand => "T=\"\\$2b\\$12\\$made/up.Hash\"\n",
                dialect if bare.contains(&dialect) => "T=$2b$12$made/up.Hash\n",
                _ => "T='$2b$12$made/up.Hash'\n",
            };
            assert_eq!(written("", HASH, &[dialect]).unwrap(), expected, "{dialect}");
        }
    }

    #[test]
    fn awkward_values_fall_back_to_another_spelling() {
        use Dialect as D;
        let cases = [
            (D::ComposeV2, "it's", "T=\"it's\"\n"),
            (D::PosixSh, "it's $5", "T=\"it's \\$5\"\n"),
            (D::PythonDotenv, "a'b\\", "T=\"a'b\\\\\"\n"),
            (D::NodeDotenv, "a'b\"c", "T='a'b\"c'\n"),
            (D::NodeEnvFile24, "a'b\"c", "T=`a'b\"c`\n"),
            (D::DockerEnvFile, "'q' # x", "T='q' # x\n"),
            (D::SystemdEnvironmentFile, "a'b`c", "T=\"a'b\\`c\"\n"),
        ];
        for (dialect, value, expected) in cases {
            assert_eq!(written("", value, &[dialect]).unwrap(), expected, "{dialect}");
        }
        for (dialect, value) in [(D::DockerEnvFile, "a\nb"), (D::NodeEnvFile20, "'\"`"), (D::DirenvDotenv, "a\nb\rc")] {
            match written("", value, &[dialect]) {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unwritable, "{dialect}");
                    assert!(error.hints().iter().any(|hint| hint.contains("T_FILE=/run/secrets/t")), "{:?}", error.hints());
                }
                Ok(bytes) => {
                    let seen = dialect.read(bytes.as_bytes(), &Surroundings::new()).unwrap();
                    assert_eq!(seen[0].value.as_deref(), Some(value), "{dialect}");
                }
            }
        }
    }

    #[test]
    fn one_file_for_several_readers() {
        use Dialect as D;
        let quoting = [D::ComposeV2, D::PosixSh, D::PythonDotenv, D::SystemdEnvironmentFile, D::RustDotenvy, D::DirenvDotenv];
        assert_eq!(written("T=x\n", HASH, &quoting).unwrap(), "T='$2b$12$made/up.Hash'\n");
        let both = [D::DockerEnvFile, D::PythonDotenv, D::SystemdEnvironmentFile, D::NodeEnvFile24];
        assert_eq!(written("T=x\n", HASH, &both).unwrap(), "T=$2b$12$made/up.Hash\n");
        assert_eq!(written("", HASH, &[D::NodeDotenvExpand, D::ComposeV2]).unwrap(), "T=\"\\$2b\\$12\\$made/up.Hash\"\n");

        let error = written("", HASH, &[D::DockerEnvFile, D::PosixSh, D::DirenvDotenv]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no spelling of the value of `T` suits all readers: `docker-run-env-file` take it bare only, \
             `posix-sh`, `direnv-dotenv` need it quoted or escaped"
        );
        assert_eq!(error.hints().len(), 2);
        let error = written("", HASH, &[D::NodeDotenvExpand, D::NodeDotenv]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unwritable);
    }

    #[test]
    fn readers_that_see_the_line_differently_still_get_one_file() {
        use Dialect as D;
        // systemd takes the comment into the value, so it has to go; the shell's `export` line is none to systemd.
        let readers = [D::ComposeV2, D::SystemdEnvironmentFile];
        assert_eq!(written("T='old' # c\nB=1\n", "v", &readers).unwrap(), "T='v'\nB=1\n");
        let readers = [D::PosixSh, D::SystemdEnvironmentFile];
        assert_eq!(written("export T='old'\n", "v", &readers).unwrap(), "export T='v'\nT='v'\n");
        // A shell takes the carriage return into the word, and so it is replaced with it.
        assert_eq!(written("T=old\r\nB=1\r\n", "v", &[D::Bash]).unwrap(), "T='v'\nB=1\r\n");
        assert_eq!(written("B=1\r\n", "v", &[D::Bash]).unwrap(), "B=1\r\nT='v'\n");
    }

    #[test]
    fn bytes_that_are_not_utf_8_stay() {
        let old = b"A=\xff\xfe\nT=old\nB=\xc3(\n";
        let new = write(old, "T", "v", &[Dialect::ComposeV2, Dialect::Bash, Dialect::NodeDotenv]);
        assert_eq!(new.unwrap_err().kind(), ErrorKind::Syntax, "`(` is shell syntax");
        let new = write(old, "T", "v", &[Dialect::ComposeV2, Dialect::NodeDotenv, Dialect::PodmanEnvFile]).unwrap();
        assert_eq!(new, b"A=\xff\xfe\nT=v\nB=\xc3(\n");
    }
}
