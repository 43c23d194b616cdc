//! What must change so that a Swarm has what a stack asks for. Pure: it asks nobody.

use std::{collections::BTreeSet, fmt};

use bollard::models::ServiceSpec as EngineService;
use serde_json::{Map, Value};

use super::{Desired, Observed, SERVICE};
use crate::{Error, ErrorKind, Gpu, ServiceSpec};

/// One thing that must change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The stack's network is made.
    CreateNetwork(String),
    /// A new version of a PASSWORD is given to the Swarm.
    CreateSecret(String),
    /// A service is made.
    CreateService {
        /// Its full name.
        name: String,
        /// How many alike.
        replicas: u32,
    },
    /// A service is changed, one replica after the other.
    UpdateService {
        /// Its full name.
        name: String,
        /// Which parts differ, in the engine's words; values are left out.
        parts: Vec<String>,
    },
    /// A service that the stack has no more is removed.
    RemoveService(String),
    /// The stack's network is removed, when the whole stack is.
    RemoveNetwork(String),
    /// A PASSWORD of an earlier version is removed, when nothing reads it any more.
    RemoveSecret(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::CreateNetwork(name) => write!(f, "create the network `{name}`"),
            Change::CreateSecret(name) => write!(f, "create the secret `{name}`"),
            Change::CreateService { name, replicas: 1 } => write!(f, "create the service `{name}`"),
            Change::CreateService { name, replicas } => write!(f, "create the service `{name}`, {replicas} replicas"),
            Change::UpdateService { name, parts } => write!(f, "update the service `{name}`: {}", parts.join(", ")),
            Change::RemoveService(name) => write!(f, "remove the service `{name}`"),
            Change::RemoveNetwork(name) => write!(f, "remove the network `{name}`"),
            Change::RemoveSecret(name) => write!(f, "remove the secret `{name}`"),
        }
    }
}

/// What must change, in order; and what it is made of.
#[derive(Debug)]
pub struct Plan {
    pub(super) changes: Vec<Change>,
    pub(super) desired: Desired,
    pub(super) observed: Observed,
}

impl Plan {
    /// What must change, in order. Nothing, if all is as the stack says.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
}

/// One for each card that is named, else as many as are said.
pub(crate) fn replicas(service: &ServiceSpec) -> u32 {
    match &service.gpu {
        Gpu::Ids(ids) if !ids.is_empty() => u32::try_from(ids.len()).unwrap_or(u32::MAX),
        _ => service.replicas,
    }
}

/// Compares what is asked for with what is there.
///
/// # Errors
/// [`ErrorKind::Conflict`] if a service of that name is there that was not made from a stack of ours, and [`ErrorKind::InvalidConfig`] if no
/// node offers a card that is named, or others would be handed out in its place.
pub fn plan(desired: Desired, observed: Observed) -> Result<Plan, Error> {
    cards(&desired.cards, &observed.cards)?;
    let mut changes = Vec::new();
    if observed.network.is_none() {
        changes.push(Change::CreateNetwork(desired.network.clone()));
    }
    let absent = desired.secrets.keys().filter(|name| !observed.secrets.contains_key(*name));
    changes.extend(absent.cloned().map(Change::CreateSecret));
    for (name, service) in &desired.services {
        let wanted = in_engines_words(service);
        let Some(found) = observed.services.get(name) else {
            let replicas = wanted["Mode"]["Replicated"]["Replicas"].as_u64().and_then(|count| count.try_into().ok()).unwrap_or(1);
            changes.push(Change::CreateService { name: name.clone(), replicas });
            continue;
        };
        if found.label(SERVICE).is_none() {
            let message = format!("the service `{name}` is there and was not made from `[stack]`");
            return Err(Error::new(ErrorKind::Conflict, message)
                .hint(format!("remove it, if it is not needed: `docker service rm {name}`")));
        }
        let mut parts = Vec::new();
        differences("", &wanted, &by_name(&found.spec, &observed), &mut parts);
        if !parts.is_empty() {
            changes.push(Change::UpdateService { name: name.clone(), parts });
        }
    }
    let left =
        observed.services.iter().filter(|(name, found)| !desired.services.contains_key(*name) && found.label(SERVICE).is_some());
    changes.extend(left.map(|(name, _)| Change::RemoveService(name.clone())));
    let old =
        observed.secrets.iter().filter(|(name, secret)| secret.password_of().is_some() && !desired.secrets.contains_key(*name));
    changes.extend(old.map(|(name, _)| Change::RemoveSecret(name.clone())));
    Ok(Plan { changes, desired, observed })
}

