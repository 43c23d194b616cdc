//! Our readers against what the real programs read: every case of the shared conformance data for the dialects that we have.
//! The data is not part of the repository; where it is absent the test says so and checks nothing.

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

#[test]
fn every_case_of_our_dialects_reads_as_the_real_reader_reads_it() {
    let Some(cases) = data() else {
        println!("skipped: the conformance data is not here");
        return;
    };
    let mut checked = 0;
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["dialect"].as_str().unwrap();
        let Ok(dialect) = Dialect::from_name(name) else { continue };
        let Some(input) = case["input"].as_str() else { continue }; // bytes that are not UTF-8: we refuse, the reader passes them
        let surroundings: Surroundings = case["process_env"]
            .as_object()
            .map(|env| env.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect())
            .unwrap_or_default();
        let seen = dialect.read(input.as_bytes(), &surroundings).map(|entries| {
            entries
                .into_iter()
                .map(|entry| (entry.key, entry.value.map_or(Value::Null, Value::String)))
                .collect::<BTreeMap<_, _>>()
        });
        let agrees = match (&seen, &case["expected"]) {
            (Ok(seen), Value::Object(expected)) => {
                seen.iter().collect::<Vec<_>>() == expected.iter().collect::<BTreeMap<_, _>>().into_iter().collect::<Vec<_>>()
            }
            (Err(_), Value::Null) => case["error"].is_string(),
            _ => false,
        };
        checked += 1;
        if !agrees {
            wrong.push(format!("{name} {}: {input:?} read as {seen:?}, expected {}", case["name"], case["expected"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {checked} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 0, "the data holds no case of our dialects");
    println!("{checked} cases agree");
}
