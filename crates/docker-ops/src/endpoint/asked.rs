//! Which endpoint is meant: by the precedence of Docker's own command line, and said out loud.

use std::{fmt, io, path::PathBuf};

use serde::Deserialize;

use super::{
    Certificates, Endpoint, context, host,
    sockets::{self, Place},
};
use crate::{ApiVersion, Error, ErrorKind};

/// What a person and their surroundings say about the engine. Empty texts count as not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// `--host`
    pub host_flag: Option<String>,
    /// `--context`
    pub context_flag: Option<String>,
    /// `DOCKER_HOST`
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`
    pub context: Option<String>,
    /// A host that the program's own settings name.
    pub host_setting: Option<String>,
    /// A context that the program's own settings name.
    pub context_setting: Option<String>,
    /// The folder with `config.json` and the contexts: `DOCKER_CONFIG`, or `.docker` in the home folder.
    pub config: Option<PathBuf>,
    /// `DOCKER_TLS_VERIFY` or `DOCKER_TLS` says something: TLS for hosts that are no context.
    pub tls: bool,
    /// `DOCKER_CERT_PATH`: the folder with `ca.pem`, `cert.pem` and `key.pem`; the config folder if `None`.
    pub certificates: Option<PathBuf>,
    /// `DOCKER_API_VERSION`
    pub api_version: Option<String>,
    /// `XDG_RUNTIME_DIR`, where engines without root have their sockets.
    pub runtime_dir: Option<PathBuf>,
    /// The home folder.
    pub home: Option<PathBuf>,
}

/// The endpoint, and why it is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chosen {
    /// Where the engine listens.
    pub endpoint: Endpoint,
    /// What decided it.
    pub rule: Rule,
    /// The version that must be spoken, where somebody says so.
    pub api_version: Option<ApiVersion>,
    /// What was said and plays no part, and what a person should know of the endpoint.
    pub notes: Vec<String>,
}

/// What decided the endpoint, from strong to weak.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// `--host`
    HostFlag,
    /// `--context` and its name
    ContextFlag(String),
    /// `DOCKER_HOST`
    HostVariable,
    /// `DOCKER_CONTEXT` and its value
    ContextVariable(String),
    /// The program's own settings name a host.
    HostSetting,
    /// The program's own settings name this context.
    ContextSetting(String),
    /// `currentContext` of Docker's `config.json`
    CurrentContext(String),
    /// Nobody said anything, and this is the first usual socket where somebody listens.
    Socket(&'static str),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::HostFlag => f.write_str("`--host`"),
            Rule::ContextFlag(name) => write!(f, "context `{name}` of `--context`"),
            Rule::HostVariable => f.write_str("`DOCKER_HOST`"),
            Rule::ContextVariable(name) => write!(f, "context `{name}` of `DOCKER_CONTEXT`"),
            Rule::HostSetting => f.write_str("the settings' host"),
            Rule::ContextSetting(name) => write!(f, "context `{name}` of the settings"),
            Rule::CurrentContext(name) => write!(f, "context `{name}`, which `docker context use` chose"),
            Rule::Socket(whose) => write!(f, "{whose}, since nothing else is said"),
        }
    }
}

/// What is left to do when it is known who decides.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Host(String, Rule),
    Context(String, Rule),
    Sockets,
}

/// The name of the context that stands for no context.
const DEFAULT_CONTEXT: &str = "default";

impl Asked {
    /// Decides. Reads Docker's own config folder only where nothing stronger decides, and looks for sockets only where nothing does.
    ///
    /// # Errors
    /// `--host` with `--context`, a context that is not there or can't be read, a host that can't be one; and, where nothing is said, no
    /// socket where anybody listens, with what became of each.
    pub async fn choose(&self) -> Result<Chosen, Error> {
        self.choose_among(&sockets::usual(self.runtime_dir.as_deref(), self.home.as_deref())).await
    }

    async fn choose_among(&self, places: &[Place]) -> Result<Chosen, Error> {
        let api_version = said(&self.api_version).map(|text| wanted_version(&text)).transpose()?;
        let (endpoint, rule, mut notes) = match self.decide(|| self.current_context())? {
            Decision::Host(text, rule) => {
                let certificates = if self.tls && !text.starts_with("unix:") && !text.starts_with("ssh:") {
                    Some(self.own_certificates()?)
                } else {
                    None
                };
                (host::parse(&text, certificates)?, rule, Vec::new())
            }
            Decision::Context(name, rule) => match context::read(self.config.as_deref(), &name, &rule)? {
                Some(endpoint) => (endpoint, rule, Vec::new()),
                None => sockets::first(places).await?,
            },
            Decision::Sockets => sockets::first(places).await?,
        };
        notes.extend(endpoint.risk());
        let by_host = matches!(rule, Rule::HostFlag | Rule::HostVariable | Rule::HostSetting);
        let takes_tls = by_host && matches!(endpoint, Endpoint::Tls { .. });
        if self.tls && !takes_tls {
            notes.push(format!("`DOCKER_TLS_VERIFY` plays no part: `{endpoint}` was chosen by {rule}"));
        }
        if let (Rule::ContextFlag(_), Some(_)) = (&rule, said(&self.host)) {
            notes.push("`DOCKER_HOST` plays no part: `--context` is stronger".to_owned());
        }
        if let (Rule::HostVariable, Some(name)) = (&rule, said(&self.context)) {
            notes.push(format!("`DOCKER_CONTEXT={name}` plays no part: `DOCKER_HOST` is stronger"));
        }
        if let Some(version) = api_version {
            notes.push(format!("`DOCKER_API_VERSION` wants API {version}: no other is tried"));
        }
        Ok(Chosen { endpoint, rule, api_version, notes })
    }

    /// Who decides. `current_context` is asked only where nobody else does.
    fn decide(&self, current_context: impl FnOnce() -> Result<Option<String>, Error>) -> Result<Decision, Error> {
        let both = |host: &str, context: &str| {
            Err(Error::new(ErrorKind::InvalidConfig, format!("{host} and {context} contradict each other"))
                .hint("leave one away"))
        };
        let by_context = |name: String, rule: fn(String) -> Rule| match name.as_str() {
            DEFAULT_CONTEXT => Decision::Sockets,
            _ => Decision::Context(name.clone(), rule(name)),
        };
        match (said(&self.host_flag), said(&self.context_flag)) {
            (Some(_), Some(_)) => return both("`--host`", "`--context`"),
            (Some(host), None) => return Ok(Decision::Host(host, Rule::HostFlag)),
            // The default context is what holds without contexts: `DOCKER_HOST`, or the usual socket.
            (None, Some(name)) if name != DEFAULT_CONTEXT => return Ok(by_context(name, Rule::ContextFlag)),
            (None, named) => {
                if let Some(host) = said(&self.host) {
                    return Ok(Decision::Host(host, Rule::HostVariable));
                }
                if named.is_some() {
                    return Ok(Decision::Sockets);
                }
            }
        }
        if let Some(name) = said(&self.context) {
            return Ok(by_context(name, Rule::ContextVariable));
        }
        match (said(&self.host_setting), said(&self.context_setting)) {
            (Some(_), Some(_)) => both("the settings' host", "context"),
            (Some(host), None) => Ok(Decision::Host(host, Rule::HostSetting)),
            (None, Some(name)) => Ok(by_context(name, Rule::ContextSetting)),
            (None, None) => Ok(current_context()?.map_or(Decision::Sockets, |name| by_context(name, Rule::CurrentContext))),
        }
    }

    /// `currentContext` of Docker's own settings.
    fn current_context(&self) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Config {
            #[serde(default)]
            current_context: String,
        }
        let Some(path) = self.config.as_ref().map(|folder| folder.join("config.json")) else { return Ok(None) };
        let wrong = |what: &str, error: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(
                ErrorKind::InvalidConfig,
                format!("`{}` can't be {what}, and it may say which engine is meant", path.display()),
            )
            .because(error)
            .hint("repair it, or say which engine with `--host` or `DOCKER_HOST`")
        };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong("read", error.into())),
        };
        let config: Config = serde_json::from_slice(&text).map_err(|error| wrong("understood", error.into()))?;
        Ok(Some(config.current_context).filter(|name| !name.is_empty()))
    }

    fn own_certificates(&self) -> Result<Certificates, Error> {
        let Some(folder) = self.certificates.as_ref().or(self.config.as_ref()) else {
            return Err(Error::new(ErrorKind::InvalidConfig, "TLS is wanted, and nothing says where its certificates are")
                .hint("name their folder with `DOCKER_CERT_PATH`"));
        };
        context::certificates(folder)
    }
}

fn said(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

fn wanted_version(text: &str) -> Result<ApiVersion, Error> {
    let version = text.trim_start_matches('v').parse::<ApiVersion>();
    let version = version.map_err(|_| {
        Error::new(ErrorKind::InvalidConfig, format!("`DOCKER_API_VERSION` is `{}`, which is no version", text.escape_debug()))
            .hint(format!("write it like `{}`, or unset it: the newest that both sides know is taken", ApiVersion::OLDEST))
    })?;
    if (ApiVersion::OLDEST..=ApiVersion::NEWEST).contains(&version) {
        return Ok(version);
    }
    let (oldest, newest) = (ApiVersion::OLDEST, ApiVersion::NEWEST);
    Err(Error::new(ErrorKind::InvalidConfig, format!("`DOCKER_API_VERSION` wants {version}, and we speak {oldest} to {newest}"))
        .hint("unset it: the newest that both sides know is taken"))
}

#[cfg(test)]
mod tests;
