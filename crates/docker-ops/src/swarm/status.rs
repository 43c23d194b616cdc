//! What runs of a stack in a Swarm, and why what should run does not.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    GPU_KIND, NAMESPACE, SERVICE,
    observe::{self, Service},
    plan::differences,
};
use crate::{Engine, Error, gpu::Resource};

/// What runs of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// By name.
    pub services: Vec<ServiceState>,
}

impl Status {
    /// Every replica of every service runs as it should, and nothing else does.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.services.iter().all(ServiceState::converged)
    }

    /// A replica on this machine lets everybody in.
    #[must_use]
    pub fn open(&self) -> bool {
        self.services.iter().any(ServiceState::open)
    }

    /// A roll-out stopped by itself, since a changed task failed.
    #[must_use]
    pub fn paused(&self) -> bool {
        self.services.iter().any(|service| service.update == "paused")
    }
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceState {
    /// Its full name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// How many replicas are asked for.
    pub wanted: u64,
    /// How many run as the service says now, and are healthy.
    pub running: u64,
    /// The roll-out's state in the engine's word, such as `updating`, `completed`, `paused`; empty if there was none.
    pub update: String,
    /// What the engine says about the roll-out.
    pub message: String,
    /// The tasks that should run, by slot, and the last one of each slot that failed.
    pub tasks: Vec<TaskState>,
}

impl ServiceState {
    /// A replica on this machine lets everybody in.
    #[must_use]
    pub fn open(&self) -> bool {
        self.tasks.iter().any(|task| task.open)
    }

    /// Every replica runs as it should, and nothing else does.
    #[must_use]
    pub fn converged(&self) -> bool {
        let meant = self.tasks.iter().filter(|task| task.meant).count();
        self.running == self.wanted && u64::try_from(meant).is_ok_and(|meant| meant == self.wanted) && self.update != "updating"
    }
}

/// One task: a replica's container, or the attempt at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// Its id.
    pub id: String,
    /// Which replica it is, from 1.
    pub slot: u64,
    /// Its state in the engine's word, such as `running`, `pending`, `rejected`.
    pub state: String,
    /// What went wrong, in the engine's words; empty if nothing did.
    pub error: String,
    /// When it came to this state, by the engine's clock.
    pub at: Option<Timestamp>,
    /// It should run; else it is past, and kept for its error.
    pub meant: bool,
    /// It is made from the service as it is now, not from an earlier version.
    pub current: bool,
    /// The cards that it was given.
    pub cards: Vec<String>,
    /// Its container, once there is one.
    pub container: Option<String>,
    /// It is on this machine and lets everybody in, as its probe says.
    pub open: bool,
}

/// Asks a manager.
///
/// # Errors
/// [`ErrorKind::NoSwarm`](crate::ErrorKind::NoSwarm), and what befalls a connection.
pub async fn status(engine: &Engine, project: &str) -> Result<Status, Error> {
    let mut services = observe::services(engine, project).await?;
    services.retain(|service| service.label(SERVICE).is_some());
    services.sort_by(|one, other| one.name().cmp(other.name()));
    let tasks = tasks(engine, project).await?;
    let mut status = Status { services: services.into_iter().map(|service| state(service, &tasks)).collect() };
    // The failures of a probe do not count for minutes after the start. What it saw is known all the same.
    for task in status.services.iter_mut().flat_map(|service| &mut service.tasks).filter(|task| task.state == "starting") {
        let Some(id) = &task.container else { continue };
        // Of another node's container this engine knows nothing.
        if engine.container(id).await?.is_some_and(|seen| seen.lets_everybody_in()) {
            (task.open, task.error) = (true, "it lets everybody in: nothing guards the server".to_owned());
        }
    }
    Ok(status)
}

pub(super) async fn tasks(engine: &Engine, project: &str) -> Result<Vec<Task>, Error> {
    observe::list(engine, "/tasks", NAMESPACE, project).await
}

/// A task in the engine's words. bollard reads its resources under a name that no engine sends.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Task {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "ServiceID")]
    pub(super) service: String,
    #[serde(default)]
    slot: u64,
    desired_state: String,
    status: Told,
    created_at: String,
    spec: Value,
    generic_resources: Option<Vec<Resource>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    state: String,
    timestamp: Option<String>,
    #[serde(default)]
    err: String,
    container_status: Option<Container>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    #[serde(rename = "ContainerID", default)]
    id: String,
}

impl Task {
    fn meant(&self) -> bool {
        self.desired_state == "running" || self.desired_state == "ready"
    }