/// A Swarm hands out any card that is free: who names cards must have named all that are offered.
fn cards(named: &[String], offered: &[String]) -> Result<(), Error> {
    let (named, offered): (BTreeSet<_>, BTreeSet<_>) = (named.iter().collect(), offered.iter().collect());
    if named.is_empty() || named == offered {
        return Ok(());
    }
    let list = |cards: BTreeSet<&&String>| cards.iter().map(|card| format!("`{card}`")).collect::<Vec<_>>().join(", ");
    let (absent, others) =
        (named.difference(&offered).collect::<BTreeSet<_>>(), offered.difference(&named).collect::<BTreeSet<_>>());
    Err(if absent.is_empty() {
        let message = format!("the nodes also offer {}, and a Swarm hands out any card that is free", list(others));
        Error::new(ErrorKind::InvalidConfig, message).hint("say how many cards, not which ones")
    } else {
        let message = format!("no node that takes work offers {}", list(absent));
        Error::new(ErrorKind::InvalidConfig, message)
            .hint("start the engine of the node that has it with `--node-generic-resource GPU=GPU-…`, or set `node-generic-resources` in its daemon.json")
    })
}

/// The engine names the network by its id.
fn by_name(spec: &Value, observed: &Observed) -> Value {
    let mut spec = spec.clone();
    if let (Some(network), Some(used)) = (&observed.network, spec["TaskTemplate"]["Networks"].as_array_mut()) {
        used.iter_mut()
            .filter(|used| used["Target"] == *network.id)
            .for_each(|used| used["Target"] = Value::from(&*network.name));
    }
    spec
}

/// Which parts of `wanted` are not so in `found`. What `wanted` does not say is the engine's to fill in, but for labels and lists, which
/// are meant whole; an empty value and an absent one are the same.
pub(super) fn differences(at: &str, wanted: &Value, found: &Value, parts: &mut Vec<String>) {
    let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    match (wanted, found) {
        (wanted, found) if is_empty(wanted) && is_empty(found) => {}
        (Value::Object(wanted), found) => {
            let none = Map::new();
            let found = found.as_object().unwrap_or(&none);
            for (key, wanted) in wanted {
                differences(&below(key), wanted, found.get(key).unwrap_or(&Value::Null), parts);
            }
            if at.ends_with("Labels") && found.keys().any(|key| !wanted.contains_key(key)) {
                parts.push(at.to_owned());
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            // Which entry differs tells nothing: its whole list is named, once.
            let mut entries = Vec::new();
            wanted.iter().zip(found).for_each(|(wanted, found)| differences(at, wanted, found, &mut entries));
            if !entries.is_empty() {
                parts.push(at.to_owned());
            }
        }
        (wanted, found) if wanted == found => {}
        _ => parts.push(at.to_owned()),
    }
}

/// Nothing, as the engine sees it.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        _ => false,
    }
}

/// bollard writes one name in a way that the engine takes and does not give back.
pub(super) fn in_engines_words(service: &EngineService) -> Value {
    let mut service = serde_json::to_value(service).unwrap_or_default();
    if let Some(container) = service["TaskTemplate"]["ContainerSpec"].as_object_mut()
        && let Some(health) = container.remove("HealthCheck")
    {
        container.insert("Healthcheck".to_owned(), health);
    }
    service
}

#[cfg(test)]
mod tests;
