//! npm's dotenv, dotenv-expand, dotenvx and `node --env-file`.
#![no_main]

use token_sync::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| genai_fuzz::read_all(
    bytes,
    &[Dialect::NodeDotenv, Dialect::NodeDotenvExpand, Dialect::Dotenvx, Dialect::NodeEnvFile20, Dialect::NodeEnvFile24]
));
