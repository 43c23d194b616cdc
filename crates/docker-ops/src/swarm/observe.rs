//! What a Swarm has of a stack.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{GPU_KIND, NAMESPACE, PASSWORD_OF};
use crate::{Engine, Error, ErrorKind, ask, gpu::Resource};

/// What a Swarm has of a stack, and what its nodes offer.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The network of the stack's name.
    pub(super) network: Option<Network>,
    /// By full name.
    pub(super) services: BTreeMap<String, Service>,
    /// The stack's own, by name.
    pub(super) secrets: BTreeMap<String, Secret>,
    /// The cards that the nodes which take work offer.
    pub(super) cards: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Network {
    pub(super) name: String,
    pub(super) id: String,
    scope: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Service {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) version: Version,
    pub(super) spec: Value,
    #[serde(default)]
    pub(super) update_status: UpdateStatus,
}

impl Service {
    pub(super) fn name(&self) -> &str {
        self.spec["Name"].as_str().unwrap_or_default()
    }

    pub(super) fn label(&self, label: &str) -> Option<&str> {
        self.spec["Labels"][label].as_str()
    }

    pub(super) fn replicas(&self) -> u64 {
        self.spec["Mode"]["Replicated"]["Replicas"].as_u64().unwrap_or(1)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpdateStatus {
    pub(super) state: String,
    pub(super) message: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Version {
    pub(super) index: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Secret {
    #[serde(rename = "ID")]
    pub(super) id: String,
    spec: SecretSpec,
}

impl Secret {
    /// The service whose PASSWORD it is.
    pub(super) fn password_of(&self) -> Option<&str> {
        self.spec.labels.as_ref()?.get(PASSWORD_OF).map(String::as_str)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretSpec {
    name: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    spec: NodeSpec,
    description: Description,
    status: NodeStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NodeSpec {
    availability: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NodeStatus {
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    resources: Resources,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resources {
    generic_resources: Option<Vec<Resource>>,
}

/// Asks a manager what it has of the stack `project`, whose network is `network`.
///
/// # Errors
/// [`ErrorKind::NoSwarm`], [`ErrorKind::Conflict`] if the network's name belongs to another, and what befalls a connection.
pub async fn observe(engine: &Engine, project: &str, network: &str) -> Result<Observed, Error> {
    // First what only a manager answers.
    let services = services(engine, project).await?;
    let secrets: Vec<Secret> = list(engine, "/secrets", NAMESPACE, project).await?;
    let nodes: Vec<Node> = ask::get(engine, "/nodes").await?;
    let networks: Vec<Network> = ask::get(engine, &format!("/networks?filters={}", encoded(&json!({"name": [network]})))).await?;
    // The engine gives every name that holds the one that is asked for.
    let found = networks.into_iter().find(|found| found.name == network);
    if let Some(other) = &found {
        let ours = other.labels.as_ref().and_then(|labels| labels.get(NAMESPACE)).is_some_and(|namespace| namespace == project);
        if other.scope != "swarm" || !ours {
            let message = format!("the network `{network}` is there and is not this stack's");
            return Err(Error::new(ErrorKind::Conflict, message)
                .hint("if the stack runs on this machine alone, end that first: `genai-stack down`")
                .hint("else give the stack another name"));
        }
    }
    let working = nodes.into_iter().filter(|node| node.spec.availability == "active" && node.status.state == "ready");
    let offered = working.flat_map(|node| node.description.resources.generic_resources.unwrap_or_default());
    Ok(Observed {
        network: found,
        services: services.into_iter().map(|service| (service.name().to_owned(), service)).collect(),
        secrets: secrets.into_iter().map(|secret| (secret.spec.name.clone(), secret)).collect(),
        cards: offered.filter_map(Resource::into_pair).filter(|(kind, _)| kind == GPU_KIND).map(|(_, card)| card).collect(),
    })
}

pub(super) async fn services(engine: &Engine, project: &str) -> Result<Vec<Service>, Error> {
    list(engine, "/services", NAMESPACE, project).await
}

/// What carries a label with that value.
pub(super) async fn list<T: serde::de::DeserializeOwned>(
    engine: &Engine,
    path: &str,
    label: &str,
    value: &str,
) -> Result<Vec<T>, Error> {
    let filters = encoded(&json!({"label": [format!("{label}={value}")]}));
    let join = if path.contains('?') { '&' } else { '?' };
    ask::get(engine, &format!("{path}{join}filters={filters}")).await
}

fn encoded(filters: &Value) -> String {
    utf8_percent_encode(&filters.to_string(), NON_ALPHANUMERIC).to_string()
}

impl Observed {
    /// The secrets that hold PASSWORDs, by name.
    pub(super) fn passwords(&self) -> impl Iterator<Item = &String> {
        self.secrets.iter().filter(|(_, secret)| secret.password_of().is_some()).map(|(name, _)| name)
    }
}
