//! Compose 2's `.env` and `env_file:`, with its interpolation.
#![no_main]

use token_sync::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| genai_fuzz::read_all(bytes, &[Dialect::ComposeV2, Dialect::ComposeV2EnvFile]));
