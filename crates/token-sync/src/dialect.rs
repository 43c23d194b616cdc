//! How a reader of targets quotes, interpolates and fails: one module a family of readers.

mod bare_lines;
mod command;
mod compose_v2;
mod dotenvy;
mod entry;
mod javascript;
mod login_password;
mod name;
mod node_dotenv;
mod node_env_file;
mod node_expand;
mod one_line;
mod python;
mod shell;
mod systemd;
mod text;
mod token_file;

pub use entry::{Entry, ReadFault};
pub(crate) use login_password::write as write_login_password;
pub(crate) use token_file::write as write_token_file;

use crate::growth;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use self::{node_env_file::Release, shell::Shell, text::Text};
use crate::document::{self, Compose, Format, Variable};

/// The reader that a target is written for. Names are those that `genai.toml` and the source of truth use.
///
/// Each was measured on the real program; where a file needs more than values (a program run for its output, shell
/// syntax), reading is a [`ReadFault`] that says so: nothing is ever executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Dialect {
    /// `.env` beside a compose file, as Docker Compose 2 reads it.
    ComposeV2,
    /// `env_file:` as Docker Compose 2 reads it.
    ComposeV2EnvFile,
    /// `env_file:` with `format: raw`, as Docker Compose 2 reads it: values are taken bare.
    ComposeV2EnvFileRaw,
    /// `.env` and `env_file:` as Docker Compose 1 reads them.
    ComposeV1,
    /// `docker run --env-file`: values are taken bare.
    DockerEnvFile,
    /// `podman run --env-file`: values are taken bare.
    PodmanEnvFile,
    /// python-dotenv.
    PythonDotenv,
    /// python-dotenv with `interpolate=False`.
    PythonDotenvPlain,
    /// npm's dotenv.
    NodeDotenv,
    /// npm's dotenv followed by dotenv-expand, which expands inside single quotes too.
    NodeDotenvExpand,
    /// `node --env-file` of Node 20.
    NodeEnvFile20,
    /// `node --env-file` of Node 24.
    NodeEnvFile24,
    /// dotenvx.
    Dotenvx,
    /// A file sourced by POSIX sh (dash) under `set -a`.
    PosixSh,
    /// A file sourced by bash under `set -a`.
    Bash,
    /// A file sourced by busybox ash under `set -a`.
    BusyboxAsh,
    /// systemd's `EnvironmentFile=`.
    SystemdEnvironmentFile,
    /// The Rust crate dotenvy.
    RustDotenvy,
    /// direnv's `dotenv`.
    DirenvDotenv,
    /// Ruby's dotenv, as Debian ships it (2.4).
    RubyDotenv,
    /// The plugin's `login/PASSWORD`: the token on line 1, the user on line 2.
    LoginPassword,
    /// A file whose first line is the token, such as one below `/run/secrets`.
    TokenFile,
    /// `environment:` in a compose file, as Docker Compose 2 reads it. A key may name the service: `comfyui.TOKEN`.
    ComposeYamlV2,
    /// The same as Docker Compose 1 reads it.
    ComposeYamlV1,
    /// A key in a JSON document; a path such as `comfyui.token`.
    JsonKey,
    /// A key in a TOML document; a path such as `comfyui.token`.
    TomlKey,
    /// A key in a YAML document; a path such as `comfyui.token`.
    YamlKey,
}

/// The values that a reader may put in place of `$NAME`, and take for a key without a value: the environment of the process
/// that reads.
pub type Surroundings = BTreeMap<String, String>;

/// What a reader sees of one key.
pub(crate) struct Seen {
    /// The value, if there is one.
    pub(crate) value: Option<String>,
    /// The login's name, where the dialect has it.
    pub(crate) user: Option<String>,
}

impl Dialect {
    /// Whether its files hold many keys, so that a target must name one.
    pub fn has_keys(self) -> bool {
        !matches!(self, Self::LoginPassword | Self::TokenFile)
    }

