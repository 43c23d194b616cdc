//! Ruby's dotenv and direnv.
#![no_main]

use token_sync::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| genai_fuzz::read_all(bytes, &[Dialect::RubyDotenv, Dialect::DirenvDotenv]));
