//! A file of any content in any dialect is written so that the token is read back, or not at all.
#![no_main]

use auth_core::LoginToken;
use token_sync::{Caller, Dialect, Plan, Target, Workspace};

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let dialect = Dialect::ALL[usize::from(input.0) % Dialect::ALL.len()];
    let key = if dialect.name().ends_with("-key") { "comfyui.token" } else { "TOKEN" };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path().join("target");
    std::fs::write(&place, input.1).expect("a file");
    let target = Target::new(&place, dialect, Some(key)).expect("a target");
    let token = LoginToken::new("$2b$04$cE4F/.x'y").expect("a token");
    if let Ok(plan) = Plan::make(&token, "ann", std::slice::from_ref(&target)) {
        let caller = Caller::new("fuzz", "now", [7; 16]);
        let mut workspace = Workspace::open(&folder.path().join(".secrets"), &caller).expect("a workspace");
        let _ = workspace.apply(plan).expect("written");
        assert!(target.read().holds(&token), "{dialect}");
    }
});