    /// What the reader sees in `bytes`, in the order of the file; of a repeated key the last counts. A dialect without
    /// keys yields the single key `token` (and `user`, where the file has one). Where the reader passes bytes on that are
    /// not UTF-8, they stand in keys and values as U+FFFD.
    ///
    /// # Errors
    /// The reader's own refusal of the whole file, or what can't be known without running a program.
    pub fn read(self, bytes: &[u8], surroundings: &Surroundings) -> Result<Vec<Entry>, ReadFault> {
        if self == Self::LoginPassword {
            return Ok(login_password::read(bytes));
        }
        let text = if self.refuses_other_encodings() { Text::strict(bytes)? } else { Text::lossy(bytes) };
        if self.replaces_variables() {
            growth::of_file(text.as_str()).map_err(|what| ReadFault { line: 1, what })?;
        }
        let mut entries = self.read_text(text.as_str(), surroundings)?;
        for entry in &mut entries {
            entry.span = text.bytes_of(entry.span.clone());
        }
        Ok(entries)
    }

    /// Whether the reader puts values in place of variables.
    fn replaces_variables(self) -> bool {
        matches!(
            self,
            Self::ComposeV2
                | Self::ComposeV2EnvFile
                | Self::ComposeV1
                | Self::PythonDotenv
                | Self::NodeDotenvExpand
                | Self::Dotenvx
                | Self::PosixSh
                | Self::Bash
                | Self::BusyboxAsh
                | Self::RustDotenvy
                | Self::DirenvDotenv
                | Self::RubyDotenv
        )
    }

    /// Whether the real reader stops at bytes that are not UTF-8.
    fn refuses_other_encodings(self) -> bool {
        matches!(
            self,
            Self::ComposeV2EnvFileRaw
                | Self::ComposeV1
                | Self::DockerEnvFile
                | Self::PythonDotenv
                | Self::PythonDotenvPlain
                | Self::SystemdEnvironmentFile
                | Self::RustDotenvy
                | Self::RubyDotenv
                | Self::ComposeYamlV2
                | Self::ComposeYamlV1
                | Self::JsonKey
                | Self::TomlKey
                | Self::YamlKey
        )
    }

    fn read_text(self, text: &str, surroundings: &Surroundings) -> Result<Vec<Entry>, ReadFault> {
        match self {
            Self::ComposeV2 => compose_v2::read(text, surroundings, compose_v2::Nameless::Dropped),
            Self::ComposeV2EnvFile => compose_v2::read(text, surroundings, compose_v2::Nameless::Kept),
            Self::ComposeV2EnvFileRaw => bare_lines::read(text, surroundings, &bare_lines::COMPOSE_RAW),
            Self::ComposeV1 => python::read(text, surroundings, python::OLD),
            Self::PythonDotenv => python::read(text, surroundings, python::NEW),
            Self::PythonDotenvPlain => python::read(text, surroundings, python::PLAIN),
            Self::DockerEnvFile => bare_lines::read(text, surroundings, &bare_lines::DOCKER),
            Self::PodmanEnvFile => bare_lines::read(text, surroundings, &bare_lines::PODMAN),
            Self::NodeDotenv => Ok(node_dotenv::read(text)),
            Self::NodeDotenvExpand => node_expand::read_expanded(text, surroundings),
            Self::NodeEnvFile20 => Ok(node_env_file::read(text, Release::Node20)),
            Self::NodeEnvFile24 => Ok(node_env_file::read(text, Release::Node24)),
            Self::Dotenvx => node_expand::read_dotenvx(text, surroundings),
            Self::PosixSh => shell::read(text, surroundings, Shell::Posix),
            Self::Bash => shell::read(text, surroundings, Shell::Bash),
            Self::BusyboxAsh => shell::read(text, surroundings, Shell::Ash),
            Self::SystemdEnvironmentFile => systemd::read(text),
            Self::RustDotenvy => dotenvy::read(text, surroundings),
            Self::DirenvDotenv => one_line::read_direnv(text, surroundings),
            Self::RubyDotenv => one_line::read_ruby(text, surroundings),
            Self::TokenFile => Ok(token_file::read(text)),
            Self::LoginPassword => Ok(login_password::read(text.as_bytes())),
            Self::ComposeYamlV2 => compose_entries(text, surroundings, Compose::V2),
            Self::ComposeYamlV1 => compose_entries(text, surroundings, Compose::V1),
            Self::JsonKey => document::read(text, Format::Json),
            Self::TomlKey => document::read(text, Format::Toml),
            Self::YamlKey => document::read(text, Format::Yaml),
        }
    }

    /// Whether its files are lines of `KEY=value`, so that several such readers may share one.
    pub(crate) fn is_lines(self) -> bool {
        self.has_keys() && self.document().is_none() && self.compose_yaml().is_none()
    }

