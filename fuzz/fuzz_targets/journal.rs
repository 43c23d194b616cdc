//! The journal of a stopped commit: one that no commit can have written changes nothing.
#![no_main]

use std::{fs, os::unix::fs::PermissionsExt};

use token_sync::{Caller, Workspace};

libfuzzer_sys::fuzz_target!(|input: (u8, bool, &[u8])| {
    let (phase, with_first_line, bytes) = input;
    let project = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| project.path().join(name);
    fs::create_dir(at(".secrets")).expect("a folder");
    fs::write(at("bystander"), "as it was").expect("a file");
    let name = [".secrets/staging.journal", ".secrets/committing.journal", ".secrets/undoing.journal"][usize::from(phase) % 3];
    let first = if with_first_line { "genai-auth commit journal 1\n" } else { "" };
    let journal = [first.as_bytes(), bytes].concat();
    fs::write(at(name), &journal).expect("a journal");
    fs::set_permissions(at(name), fs::Permissions::from_mode(0o600)).expect("its mode");

    // Its digest is keyed, so that no input here is one: a first phase that was cut short is cleared away, all else is refused.
    let opened =
        Workspace::open(&at(".secrets"), &Caller::new("fuzz", "now", [7; 16])).map(|workspace| workspace.recovered().cloned());
    match opened {
        Ok(recovered) => assert!(recovered.is_none() && !at(name).exists() && phase % 3 == 0),
        Err(_) => assert_eq!(fs::read(at(name)).expect("the journal"), journal, "a refused journal stays for a person to read"),
    }
    assert_eq!(fs::read(at("bystander")).expect("a file"), b"as it was");
});
