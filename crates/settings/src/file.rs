//! `genai.toml`, as it is written.

use std::{collections::BTreeMap, io, path::Path};

use serde::Deserialize;

use crate::{Error, ErrorKind, blame, engine, stack::written::Stack};

/// The file's name in the project's folder.
pub(crate) const NAME: &str = "genai.toml";

/// The whole file. The top level is the service that has no name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) url: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) comfy_dir: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) allow_plain_http: Option<bool>,
    #[serde(default)]
    pub(crate) connection: Connection,
    #[serde(default)]
    pub(crate) engine: engine::Table,
    #[serde(default)]
    pub(crate) targets: Targets,
    pub(crate) backups: Option<Backups>,
    #[serde(default)]
    pub(crate) policy: Policy,
    #[serde(default)]
    pub(crate) scan: Scan,
    pub(crate) stack: Option<Stack>,
    #[serde(default)]
    pub(crate) service: BTreeMap<String, Service>,
}

/// `[targets]`: what is refused unless it is named here.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Targets {
    pub(crate) links: Option<Vec<String>>,
    pub(crate) outside: Option<Vec<String>>,
}

/// `[backups]`: the table alone switches them on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backups {
    pub(crate) keep: Option<u16>,
    pub(crate) max_age_days: Option<u16>,
    pub(crate) folder: Option<String>,
}

/// `[policy]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) max_age_days: Option<u32>,
    pub(crate) min_cost: Option<u32>,
    pub(crate) min_password_bytes: Option<usize>,
}

/// `[scan]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scan {
    pub(crate) fingerprint_key: Option<String>,
    #[serde(default)]
    pub(crate) allow: Vec<Allow>,
}

/// `[[scan.allow]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allow {
    pub(crate) path: Option<String>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) reason: String,
    /// A text, or a date as TOML writes it.
    pub(crate) until: toml::Value,
}

/// `[service.NAME]`: overrides the top level.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) url: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) comfy_dir: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) allow_plain_http: Option<bool>,
    #[serde(default)]
    pub(crate) connection: Connection,
    pub(crate) stack: Option<Stack>,
}

/// `[connection]`, `[service.NAME.connection]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connection {
    pub(crate) ca_file: Option<String>,
    pub(crate) proxy: Option<String>,
    pub(crate) proxy_user: Option<String>,
    pub(crate) proxy_password_file: Option<String>,
    pub(crate) unix_socket: Option<String>,
}

/// Reads the file; one that is not there says nothing.
pub(crate) fn read(path: &Path) -> Result<File, Error> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(File::default()),
        Err(error) => return Err(Error::new(ErrorKind::File, format!("can't read `{}`: {error}", path.display()))),
    };
    toml::from_str(&text).map_err(|error| blame::error(path, &text, &error))
}
