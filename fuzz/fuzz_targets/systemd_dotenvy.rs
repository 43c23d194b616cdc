//! systemd's and dotenvy's sign-by-sign machines, the plugin's file and bare token files.
#![no_main]

use token_sync::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| genai_fuzz::read_all(
    bytes,
    &[Dialect::SystemdEnvironmentFile, Dialect::RustDotenvy, Dialect::LoginPassword, Dialect::TokenFile]
));
