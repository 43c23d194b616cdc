//! Files that shells source.
#![no_main]

use token_sync::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| genai_fuzz::read_all(bytes, &[Dialect::PosixSh, Dialect::Bash, Dialect::BusyboxAsh]));
