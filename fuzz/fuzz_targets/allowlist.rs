//! Entries of the allowlist: what is read can be written and read again, and judges without falling.
#![no_main]

use auth_core::{FingerprintKey, LoginToken};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use token_sync::scan::{Allow, Allowlist, Control, Day, Scanner, Secret};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    path: Option<&'a str>,
    fingerprint: Option<&'a str>,
    reason: &'a str,
    until: &'a str,
    /// Where something was found.
    place: &'a str,
}

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let day = |text: &str| Day::parse(text).expect("a day");
    if let Ok(parsed) = Day::parse(input.until) {
        assert_eq!(day(&parsed.to_string()), parsed);
        assert_eq!(day("1970-01-01") < parsed, "1970-01-01" < &*parsed.to_string(), "days are in the order of their texts");
    }
    for until in [input.until, "2099-12-31"] {
        let Ok(entry) = Allow::new(input.path, input.fingerprint, input.reason, until) else { continue };
        let again = Allow::new(entry.path(), entry.fingerprint(), entry.reason(), &entry.until().to_string());
        assert_eq!(again.expect("taken before"), entry);
        let until = entry.until();
        let token = LoginToken::new("made-up-token").expect("a token");
        let scanner = Scanner::new(&[Secret::token("a", &token)], &FingerprintKey::new(b"fuzz"));
        let mut found = scanner.stream("text", &mut &b"made-up-token"[..], &Control::silent()).matches;
        found[0].place = token_sync::scan::Place::File { path: input.place.into() };
        let judged = Allowlist::new("project", vec![entry]).judge(found, day("2026-01-01"));
        assert_eq!(judged.matches.len() + judged.allowed.len(), 1, "what was found is kept or allowed");
        assert!(judged.allowed.is_empty() || until >= day("2026-01-01"), "an entry past its day allows nothing");
    }
});
