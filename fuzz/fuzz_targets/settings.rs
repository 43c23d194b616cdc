//! `genai.toml`: read or refused, never with a value in the message.
#![no_main]

use settings::{Flags, Settings, World};

const VALUE: &str = "a value that might be a secret";

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let project = tempfile::tempdir().expect("a temporary folder");
    let world = World::for_tests(project.path());
    for end in [String::new(), format!("\nurl = \"{VALUE}\"\n"), format!("\nallow_plain_http = \"{VALUE}\"\n")] {
        std::fs::write(project.path().join("genai.toml"), [text, end.as_bytes()].concat()).expect("a file");
        match Settings::load(&Flags::default(), &world) {
            Ok(settings) => {
                // What one start decides the next decides too, and it can be shown.
                let again = Settings::load(&Flags::default(), &world).expect("read before");
                assert_eq!(format!("{settings:?}"), format!("{again:?}"));
            }
            Err(error) => {
                let message = format!("{error} {error:?} {}", error.hints().join(" "));
                assert!(!message.contains(VALUE) && !error.to_string().contains('\n'), "{message}");
            }
        }
    }
});
