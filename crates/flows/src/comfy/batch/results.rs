//! The file of results: appended line by line, each whole; read again to go on.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions, TryLockError},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use report::{Failure, FailureKind};
use serde_json::Value;

pub(super) struct Results {
    file: File,
    shown: PathBuf,
    /// The length of all its whole lines.
    whole: u64,
}

/// What an earlier batch has left.
#[derive(Default)]
pub(super) struct Earlier {
    /// The ids whose last line says that they succeeded.
    pub(super) done: HashSet<String>,
    /// Whether its last line was half-written, and was cut off.
    pub(super) cut: bool,
}

impl Results {
    /// Opens the file, or makes it. What it holds is read only to go on; else it must be empty.
    pub(super) fn open(path: &Path, shown: &Path, resume: bool) -> Result<(Self, Earlier), Failure> {
        let failed = |error: std::io::Error| Self::failed(shown, &error);
        let file = OpenOptions::new().create(true).append(true).read(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(FailureKind::Refused, format!("another batch writes `{}`", shown.display()))
                    .hint("let it end, or name another file with `--results`"));
            }
            // A file system without locks is used without them.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let mut results = Self { file, shown: shown.to_owned(), whole: 0 };
        if !resume && results.file.metadata().map_err(failed)?.len() > 0 {
            return Err(Failure::new(FailureKind::Usage, format!("`{}` holds results already", shown.display()))
                .hint("go on with them with `--resume`, or name another file"));
        }
        let earlier = results.read()?;
        Ok((results, earlier))
    }

    fn read(&mut self) -> Result<Earlier, Failure> {
        let failed = |error: std::io::Error| Self::failed(&self.shown, &error);
        let mut reader = BufReader::new(&self.file);
        let (mut earlier, mut line, mut number) = (Earlier::default(), Vec::new(), 0);
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line).map_err(failed)?;
            number += 1;
            if length == 0 {
                return Ok(earlier);
            }
            let Some((id, succeeded)) = read_line(&line).filter(|_| line.ends_with(b"\n")) else {
                if line.ends_with(b"\n") {
                    let message = format!("line {number} of `{}` is no result of a batch", self.shown.display());
                    return Err(Failure::new(FailureKind::Declined, message).hint("name the file that an earlier batch wrote"));
                }
                // Its item runs again: what it says may not be all.
                earlier.cut = true;
                self.file.set_len(self.whole).map_err(failed)?;
                return Ok(earlier);
            };
            self.whole += length as u64;
            if succeeded {
                earlier.done.insert(id);
            } else {
                earlier.done.remove(&id);
            }
        }
    }

    /// Appends one line in one step; of one that does not fit, nothing stays, and the next does not continue it.
    pub(super) fn append(&mut self, line: &str) -> Result<(), Failure> {
        self.file.write_all(line.as_bytes()).map_err(|error| {
            self.file.set_len(self.whole).ok();
            Self::failed(&self.shown, &error)
        })?;
        self.whole += line.len() as u64;
        Ok(())
    }

    fn failed(shown: &Path, error: &std::io::Error) -> Failure {
        Failure::new(FailureKind::Refused, format!("can't write the results to `{}`: {error}", shown.display()))
            .hint("make room there, or name another file with `--results`")
    }
}

fn read_line(line: &[u8]) -> Option<(String, bool)> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    Some((text("id")?.to_owned(), text("outcome")? == "succeeded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, outcome: &str) -> String {
        format!("{{\"id\": \"{id}\", \"outcome\": \"{outcome}\"}}\n")
    }

    #[test]
    fn what_succeeded_last_is_done_and_a_half_written_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        let open = |resume| Results::open(&path, Path::new("r.jsonl"), resume);
        open(false).unwrap().0.append(&line("a", "succeeded")).unwrap();
        assert_eq!(open(false).err().unwrap().to_string(), "`r.jsonl` holds results already");
        let all =
            [line("a", "succeeded"), line("b", "failed"), line("c", "succeeded"), line("c", "lost"), line("b", "succeeded")];
        std::fs::write(&path, all.concat() + line("d", "succeeded").trim_end()).unwrap();
        let (mut results, earlier) = open(true).unwrap();
        assert_eq!((earlier.done, earlier.cut), (HashSet::from(["a".to_owned(), "b".to_owned()]), true));
        results.append(&line("d", "lost")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), all.concat() + &line("d", "lost"));
    }

    #[test]
    fn a_file_of_something_else_and_one_in_use_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        std::fs::write(&path, line("a", "succeeded") + "something else\n").unwrap();
        let failure = Results::open(&path, Path::new("r.jsonl"), true).err().unwrap();
        assert_eq!(failure.to_string(), "line 2 of `r.jsonl` is no result of a batch");
        std::fs::write(&path, "").unwrap();
        let _held = Results::open(&path, Path::new("r.jsonl"), true).unwrap();
        let failure = Results::open(&path, Path::new("r.jsonl"), true).err().unwrap();
        assert_eq!(failure.to_string(), "another batch writes `r.jsonl`");
    }
}
