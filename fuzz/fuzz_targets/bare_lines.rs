//! Docker's, Compose's raw and Podman's env files.
#![no_main]

use token_sync::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| genai_fuzz::read_all(
    bytes,
    &[Dialect::DockerEnvFile, Dialect::ComposeV2EnvFileRaw, Dialect::PodmanEnvFile]
));
