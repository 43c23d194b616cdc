//! Which containers a project has, and what the streams of one depend on.

use std::{collections::BTreeMap, iter, path::PathBuf, sync::Arc};

use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::{Engine, Error, ErrorKind, labels};

/// Whose containers are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectScope {
    /// The project's name in Compose's labels.
    pub name: String,
    /// Its folder; containers of a project of this name in any folder if `None`.
    pub folder: Option<PathBuf>,
}

impl ProjectScope {
    /// Every project of this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), folder: None }
    }

    /// `NAME=VALUE` of each label that its containers carry.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let folder = self.folder.iter().map(|folder| format!("{}={}", labels::WORKING_DIR, folder.display()));
        iter::once(format!("{}={}", labels::PROJECT, self.name)).chain(folder).collect()
    }
}

/// A container of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// The container's whole id.
    pub id: Arc<str>,
    /// Its name.
    pub name: String,
    /// The service that it runs.
    pub service: String,
    /// Which of the service's containers it is, from 1 on.
    pub number: u32,
    /// Whether its process lives, paused or not.
    pub running: bool,
    /// The folder of its project.
    pub folder: Option<String>,
}

/// How one container stands, as far as its output and its figures depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// The container's whole id.
    pub id: Arc<str>,
    /// Whether it writes to a terminal: then its output is one stream of raw bytes.
    pub tty: bool,
    /// What keeps its output, such as `json-file`.
    pub log_driver: String,
    /// Whether its process lives, or the engine is about to start it again.
    pub alive: bool,
    /// Its first process, as the host counts; 0 where there is none.
    pub pid: u32,
}

impl Engine {
    /// The containers of the project, by service and number; those that ran one command only are left out.
    ///
    /// # Errors
    /// What stops any request: [`ErrorKind::NoEngine`], [`ErrorKind::Server`], [`ErrorKind::Protocol`].
    pub async fn members(&self, project: &ProjectScope) -> Result<Vec<Member>, Error> {
        let mut chosen = project.labels();
        chosen.push(format!("{}=False", labels::ONE_OFF));
        let filters = serde_json::json!({ "label": chosen });
        let query = Serializer::new(String::new()).append_pair("all", "1").append_pair("filters", &filters.to_string()).finish();
        let listed: Vec<Listed> = self.read(&format!("/containers/json?{query}"), &project.name).await?;
        let mut members: Vec<Member> = listed.into_iter().map(Member::from).collect();
        members.sort_by(|one, other| (&one.service, one.number, &one.id).cmp(&(&other.service, other.number, &other.id)));
        Ok(members)
    }

    /// How `container`, an id or a name, stands.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and what stops any request.
    pub async fn standing(&self, container: &str) -> Result<Standing, Error> {
        let inspected: Inspected = self.read(&format!("/containers/{}/json", named(container)?), container).await?;
        let Inspected { id, state, config, host_config } = inspected;
        Ok(Standing {
            id: id.into(),
            tty: config.tty,
            log_driver: host_config.log_config.kind,
            alive: state.running || state.restarting,
            pid: state.pid,
        })
    }
}

/// `container`, if it can be an id or a name: nothing else may become a part of a path.
pub(crate) fn named(container: &str) -> Result<&str, Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let is_name = container.bytes().all(fits) && container.starts_with(|first: char| first.is_ascii_alphanumeric());
    if is_name {
        Ok(container)
    } else {
        Err(Error::new(ErrorKind::InvalidConfig, format!("`{container}` is no container's name")))
    }
}

impl From<Listed> for Member {
    fn from(listed: Listed) -> Self {
        let label = |name: &str| listed.labels.get(name);
        Member {
            name: listed.names.first().map_or("", |name| name.trim_start_matches('/')).to_owned(),
            service: label(labels::SERVICE).cloned().unwrap_or_default(),
            number: label(labels::NUMBER).and_then(|number| number.parse().ok()).unwrap_or(1),
            running: matches!(listed.state.as_str(), "running" | "paused"),
            folder: label(labels::WORKING_DIR).cloned(),
            id: listed.id.into(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Listed {
    id: String,
    names: Vec<String>,
    state: String,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    state: State,
    config: Config,
    host_config: HostConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    restarting: bool,
    pid: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    tty: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    log_config: LogConfig,
}

#[derive(Deserialize)]
struct LogConfig {
    #[serde(rename = "Type")]
    kind: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_pause_before_its_next_start_nothing_runs() {
        let runs = |state: &str| Member::from(Listed { state: state.to_owned(), ..Listed::default() }).running;
        assert!(runs("running") && runs("paused"));
        for state in ["created", "restarting", "exited", "dead"] {
            assert!(!runs(state), "{state}");
        }
    }

    #[test]
    fn only_a_name_becomes_part_of_a_path() {
        for name in ["a", "0f3a", "genai-comfyui-1", "a_b.c"] {
            assert_eq!(named(name).unwrap(), name);
        }
        for name in ["", "-a", "a/json", "../info", "a?x", "a b", "é"] {
            assert_eq!(named(name).unwrap_err().kind(), ErrorKind::InvalidConfig, "{name}");
        }
    }
}
