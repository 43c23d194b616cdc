//! The changes themselves, and the wait until they hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bollard::models::ServiceSpec as EngineService;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    Change, NAMESPACE, PASSWORD_OF, Plan, SERVICE, Status,
    observe::{self, Secret, Service},
    plan::in_engines_words,
    status::{status, tasks},
};
use crate::{Engine, Error, ErrorKind, ask};

/// A Swarm announces no change of a task, so it is asked again.
const BETWEEN: Duration = Duration::from_millis(250);

/// On each task's container: the id of its service.
const OF_SERVICE: &str = "com.docker.swarm.service.id";

/// What happens during a roll-out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// This is done.
    Done(Change),
    /// So many replicas of a service run as they should.
    Running {
        /// Its full name.
        service: String,
        /// Now.
        running: u64,
        /// In the end.
        wanted: u64,
    },
    /// A task can't run, or failed; the Swarm tries again by itself.
    Trouble {
        /// The service's full name.
        service: String,
        /// Which replica, from 1.
        slot: u64,
        /// The engine's words.
        error: String,
    },
    /// A replica of this service let everybody in, so it has none now. The next plan brings them back.
    Halted(String),
    /// It is still used by what is not ours, or is not ours any more, so it stays.
    Kept(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Made {
    #[serde(alias = "Id", alias = "ID")]
    id: String,
}

/// Makes the changes of a plan, in order, and waits until every replica runs or `patience` is at its end; then removes what no service
/// reads any more. It may be stopped anywhere and begun again with a new plan.
///
/// What comes back is how it stands: not [`converged`](Status::converged) if the patience ended, or the Swarm stopped the roll-out because a
/// changed task failed, or a replica on this machine lets everybody in: a service that does is left without a replica, since the Swarm would
/// start it again and again. Secrets of earlier versions then stay, since tasks may still read them.
///
/// # Errors
/// [`ErrorKind::Conflict`] if somebody else changed a service meanwhile, and what befalls a connection.
pub async fn roll_out(engine: &Engine, plan: Plan, patience: Duration, sink: &mut dyn FnMut(Event)) -> Result<Status, Error> {
    let late = Instant::now() + patience;
    let Plan { changes, desired, observed } = plan;
    let mut network = observed.network.as_ref().map(|network| network.id.clone());
    let mut secrets: BTreeMap<String, String> =
        observed.secrets.iter().map(|(name, secret)| (name.clone(), secret.id.clone())).collect();
    for change in &changes {
        match change {
            Change::CreateNetwork(name) => {
                let body = json!({
                    "Name": name, "Driver": "overlay", "CheckDuplicate": true, "Labels": {NAMESPACE: desired.project},
                });
                network = Some(ask::post::<Made>(engine, "/networks/create", &body).await?.id);
            }
            Change::CreateSecret(name) => {
                let Some((service, file)) = desired.secrets.get(name) else { continue };
                let labels = json!({NAMESPACE: desired.project, PASSWORD_OF: service});
                let body = json!({"Name": name, "Labels": labels, "Data": *file.base64()});
                secrets.insert(name.clone(), ask::post::<Made>(engine, "/secrets/create", &body).await?.id);
            }
            Change::CreateService { name, .. } => {
                let body = by_id(&desired.services[name], network.as_deref(), &secrets);
                ask::post::<Value>(engine, "/services/create", &body).await?;
            }
            Change::UpdateService { name, .. } => {
                let found = &observed.services[name];
                let mut body = by_id(&desired.services[name], network.as_deref(), &secrets);
                // Somebody's `docker service update --force` is no part of the stack, and is not undone.
                body["TaskTemplate"]["ForceUpdate"] = found.spec["TaskTemplate"]["ForceUpdate"].clone();
                update(engine, found, &body).await?;
            }
            Change::RemoveService(name) => {
                let own = Own { project: &desired.project, mark: Some(SERVICE), path: service_path(&observed.services[name]) };
                if !own.remove(engine).await? {
                    sink(Event::Kept(name.clone()));
                    continue;
                }
            }
            // After the roll-out; and the network when all is removed.
            Change::RemoveSecret(_) | Change::RemoveNetwork(_) => continue,
        }
        sink(Event::Done(change.clone()));
    }
    let status = wait(engine, &desired.project, late, sink).await?;
    halt_open(engine, &desired.project, &status, sink).await?;
    if status.converged() {
        for change in changes {
            let Change::RemoveSecret(name) = &change else { continue };
            let own = Own {
                project: &desired.project,
                mark: Some(PASSWORD_OF),
                path: format!("/secrets/{}", observed.secrets[name].id),
            };
            match own.remove(engine).await {
                Ok(true) => sink(Event::Done(change)),
                Ok(false) => sink(Event::Kept(name.clone())),
                Err(error) if error.kind() == ErrorKind::InUse => sink(Event::Kept(name.clone())),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(status)
}

/// The last look of a roll-out that was broken off: how it stands, once each service that lets everybody in is without a replica.
///
/// # Errors
/// As of [`roll_out`].
pub async fn break_off(engine: &Engine, project: &str, sink: &mut dyn FnMut(Event)) -> Result<Status, Error> {
    let status = status(engine, project).await?;
    halt_open(engine, project, &status, sink).await?;
    Ok(status)
}

async fn halt_open(engine: &Engine, project: &str, status: &Status, sink: &mut dyn FnMut(Event)) -> Result<(), Error> {
    for service in status.services.iter().filter(|service| service.open()) {
        halt(engine, project, &service.name).await?;
        sink(Event::Halted(service.name.clone()));
    }
    Ok(())
}

/// Changes a service. Its version also counts what the Swarm notes of a roll-out, so a stale one is no conflict if the service is still
/// what the plan saw.
async fn update(engine: &Engine, seen: &Service, body: &Value) -> Result<(), Error> {
    let mut index = seen.version.index;
    loop {
        let stale = match ask::post::<Value>(engine, &format!("/services/{}/update?version={index}", seen.id), body).await {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Conflict => error,
            Err(error) => return Err(error),
        };
        let now: Service = ask::get(engine, &format!("/services/{}", seen.id)).await?;
        if now.spec != seen.spec || now.version.index == index {
            let message = format!("the service `{}` was changed by somebody else meanwhile", seen.name());
            return Err(Error::new(ErrorKind::Conflict, message).because(stale).hint("run the same command again"));
        }
        index = now.version.index;
    }
}

/// Leaves a service without a replica.
async fn halt(engine: &Engine, project: &str, name: &str) -> Result<(), Error> {
    let services = observe::services(engine, project).await?;
    let Some(found) = services.iter().find(|service| service.name() == name) else { return Ok(()) };
    let mut body = found.spec.clone();
    body["Mode"]["Replicated"]["Replicas"] = 0.into();
    update(engine, found, &body).await
}

/// The engine wants networks and secrets by id.
fn by_id(service: &EngineService, network: Option<&str>, secrets: &BTreeMap<String, String>) -> Value {
    let mut body = in_engines_words(service);
    let task = &mut body["TaskTemplate"];
    for used in task["Networks"].as_array_mut().into_iter().flatten() {
        used["Target"] = network.into();
    }
    for used in task["ContainerSpec"]["Secrets"].as_array_mut().into_iter().flatten() {
        used["SecretID"] = used["SecretName"].as_str().and_then(|name| secrets.get(name)).map(String::as_str).into();
    }
    body
}

async fn wait(engine: &Engine, project: &str, late: Instant, sink: &mut dyn FnMut(Event)) -> Result<Status, Error> {
    // The Swarm tries again every few seconds, mostly with the same words.
    let mut seen: BTreeSet<(String, u64, String)> = BTreeSet::new();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let status = status(engine, project).await?;
        for service in &status.services {
            if counts.insert(service.name.clone(), service.running) != Some(service.running) {
                let (running, wanted) = (service.running, service.wanted);
                sink(Event::Running { service: service.name.clone(), running, wanted });
            }
            // A task of an earlier version that was told to end is no trouble of this roll-out.
            for task in service.tasks.iter().filter(|task| task.current && !task.error.is_empty()) {
                if seen.insert((service.name.clone(), task.slot, task.error.clone())) {
                    sink(Event::Trouble { service: service.name.clone(), slot: task.slot, error: task.error.clone() });
                }
            }
        }
        if status.converged() || status.paused() || status.open() || Instant::now() >= late {
            return Ok(status);
        }
        sleep_until(late.min(Instant::now() + BETWEEN)).await;
    }
}

/// Removes the services, the network and the secrets of a stack, and nothing that was not made from it: each is looked at just before it
/// goes. What is not there is well.
///
/// # Errors
/// [`ErrorKind::Timeout`] if containers still end after `patience`, [`ErrorKind::NoSwarm`], and what befalls a connection.
pub async fn remove(
    engine: &Engine,
    project: &str,
    network: &str,
    patience: Duration,
    sink: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    let late = Instant::now() + patience;
    let services: Vec<Service> = observe::services(engine, project).await?;
    let (ours, mut others): (Vec<Service>, Vec<Service>) =
        services.into_iter().partition(|service| service.label(SERVICE).is_some());
    for service in ours {
        let name = service.name().to_owned();
        if (Own { project, mark: Some(SERVICE), path: service_path(&service) }).remove(engine).await? {
            sink(Event::Done(Change::RemoveService(name)));
        } else {
            sink(Event::Kept(name));
            others.push(service);
        }
    }
    while ending(engine, project, &others).await? {
        if Instant::now() >= late {
            let message = format!("containers of `{project}` still end");
            return Err(Error::new(ErrorKind::Timeout, message).hint("run the same command again: it goes on from here"));
        }
        sleep(BETWEEN).await;
    }
    let observed = observe::observe(engine, project, network).await?;
    for name in observed.passwords() {
        let secret: &Secret = &observed.secrets[name];
        let gone = Own { project, mark: Some(PASSWORD_OF), path: format!("/secrets/{}", secret.id) }.gone(engine, late).await?;
        sink(if gone { Event::Done(Change::RemoveSecret(name.clone())) } else { Event::Kept(name.clone()) });
    }
    if let Some(network) = &observed.network {
        let gone = Own { project, mark: None, path: format!("/networks/{}", network.id) }.gone(engine, late).await?;
        sink(if gone { Event::Done(Change::RemoveNetwork(network.name.clone())) } else { Event::Kept(network.name.clone()) });
    }
    Ok(())
}

/// Whether tasks of removed services are left, or their containers on this machine, which go last. They hold the network and the secrets.
async fn ending(engine: &Engine, project: &str, others: &[Service]) -> Result<bool, Error> {
    let is_other = |id: &str| others.iter().any(|other| other.id == id);
    if tasks(engine, project).await?.iter().any(|task| !is_other(&task.service)) {
        return Ok(true);
    }
    let containers: Vec<Container> = observe::list(engine, "/containers/json?all=true", NAMESPACE, project).await?;
    Ok(containers.iter().filter_map(|container| container.labels.get(OF_SERVICE)).any(|service| !is_other(service)))
}

fn service_path(service: &Service) -> String {
    format!("/services/{}", service.id)
}

/// An object that was seen to be of the stack `project`, and how it is known: by its namespace, and by a label of ours if it has one.
struct Own<'a> {
    project: &'a str,
    mark: Option<&'a str>,
    path: String,
}

impl Own<'_> {
    /// Removes it, if it is the stack's still; one that is not there is well. Whether it is gone.
    async fn remove(&self, engine: &Engine) -> Result<bool, Error> {
        let now: Value = match ask::get(engine, &self.path).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
            now => now?,
        };
        let labels = now.pointer("/Spec/Labels").unwrap_or(&now["Labels"]);
        if labels[NAMESPACE] != self.project || self.mark.is_some_and(|mark| !labels[mark].is_string()) {
            return Ok(false);
        }
        ask::delete(engine, &self.path).await.map(|_| true)
    }

    /// Removes it, and asks again while it is in use.
    async fn gone(&self, engine: &Engine, late: Instant) -> Result<bool, Error> {
        loop {
            match self.remove(engine).await {
                Err(error) if error.kind() == ErrorKind::InUse && Instant::now() < late => sleep(BETWEEN).await,
                Err(error) if error.kind() == ErrorKind::InUse => return Ok(false),
                ended => return ended,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Endpoint,
        engine::tests::stand_in::{StandIn, json as answer, say},
    };

    /// What is asked to be removed, and what is said, if the labels of each object are `now` when it is looked at alone.
    async fn removed(now: &str) -> (Vec<String>, usize) {
        let seen = json!({NAMESPACE: "p", SERVICE: "ui", PASSWORD_OF: "ui"}).to_string();
        let now = now.to_owned();
        let stand_in = StandIn::engine("1.41", "1.12", move |line| {
            let path = line.split([' ', '?']).nth(1).unwrap();
            let object = |labels: &str| {
                let spec = format!(r#"{{"Name":"p_ui","Labels":{labels}}}"#);
                format!(r#"{{"ID":"1","Id":"1","Name":"p_default","Scope":"swarm","Version":{{"Index":1}},"Spec":{spec}}}"#)
            };
            match path {
                _ if line.starts_with("DELETE") => say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                "/v1.41/services" | "/v1.41/secrets" => answer("200 OK", &format!("[{}]", object(&seen))),
                "/v1.41/networks" => {
                    let network = format!(r#"[{{"Id":"1","Name":"p_default","Scope":"swarm","Labels":{seen}}}]"#);
                    answer("200 OK", &network)
                }
                // A task of the service, for as long as that is there.
                "/v1.41/tasks" if !now.contains(SERVICE) => answer(
                    "200 OK",
                    r#"[{"ID":"t","ServiceID":"1","DesiredState":"running","Status":{"State":"running"},"CreatedAt":"","Spec":{}}]"#,
                ),
                "/v1.41/networks/1" => answer("200 OK", &format!(r#"{{"Labels":{now}}}"#)),
                path if path.ends_with("/1") => answer("200 OK", &object(&now)),
                _ => answer("200 OK", "[]"),
            }
        });
        let engine = Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        let mut kept = 0;
        let mut sink = |event| kept += usize::from(matches!(event, Event::Kept(_)));
        remove(&engine, "p", "p_default", Duration::ZERO, &mut sink).await.unwrap();
        (stand_in.seen().into_iter().filter(|line| line.starts_with("DELETE")).collect(), kept)
    }

    #[tokio::test]
    async fn what_is_seen_open_as_one_leaves_is_halted() {
        let probe = r#"{"Start":"2026-01-01T00:00:01Z","End":"2026-01-01T00:00:02Z","ExitCode":1,"Output":"200 nothing guards the server"}"#;
        let health = format!(r#"{{"Status":"starting","FailingStreak":1,"Log":[{probe}]}}"#);
        let stand_in = StandIn::engine("1.41", "1.12", move |line| {
            let path = line.split([' ', '?']).nth(1).unwrap();
            let labels = json!({NAMESPACE: "p", SERVICE: "ui"});
            let mode = json!({"Replicated": {"Replicas": 1}});
            let spec = json!({"Name": "p_ui", "Labels": labels, "Mode": mode, "TaskTemplate": {}});
            let told = json!({"State": "starting", "ContainerStatus": {"ContainerID": "c"}});
            let task =
                json!({"ID": "t", "ServiceID": "1", "DesiredState": "running", "Status": told, "CreatedAt": "", "Spec": {}});
            match path {
                "/v1.41/services" => answer("200 OK", &json!([{"ID": "1", "Version": {"Index": 1}, "Spec": spec}]).to_string()),
                "/v1.41/tasks" => answer("200 OK", &json!([task]).to_string()),
                path if path.starts_with("/v1.41/containers/c/") => {
                    let state =
                        format!(r#"{{"Status":"running","Running":true,"StartedAt":"2026-01-01T00:00:00Z","Health":{health}}}"#);
                    answer("200 OK", &format!(r#"{{"Id":"c","Name":"/c","State":{state},"Config":{{}},"HostConfig":{{}}}}"#))
                }
                _ => answer("200 OK", "{}"),
            }
        });
        let engine = Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        let mut halted = Vec::new();
        let status = break_off(&engine, "p", &mut |event| halted.push(event)).await.unwrap();
        assert!(status.open() && halted == [Event::Halted("p_ui".to_owned())], "{status:?}");
        assert!(stand_in.seen().iter().any(|line| line.starts_with("POST /v1.41/services/1/update")), "{:?}", stand_in.seen());
    }

    #[tokio::test]
    async fn each_object_is_looked_at_just_before_it_goes() {
        let ours = json!({NAMESPACE: "p", SERVICE: "ui", PASSWORD_OF: "ui"}).to_string();
        let paths = ["/services/1", "/secrets/1", "/networks/1"].map(|path| format!("DELETE /v1.41{path}"));
        assert_eq!(removed(&ours).await, (paths.to_vec(), 0));
        for theirs in [json!({}), json!({NAMESPACE: "other", SERVICE: "ui", PASSWORD_OF: "ui"})] {
            assert_eq!(removed(&theirs.to_string()).await, (vec![], 3), "{theirs}");
        }
        let unmarked = json!({NAMESPACE: "p"}).to_string();
        assert_eq!(removed(&unmarked).await, (vec![paths[2].clone()], 2), "`docker stack deploy` made them");
    }
}
