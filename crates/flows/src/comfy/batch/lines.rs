//! The file of a batch, line by line: what each says, before it is known whether it can be done.

use std::{
    fs::File,
    io::{BufRead, BufReader, Lines},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use comfy_client::Seed;
use report::{Failure, FailureKind};
use serde_json::{Map, Value};
use settings::Entropy;

/// What one line asks for.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) id: Option<String>,
    pub(super) workflow: Option<PathBuf>,
    pub(super) seed: Option<Seed>,
    pub(super) set: Vec<(String, Set)>,
}

/// A value for an input.
#[derive(Debug, PartialEq)]
pub(super) enum Set {
    /// As a person wrote it.
    Text(String),
    /// As JSON.
    Value(Value),
}

/// What is wrong with a line, with what to do.
#[derive(Debug, PartialEq)]
pub(super) struct Wrong {
    pub(super) number: u64,
    pub(super) what: String,
}

impl Wrong {
    pub(super) fn new(number: u64, what: impl Into<String>) -> Self {
        Self { number, what: what.into() }
    }
}

/// Reads the lines one after the other; a wrong one does not end them, unless the file itself cannot be read on.
pub(super) struct Reader {
    form: Form,
    entropy: Entropy,
}

enum Form {
    Json(Lines<BufReader<File>>, u64),
    Csv { reader: Box<csv::Reader<File>>, header: csv::StringRecord, file: File },
}

impl Reader {
    pub(super) fn open(path: &Path, shown: &Path, entropy: &Entropy) -> Result<Self, Failure> {
        let shown = shown.display();
        let refused = |what: String, hint: &str| Err(Failure::new(FailureKind::Usage, what).hint(hint));
        let file = File::open(path)
            .map_err(|error| Failure::new(FailureKind::Unreachable, format!("can't read the items `{shown}`: {error}")))?;
        if !file.metadata().is_ok_and(|about| about.is_file()) {
            return refused(format!("`{shown}` is no plain file"), "the items are read twice: write them into a file first");
        }
        let form = match path.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl" | "ndjson") => Form::Json(BufReader::new(file).lines(), 0),
            Some("csv") => {
                let again = file.try_clone().map_err(|error| Failure::of(FailureKind::Unexpected, &error))?;
                let mut reader = csv::Reader::from_reader(file);
                let header = reader.headers().map_err(|error| {
                    Failure::of(FailureKind::Declined, &error).hint("the first line names `id`, `seed` and inputs as NODE.INPUT")
                })?;
                let header = header.clone();
                if let Some(twice) = header.iter().enumerate().find(|(at, name)| header.iter().take(*at).any(|one| one == *name))
                {
                    return refused(format!("`{shown}` has two columns `{}`", twice.1), "leave one of them out");
                }
                Form::Csv { reader: Box::new(reader), header, file: again }
            }
            _ => return refused(format!("`{shown}` is neither .jsonl nor .csv"), "name it for what it holds"),
        };
        Ok(Self { form, entropy: entropy.clone() })
    }
}

impl Iterator for Reader {
    type Item = Result<Line, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.form {
            Form::Json(lines, number) => loop {
                let line = lines.next()?;
                *number += 1;
                let read = match line {
                    Err(error) => Err(error.to_string()),
                    Ok(text) => match text.trim_start_matches('\u{feff}').trim() {
                        "" => continue,
                        text => object(text, *number, &self.entropy),
                    },
                };
                return Some(read.map_err(|what| Wrong::new(*number, what)));
            },
            Form::Csv { reader, header, file } => {
                let (start, mut record) = (reader.position().clone(), csv::StringRecord::new());
                let read = reader.read_record(&mut record);
                let number = start.line() + line_ends(file, start.byte());
                match read {
                    Ok(false) => None,
                    Ok(true) => Some(cells(header, &record, number, &self.entropy).map_err(|what| Wrong::new(number, what))),
                    Err(error) => Some(Err(Wrong::new(number, cause(&error)))),
                }
            }
        }
    }
}

/// How many line ends stand between the end of a record and the begin of the next: blank lines, and the second half of CRLF, which
/// the library leaves to the next record.
fn line_ends(file: &File, from: u64) -> u64 {
    let (mut ends, mut byte) = (0, [0]);
    for at in from.. {
        match file.read_at(&mut byte, at) {
            Ok(1) if byte[0] == b'\n' => ends += 1,
            Ok(1) if byte[0] == b'\r' => {}
            _ => break,
        }
    }
    ends
}

/// The library's own words, without the place, which stands before them already.
fn cause(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells, and the header has {expected_len}; a cell with a comma stands in double quotes")
        }
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8; save the file as CSV UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

fn object(text: &str, number: u64, entropy: &Entropy) -> Result<Line, String> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| format!("it is not JSON: {error}; write one object a line, with nothing between them"))?;
    let Value::Object(object) = value else { return Err(format!("it is `{value}`, not an object")) };
    let mut line = Line { number, ..Line::default() };
    for (key, value) in object {
        match (key.as_str(), value) {
            ("id", Value::String(id)) => line.id = Some(id),
            ("id", Value::Number(id)) => line.id = Some(id.to_string()),
            ("workflow", Value::String(path)) => line.workflow = Some(path.into()),
            ("seed", Value::String(text)) => line.seed = Some(seed(&text, entropy)?),
            ("seed", Value::Number(number)) => line.seed = Some(seed(&number.to_string(), entropy)?),
            ("set", Value::Object(set)) => line.set = values(set),
            ("id" | "workflow" | "seed" | "set", value) => return Err(format!("`{key}` is `{value}`, which it can't be")),
            _ => return Err(format!("`{key}` is not known here; known are `id`, `set`, `seed`, `workflow`")),
        }
    }
    Ok(line)
}