    fn state(&self, service: &Service) -> TaskState {
        let (wanted, mut parts) = (&service.spec["TaskTemplate"], Vec::new());
        for part in ["ContainerSpec", "Resources", "RestartPolicy", "Networks", "LogDriver", "Placement", "ForceUpdate"] {
            differences(part, &wanted[part], &self.spec[part], &mut parts);
        }
        let cards = self.generic_resources.clone().unwrap_or_default().into_iter().filter_map(Resource::into_pair);
        let container = self.status.container_status.as_ref().map(|container| container.id.clone());
        TaskState {
            id: self.id.clone(),
            slot: self.slot,
            state: self.status.state.clone(),
            error: self.status.err.clone(),
            at: self.status.timestamp.as_ref().and_then(|at| at.parse().ok()),
            meant: self.meant(),
            current: parts.is_empty(),
            cards: cards.filter(|(kind, _)| kind == GPU_KIND).map(|(_, card)| card).collect(),
            container: container.filter(|id| !id.is_empty()),
            open: false,
        }
    }
}

fn state(service: Service, all: &[Task]) -> ServiceState {
    let of: Vec<&Task> = all.iter().filter(|task| task.service == service.id).collect();
    let mut shown: Vec<&Task> = of.iter().copied().filter(|task| task.meant()).collect();
    let slots: std::collections::BTreeSet<u64> = of.iter().map(|task| task.slot).collect();
    let failed = |slot: &u64| {
        let failed = of.iter().filter(|task| task.slot == *slot && !task.meant() && !task.status.err.is_empty());
        failed.max_by(|one, other| one.created_at.cmp(&other.created_at)).copied()
    };
    shown.extend(slots.iter().filter_map(failed));
    let mut tasks: Vec<TaskState> = shown.into_iter().map(|task| task.state(&service)).collect();
    tasks.sort_by(|one, other| (one.slot, other.meant, &one.id).cmp(&(other.slot, one.meant, &other.id)));
    let running = tasks.iter().filter(|task| task.meant && task.current && task.state == "running").count();
    ServiceState {
        name: service.name().to_owned(),
        image: service.spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap_or_default().to_owned(),
        wanted: service.replicas(),
        running: running.try_into().unwrap_or(u64::MAX),
        update: service.update_status.state,
        message: service.update_status.message,
        tasks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(update: &str) -> Service {
        serde_json::from_value(serde_json::json!({
            "ID": "s", "Version": {"Index": 7}, "UpdateStatus": {"State": update},
            "Spec": {"Name": "p_comfyui", "Mode": {"Replicated": {"Replicas": 1}}, "TaskTemplate": {"ContainerSpec": {"Image": "new"}}},
        }))
        .unwrap()
    }

    fn task(id: &str, meant: bool, image: &str, state: &str, error: &str) -> Task {
        serde_json::from_value(serde_json::json!({
            "ID": id, "ServiceID": "s", "Slot": 1, "DesiredState": if meant { "running" } else { "shutdown" }, "CreatedAt": id,
            "Status": {"State": state, "Err": error, "Timestamp": "2026-01-02T03:04:05.678Z"}, "Spec": {"ContainerSpec": {"Image": image}},
            "GenericResources": [{"NamedResourceSpec": {"Kind": "GPU", "Value": "GPU-a"}}],
        }))
        .unwrap()
    }

    #[test]
    fn only_the_present_version_that_runs_counts() {
        let converged = |update, tasks: &[Task]| state(service(update), tasks).converged();
        assert!(converged("completed", &[task("1", true, "new", "running", "")]));
        assert!(!converged("updating", &[task("1", true, "new", "running", "")]), "it is still watched");
        assert!(!converged("", &[task("1", true, "old", "running", "")]), "it is not changed yet");
        assert!(!converged("", &[task("1", true, "new", "starting", "")]), "it is not healthy yet");
        assert!(!converged("", &[]), "it is not made yet");
    }

    #[test]
    fn the_last_failure_of_a_slot_is_kept_and_earlier_ones_are_not() {
        let tasks = [
            task("1", false, "new", "rejected", "no such image"),
            task("2", false, "new", "failed", "task: non-zero exit (1)"),
            task("3", true, "new", "pending", "no suitable node (insufficient resources on 1 node)"),
        ];
        let state = state(service(""), &tasks);
        let seen: Vec<(&str, &str)> = state.tasks.iter().map(|task| (task.id.as_str(), task.state.as_str())).collect();
        assert_eq!(seen, [("3", "pending"), ("2", "failed")]);
        assert_eq!(state.tasks[0].cards, ["GPU-a"]);
        assert_eq!((state.tasks[1].meant, state.tasks[1].at), (false, "2026-01-02T03:04:05.678Z".parse().ok()), "it is past");
    }
}
