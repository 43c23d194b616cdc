//! The names of the dialects, as they stand in `genai.toml`, in the source of truth and on the command line.

use super::Dialect;
use crate::{Error, ErrorKind};

/// Every dialect with its name, in the order of lists.
const NAMES: &[(Dialect, &str)] = &[
    (Dialect::ComposeV2, "compose-v2-dotenv"),
    (Dialect::ComposeV2EnvFile, "compose-v2-env_file"),
    (Dialect::ComposeV2EnvFileRaw, "compose-v2-env_file-raw"),
    (Dialect::ComposeV1, "compose-v1-dotenv"),
    (Dialect::DockerEnvFile, "docker-run-env-file"),
    (Dialect::PodmanEnvFile, "podman-env-file"),
    (Dialect::PythonDotenv, "python-dotenv"),
    (Dialect::PythonDotenvPlain, "python-dotenv-nointerp"),
    (Dialect::NodeDotenv, "node-dotenv"),
    (Dialect::NodeDotenvExpand, "node-dotenv-expand"),
    (Dialect::NodeEnvFile20, "node-env-file-20"),
    (Dialect::NodeEnvFile24, "node-env-file-24"),
    (Dialect::Dotenvx, "dotenvx"),
    (Dialect::PosixSh, "posix-sh"),
    (Dialect::Bash, "bash"),
    (Dialect::BusyboxAsh, "busybox-ash"),
    (Dialect::SystemdEnvironmentFile, "systemd-EnvironmentFile"),
    (Dialect::RustDotenvy, "rust-dotenvy"),
    (Dialect::DirenvDotenv, "direnv-dotenv"),
    (Dialect::RubyDotenv, "ruby-dotenv"),
    (Dialect::LoginPassword, "login-password"),
    (Dialect::TokenFile, "token-file"),
    (Dialect::ComposeYamlV2, "compose-yaml-v2"),
    (Dialect::ComposeYamlV1, "compose-yaml-v1"),
    (Dialect::JsonKey, "json-key"),
    (Dialect::TomlKey, "toml-key"),
    (Dialect::YamlKey, "yaml-key"),
];

const fn all() -> [Dialect; NAMES.len()] {
    let mut all = [Dialect::ComposeV2; NAMES.len()];
    let mut at = 0;
    while at < NAMES.len() {
        all[at] = NAMES[at].0;
        at += 1;
    }
    all
}

impl Dialect {
    /// Every dialect, for tables and lists.
    pub const ALL: &[Self] = &all();

    /// The dialect's name.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(dialect, _)| *dialect == self).map_or("", |(_, name)| name)
    }

    /// The dialect of that name.
    ///
    /// # Errors
    /// [`ErrorKind::Target`] that lists the names.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(dialect, _)| *dialect).ok_or_else(|| {
            let names: Vec<_> = NAMES.iter().map(|(_, name)| format!("`{name}`")).collect();
            Error::new(ErrorKind::Target, format!("`{}` is no dialect", name.escape_debug()))
                .hint(format!("choose one of {}", names.join(", ")))
        })
    }
}
