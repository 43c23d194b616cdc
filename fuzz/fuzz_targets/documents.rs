//! JSON, TOML, YAML and compose files.
#![no_main]

use token_sync::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| genai_fuzz::read_all(
    bytes,
    &[Dialect::JsonKey, Dialect::TomlKey, Dialect::YamlKey, Dialect::ComposeYamlV1, Dialect::ComposeYamlV2]
));
