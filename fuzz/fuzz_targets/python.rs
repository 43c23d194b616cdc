//! python-dotenv, new and old.
#![no_main]

use token_sync::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| genai_fuzz::read_all(
    bytes,
    &[Dialect::PythonDotenv, Dialect::PythonDotenvPlain, Dialect::ComposeV1]
));