fn values(set: Map<String, Value>) -> Vec<(String, Set)> {
    set.into_iter().map(|(address, value)| (address, Set::Value(value))).collect()
}

fn cells(header: &csv::StringRecord, record: &csv::StringRecord, number: u64, entropy: &Entropy) -> Result<Line, String> {
    let mut line = Line { number, ..Line::default() };
    for (name, cell) in header.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
        match name {
            "id" => line.id = Some(cell.to_owned()),
            "workflow" => line.workflow = Some(cell.into()),
            "seed" => line.seed = Some(seed(cell, entropy)?),
            address => line.set.push((address.to_owned(), Set::Text(cell.to_owned()))),
        }
    }
    Ok(line)
}

fn seed(text: &str, entropy: &Entropy) -> Result<Seed, String> {
    if text == "random" {
        return Ok(Seed::Random(entropy.bytes()));
    }
    text.parse()
        .map(Seed::Fixed)
        .map_err(|_| format!("the seed `{}` is neither a whole number nor `random`", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &[u8]) -> Result<String, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let entropy = settings::World::for_tests(folder.path()).entropy;
        let said = |line: Result<Line, Wrong>| match line {
            Ok(line) => format!("{}: {:?} {:?} {:?} {:?}", line.number, line.id, line.workflow, line.seed, line.set),
            // A cell or a key may hold the end of a line.
            Err(wrong) => format!("{}: wrong: {}", wrong.number, wrong.what.replace('\n', "⏎")),
        };
        Ok(Reader::open(&path, Path::new(name), &entropy)?.map(said).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn json_lines_are_read_and_each_wrong_one_is_named() {
        let text = "\u{feff}{\"id\": \"a\", \"set\": {\"6.text\": \"x\", \"3.steps\": 4}}\r\n\n{\"id\": 7, \"seed\": 5, \"workflow\": \"w.json\"}\n\
            {\"seed\": \"random\"}\n{not json\n[1]\n{\"sed\": 1}\n{\"seed\": -1}\n{\"set\": 3}\n{}";
        insta::assert_snapshot!(read("a.jsonl", text.as_bytes()).unwrap(), @r#"
        1: Some("a") None None [("6.text", Value(String("x"))), ("3.steps", Value(Number(4)))]
        3: Some("7") Some("w.json") Some(Fixed(5)) []
        4: None None Some(Random([0, 1, 2, 3, 4, 5, 6, 7])) []
        5: wrong: it is not JSON: key must be a string at line 1 column 2; write one object a line, with nothing between them
        6: wrong: it is `[1]`, not an object
        7: wrong: `sed` is not known here; known are `id`, `set`, `seed`, `workflow`
        8: wrong: the seed `-1` is neither a whole number nor `random`
        9: wrong: `set` is `3`, which it can't be
        10: None None None []
        "#);
    }

    #[test]
    fn csv_is_read_as_rfc_4180_has_it() {
        let text = "\u{feff}id,seed,6.text\r\na,7,\"a fox,\nred \"\"and\"\" quick\"\r\n,,\r\n\r\nb,x,y\r\nc,1\r\n";
        let unix = read("a.csv", text.replace("\r\n", "\n").as_bytes()).unwrap();
        assert_eq!(unix, read("a.csv", text.as_bytes()).unwrap());
        insta::assert_snapshot!(read("a.csv", text.as_bytes()).unwrap(), @r#"
        2: Some("a") None Some(Fixed(7)) [("6.text", Text("a fox,\nred \"and\" quick"))]
        4: None None None []
        6: wrong: the seed `x` is neither a whole number nor `random`
        7: wrong: 2 cells, and the header has 3; a cell with a comma stands in double quotes
        "#);
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_file_holds_its_lines_are_counted(text in "[a,\"\r\n{}:7\u{feff} -]{0,60}") {
            let lines = text.split('\n').count() as u64;
            for (name, begin) in [("a.jsonl", ""), ("a.csv", "id,seed\n")] {
                let said = read(name, format!("{begin}{text}").as_bytes()).unwrap_or_default();
                let numbers: Vec<u64> = said.lines().filter_map(|line| line.split_once(": ")?.0.parse().ok()).collect();
                proptest::prop_assert_eq!(numbers.len(), said.lines().count());
                proptest::prop_assert!(numbers.is_sorted() && numbers.iter().all(|number| (1..=lines + 1).contains(number)), "{}", said);
            }
        }
    }

    #[test]
    fn a_file_that_is_none_is_refused_before_it_is_read() {
        let failures: Vec<String> = [("a.txt", "x"), ("a.csv", "id,a,id\n")]
            .iter()
            .map(|(name, text)| {
                let failure = read(name, text.as_bytes()).unwrap_err();
                format!("{failure}: {}", failure.hints.join("; "))
            })
            .collect();
        insta::assert_snapshot!(failures.join("\n"), @"
        `a.txt` is neither .jsonl nor .csv: name it for what it holds
        `a.csv` has two columns `id`: leave one of them out
        ");
        assert!(read("a.csv", b"id\n\xff\n").unwrap().contains("not UTF-8"));
    }
}
