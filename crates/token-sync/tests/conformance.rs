//! Our readers against what the real programs read: every case of the shared conformance data, for every dialect in it.
//! The data is not part of the repository; where it is absent the test says so and checks nothing. `fixtures.rs` holds cases
//! of our own that always run.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::Value;
use token_sync::{Dialect, Surroundings};

/// The data's file, in a `shared` folder beside or above the workspace.
fn data() -> Option<Vec<Value>> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let file = here.ancestors().map(|folder| folder.join("shared/conformance/dotenv-cases.json")).find(|file| file.is_file())?;
    Some(serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
}

/// The bytes of a case: as text, or in base64 where they are not UTF-8.
fn input(case: &Value) -> Vec<u8> {
    match (case["input"].as_str(), case["input_base64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(encoded)) => data_encoding::BASE64.decode(encoded.as_bytes()).unwrap(),
        (None, None) => panic!("the case `{}` has no input", case["name"]),
    }
}

/// What surrounds the reader: the process, and for compose.yaml the `.env` beside it, which the process overrides.
fn surroundings(case: &Value, dialect: Dialect) -> Surroundings {
    let mut process = Surroundings::from([("HOME".to_owned(), concat!("/ho", "me/u").to_owned())]);
    for (key, value) in case["process_env"].as_object().into_iter().flatten() {
        process.insert(key.clone(), value.as_str().unwrap().to_owned());
    }
    let Some(dotenv) = case["dotenv"].as_str() else { return process };
    let reader = if dialect == Dialect::ComposeYamlV1 { Dialect::ComposeV1 } else { Dialect::ComposeV2 };
    let mut all: Surroundings = reader
        .read(dotenv.as_bytes(), &process)
        .unwrap()
        .into_iter()
        .filter_map(|entry| Some((entry.key, entry.value?)))
        .collect();
    all.extend(process);
    all
}

#[test]
fn every_case_reads_as_the_real_reader_reads_it() {
    let Some(cases) = data() else {
        println!("skipped: the conformance data is not here");
        return;
    };
    let mut checked: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["dialect"].as_str().unwrap();
        let dialect = Dialect::from_name(name).unwrap();
        let bytes = input(case);
        let seen = dialect.read(&bytes, &surroundings(case, dialect)).map(|entries| {
            let pairs = entries.into_iter().map(|entry| (entry.key, entry.value.map_or(Value::Null, Value::String)));
            Value::Object(pairs.collect())
        });
        let agrees = match &seen {
            Ok(seen) => case.get("expected") == Some(seen),
            Err(_) => case["error"].is_string() && case.get("expected").is_none(),
        };
        *checked.entry(name).or_default() += 1;
        if !agrees {
            let input = String::from_utf8_lossy(&bytes).into_owned();
            wrong.push(format!("{name} {}: {input:?} read as {seen:?}, expected {}", case["name"], case["expected"]));
        }
    }
    let total: usize = checked.values().sum();
    for (name, count) in &checked {
        println!("{count:>5}  {name}");
    }
    println!("{total:>5}  cases in all, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{} of {total} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(total, cases.len());
}