    /// The kind of document that it reads, if it reads whole documents.
    pub(crate) fn document(self) -> Option<Format> {
        match self {
            Self::JsonKey => Some(Format::Json),
            Self::TomlKey => Some(Format::Toml),
            Self::YamlKey => Some(Format::Yaml),
            _ => None,
        }
    }

    /// Whose rules it has for compose files, if it reads them.
    pub(crate) fn compose_yaml(self) -> Option<Compose> {
        match self {
            Self::ComposeYamlV1 => Some(Compose::V1),
            Self::ComposeYamlV2 => Some(Compose::V2),
            _ => None,
        }
    }

    /// Whether one file can have both readers.
    pub(crate) fn shares_files_with(self, other: Self) -> bool {
        let both_compose = self.compose_yaml().is_some() && other.compose_yaml().is_some();
        self == other || (self.is_lines() && other.is_lines()) || both_compose
    }

    /// A key that such a file may have, for hints.
    pub(crate) fn sample_key(self) -> &'static str {
        if self.document().is_some() { "comfyui.token" } else { "COMFYUI_API_TOKEN" }
    }

    /// Whether a target may have that key.
    ///
    /// # Errors
    /// What to do instead.
    pub(crate) fn check_key(self, key: &str) -> Result<(), &'static str> {
        if self.document().is_some() {
            let is_path = document::split_key(key).is_some();
            return if is_path { Ok(()) } else { Err("give a path of keys, such as `comfyui.token`") };
        }
        let name = if self.compose_yaml().is_some() { of_service(key).1 } else { key };
        let starts = name.starts_with(|sign: char| sign.is_ascii_uppercase() || sign == '_');
        if starts && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_') {
            return Ok(());
        }
        Err("use capital letters, digits and `_`: some readers drop any other key")
    }

    /// What the reader sees of `key`.
    pub(crate) fn seen(self, bytes: &[u8], surroundings: &Surroundings, key: Option<&str>) -> Result<Seen, ReadFault> {
        let key = key.filter(|_| self.has_keys()).unwrap_or("token");
        if let Some(compose) = self.compose_yaml() {
            let (service, name) = of_service(key);
            let text = Text::strict(bytes)?;
            let all = document::read_compose(text.as_str(), surroundings, compose)?;
            let mut found =
                all.iter().filter(|variable| variable.entry.key == name && service.is_none_or(|s| s == variable.service));
            let Some(first) = found.next() else { return Ok(Seen { value: None, user: None }) };
            if let Some(other) = found.find(|other| other.entry.value != first.entry.value) {
                let what = format!("the services `{}` and `{}` have different values of it", first.service, other.service);
                return Err(ReadFault::at(text.as_str(), other.entry.span.start, what));
            }
            return Ok(Seen { value: first.entry.value.clone(), user: None });
        }
        let entries = self.read(bytes, surroundings)?;
        let same = |entry: &Entry, key: &str| match self.document() {
            Some(_) => document::split_key(&entry.key) == document::split_key(key),
            None => entry.key == key,
        };
        let last = |key: &str| entries.iter().rev().find(|entry| same(entry, key)).and_then(|entry| entry.value.clone());
        let user = last("user").filter(|_| self.has_user());
        Ok(Seen { value: last(key), user })
    }

    /// Whether its files hold the login's name beside the token.
    pub(crate) fn has_user(self) -> bool {
        self == Self::LoginPassword
    }
}

/// The variables by name; one of which services have different values is `SERVICE.NAME`, as a target can name it.
fn compose_entries(text: &str, surroundings: &Surroundings, compose: Compose) -> Result<Vec<Entry>, ReadFault> {
    let all = document::read_compose(text, surroundings, compose)?;
    let mut values = BTreeMap::new();
    let mut differing = BTreeSet::new();
    for Variable { entry, .. } in &all {
        if *values.entry(&entry.key).or_insert(&entry.value) != &entry.value {
            differing.insert(entry.key.clone());
        }
    }
    let named = |Variable { service, entry }| match differing.contains(&entry.key) {
        true => Entry { key: format!("{service}.{}", entry.key), ..entry },
        false => entry,
    };
    Ok(all.into_iter().map(named).collect())
}

/// The service that a key of a compose file names, and the variable.
pub(crate) fn of_service(key: &str) -> (Option<&str>, &str) {
    key.rsplit_once('.').map_or((None, key), |(service, name)| (Some(service), name))
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
