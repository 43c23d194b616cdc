//! The stack on a Swarm: what must change, the change, and what runs.

use std::{future::ready, time::Duration};

use docker_ops::{
    ApiVersion, Engine, MountRole, ProjectLock, Severity, StackSpec, Violation,
    swarm::{self, Change, Desired, Event, PasswordFile, Passwords, Plan, ServiceState, Status},
};
use report::{Failure, FailureKind, Finding, Outcome, Report, Sink};
use settings::World;

use super::{failure, lock, preflight, wanted::Wanted};
use crate::{checks, journey::Journey};

/// How to make a plan of what must change.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Nothing will be changed: other runs may go on.
    pub dry_run: bool,
    /// Go on where the engine's machine can't be looked at before the start.
    pub allow_unseen: bool,
}

/// What must change. Other runs of the project wait until it is done or dropped.
#[derive(Debug)]
pub struct Planned {
    plan: Plan,
    _lock: Option<ProjectLock>,
}

impl Planned {
    /// In order; nothing, if all is as the stack says.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        self.plan.changes()
    }
}

/// The PASSWORD of each service, from the host's `login` folder that its `login` is mounted from elsewhere.
///
/// # Errors
/// A PASSWORD that is not there, or that the plugin could not work with.
pub async fn passwords(stack: &StackSpec) -> Result<Passwords, Failure> {
    let mut passwords = Passwords::new();
    for (name, service) in &stack.services {
        if let Some(login) = service.mounts.iter().find(|mount| mount.role == MountRole::Login) {
            passwords.insert(name.clone(), PasswordFile::read(&login.source).await.map_err(|error| failure(&error))?);
        }
    }
    Ok(passwords)
}

/// What a Swarm can't do for the stack, or does in another way, and what should be better; nothing of it forbids to run it.
///
/// # Errors
/// A stack that no Swarm can run, with each reason.
pub fn notes(wanted: &Wanted, api: ApiVersion) -> Result<Vec<Violation>, Failure> {
    // More than one replica is what a Swarm is for.
    let warnings = wanted.warnings.iter().filter(|found| !found.field.ends_with(".replicas"));
    Ok(runnable(&wanted.spec, api)?.into_iter().chain(warnings.cloned()).collect())
}

fn runnable(stack: &StackSpec, api: ApiVersion) -> Result<Vec<Violation>, Failure> {
    let (refused, notes): (Vec<_>, Vec<_>) =
        swarm::check(stack, api).into_iter().partition(|found| found.severity == Severity::Refuse);
    if refused.is_empty() {
        return Ok(notes);
    }
    let mut failure =
        Failure::new(FailureKind::Settings, format!("no Swarm can run the stack `{}` as it is written", stack.project));
    failure.causes = refused.iter().map(ToString::to_string).collect();
    Err(failure.hints(&refused.iter().map(|found| found.hint.as_str()).collect::<Vec<_>>()))
}

/// The stack as a file for `docker stack deploy`; no engine is asked.
///
/// # Errors
/// A stack that no Swarm can run, and a PASSWORD that is not there.
pub async fn drawn(stack: &StackSpec) -> Result<String, Failure> {
    runnable(stack, ApiVersion::OLDEST)?;
    docker_ops::render::swarm(stack, &passwords(stack).await?).map_err(|error| failure(&error))
}

/// What must change so that the Swarm has what the stack asks for. What is looked at before goes to `sink` as well. Another
/// run that is waited for is named to `waits`.
///
/// # Errors
/// A stack that would start without a login, no Swarm, no such cards, something foreign of the same name, or an engine that can't be asked.
pub async fn plan(
    engine: &Engine,
    wanted: &Wanted,
    world: &World,
    options: Options,
    waits: impl FnOnce(String),
    sink: &Sink,
) -> Result<Planned, Failure> {
    let stack = &wanted.spec;
    let lock = if options.dry_run { None } else { Some(lock(stack, world, waits).await?) };
    guarded(engine, wanted, world, options.allow_unseen, sink).await?;
    let passwords = passwords(stack).await?;
    let plan = async {
        let desired = Desired::new(stack, &passwords, engine.negotiated().used)?;
        swarm::plan(desired, swarm::observe(engine, &stack.project, &stack.network()).await?)
    };
    Ok(Planned { plan: plan.await.map_err(|error| failure(&error))?, _lock: lock })
}

/// Whether replicas would start with their login: PASSWORD comes from this machine, the plugin lies on the manager's. Other nodes can't be
/// looked at: there the health check inside each replica must do.
async fn guarded(engine: &Engine, wanted: &Wanted, world: &World, allow_unseen: bool, sink: &Sink) -> Result<(), Failure> {
    let mut journey = Journey::new("swarm up", world, sink);
    if engine.is_local() {
        journey.found(ready(checks::stack_sound(&wanted.spec.check_here()))).await;
    }
    for settings in &wanted.settings {
        let name = &settings.service.value;
        let service = &wanted.spec.services[name];
        preflight::password(&mut journey, settings, &format!("the service `{name}`"), service, false).await?;
        if engine.is_local() || service.custom_nodes().is_none() {
            preflight::plugin(&mut journey, settings, service).await?;
        } else {
            journey.found(ready(checks::plugin_elsewhere(allow_unseen))).await;
        }
    }
    unguarded(&journey.end(None)).map_or(Ok(()), Err)
}

/// Why nothing may be started, if something failed or is not known.
fn unguarded(report: &Report) -> Option<Failure> {
    let told = |finding: &Finding| match &finding.outcome {
        Outcome::Fail => Some(finding.summary.clone()),
        Outcome::Unknown(reason) => Some(format!("{}: {reason}", finding.summary)),
        _ => None,
    };
    let found: Vec<(String, &Finding)> = report.findings.iter().filter_map(|one| Some((told(one)?, one))).collect();
    if found.is_empty() {
        return None;
    }
    let mut failure = Failure::new(FailureKind::Declined, "the stack would not start with its login: nothing was changed");
    let mut hints: Vec<&str> = found.iter().flat_map(|(_, finding)| finding.hints.iter().map(String::as_str)).collect();
    hints.dedup();
    failure = failure.hints(&hints);
    failure.causes = found.into_iter().map(|(told, finding)| format!("{}: {told}", finding.check.0)).collect();
    Some(failure)
}

/// Makes the changes of a plan for `stack`, and waits until every replica runs. What fails on the way is followed by a last look, as in
/// [`break_off`].
///
/// # Errors
/// Replicas that don't run in that time, with what the Swarm says of them; an engine that can't be asked.
pub async fn up(
    engine: &Engine,
    stack: &StackSpec,
    planned: Planned,
    patience: Duration,
    sink: &mut dyn FnMut(Event),
) -> Result<Status, Failure> {
    let status = match swarm::roll_out(engine, planned.plan, patience, sink).await {
        Ok(status) => status,
        Err(error) => return Err(break_off(engine, stack, failure(&error), sink).await),
    };
    match unfinished(&status, patience) {
        Some(failure) => Err(failure),
        None => Ok(status),
    }
}

/// How long the last look at a roll-out that is broken off may take.
const LAST_LOOK: Duration = Duration::from_secs(10);

/// The end of an [`up`] that was broken off for `why`: what is seen to let everybody in has no replica any more, and what is not proven is told.
pub async fn break_off(engine: &Engine, stack: &StackSpec, why: Failure, sink: &mut dyn FnMut(Event)) -> Failure {
    let look = swarm::break_off(engine, &stack.project, sink);
    match tokio::time::timeout(LAST_LOOK, look).await {
        Ok(Ok(status)) => unproven(&status, why),
        Ok(Err(error)) => untold(why, &error.to_string()),
        Err(_) => untold(why, "the engine did not answer in time"),
    }
}

fn untold(mut why: Failure, reason: &str) -> Failure {
    why.causes.push(format!("whether each replica asks for a credential is not known: {reason}"));
    why.hint("`genai-stack swarm up` looks again, `genai-stack swarm down` ends what runs")
}

/// Adds what is seen open, and the services whose replicas don't all count as well yet.
fn unproven(status: &Status, mut why: Failure) -> Failure {
    let behind: Vec<&ServiceState> = status.services.iter().filter(|service| !service.converged()).collect();
    let stands = |service: &&ServiceState| match service.open() {
        true => format!("`{}` let everybody in, and has no replica any more", service.name),
        false if service.running == service.wanted => {
            format!("`{}` is still being changed: it is not proven that each replica asks for a credential", service.name)
        }
        false => {
            let ServiceState { name, running, wanted, .. } = service;
            format!("`{name}` has {running} of {wanted}: of the others it is not proven that they ask for a credential")
        }
    };
    why.causes.extend(behind.iter().map(stands));
    match behind.is_empty() {
        true => why,
        false => why.hint("`genai-stack swarm up` looks again, `genai-stack swarm down` ends what runs"),
    }
}

/// Removes the stack from the Swarm.
///
/// # Errors
/// Another run of the project that goes on too long; containers that don't end in that time; an engine that can't be asked.
pub async fn down(
    engine: &Engine,
    stack: &StackSpec,
    world: &World,
    patience: Duration,
    waits: impl FnOnce(String),
    sink: &mut dyn FnMut(Event),
) -> Result<(), Failure> {
    let _lock = lock(stack, world, waits).await?;
    swarm::remove(engine, &stack.project, &stack.network(), patience, sink).await.map_err(|error| failure(&error))
}

/// What runs of the stack.
///
/// # Errors
/// No Swarm, or an engine that can't be asked.
pub async fn status(engine: &Engine, stack: &StackSpec) -> Result<Status, Failure> {
    swarm::status(engine, &stack.project).await.map_err(|error| failure(&error))
}

/// Why a roll-out is not at its end, and what to do.
fn unfinished(status: &Status, patience: Duration) -> Option<Failure> {
    let behind: Vec<&ServiceState> = status.services.iter().filter(|service| !service.converged()).collect();
    if behind.is_empty() {
        return None;
    }
    let names: Vec<String> =
        behind.iter().map(|service| format!("`{}` has {} of {}", service.name, service.running, service.wanted)).collect();
    let when = if status.open() {
        "what lets everybody in has no replica any more".to_owned()
    } else if status.paused() {
        "the Swarm stopped the roll-out".to_owned()
    } else {
        format!("after {} s", patience.as_secs())
    };
    let mut failure = Failure::new(FailureKind::Declined, format!("not every replica runs: {}, {when}", names.join("; ")));
    let tasks = behind.iter().flat_map(|service| service.tasks.iter().map(move |task| (service, task)));
    failure.causes = tasks
        .filter(|(_, task)| !task.error.is_empty())
        .map(|(service, task)| format!("{}.{}: {}", service.name, task.slot, task.error))
        .collect();
    failure.causes.sort();
    failure.causes.dedup();
    let said = |words: &str| failure.causes.iter().any(|cause| cause.contains(words));
    let mut hints = Vec::new();
    if said("insufficient resources") {
        hints.push(
            "no node has a free card: ask for fewer replicas, or offer more cards with `--node-generic-resource GPU=GPU-…`"
                .to_owned(),
        );
    }
    if said("No such image") {
        hints.push("push the image where each node can pull it, or load it on each node".to_owned());
    }
    if said("bind source path does not exist") {
        hints.push("make the folder on each node that may run a replica".to_owned());
    }
    if said("nothing guards the server") {
        hints.push("see why the plugin is not loaded; then `genai-stack swarm up` brings the replicas back".to_owned());
    }
    if said("unhealthy container") {
        hints.push("the probe says that the login does not guard ComfyUI: see its log".to_owned());
    }
    hints.push(format!("see what the containers say: `docker service logs {}`", behind[0].name));
    Some(failure.hints(&hints))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        os::unix::net::UnixListener,
        path::Path,
        thread,
    };

    use docker_ops::{Endpoint, swarm::TaskState};
    use serde_json::json;

    use super::*;

    fn status(update: &str, running: u64, error: &str) -> Status {
        let task = TaskState {
            id: "t".to_owned(),
            slot: 3,
            state: "pending".to_owned(),
            error: error.to_owned(),
            at: None,
            meant: true,
            current: true,
            cards: Vec::new(),
            container: None,
            open: error.contains("nothing guards"),
        };
        let service = ServiceState {
            name: "p_comfyui".to_owned(),
            image: "a".to_owned(),
            wanted: 1,
            running,
            update: update.to_owned(),
            message: String::new(),
            tasks: vec![task],
        };
        Status { services: vec![service] }
    }

    #[test]
    fn many_replicas_are_what_a_swarm_is_for() {
        let image = docker_ops::Image::Named { reference: "a".to_owned(), pull: docker_ops::PullPolicy::Missing };
        let mut service = docker_ops::ServiceSpec::new(image);
        service.replicas = 2;
        let spec = StackSpec { project: "p".to_owned(), working_dir: "/p".into(), services: [("ui".to_owned(), service)].into() };
        let wanted = Wanted { settings: Vec::new(), warnings: spec.check(), spec };
        let fields = |found: &[Violation]| found.iter().map(|found| found.field.clone()).collect::<Vec<_>>();
        let mut left = fields(&wanted.warnings);
        assert_eq!(left.remove(0), "services.ui.replicas");
        assert_eq!(fields(&notes(&wanted, ApiVersion { major: 1, minor: 44 }).unwrap()), left);
    }

    #[test]
    fn who_leaves_is_told_what_is_not_proven() {
        let why = || Failure::new(FailureKind::Interrupted, "stopped by the user");
        assert!(unproven(&status("completed", 1, ""), why()).causes.is_empty());
        let told = |error| unproven(&status("", 0, error), why()).causes;
        assert_eq!(told(""), ["`p_comfyui` has 0 of 1: of the others it is not proven that they ask for a credential"]);
        assert_eq!(told("nothing guards the server"), ["`p_comfyui` let everybody in, and has no replica any more"]);
    }

    /// An engine that creates all but services, and has one of the stack's that lets everybody in.
    fn half(folder: &Path) -> Endpoint {
        let labels = json!({"com.docker.stack.namespace": "p", "genai-stack.service": "ui"});
        let spec = json!({"Name": "p_ui", "Labels": labels, "Mode": {"Replicated": {"Replicas": 1}}, "TaskTemplate": {}});
        let told = json!({"State": "starting", "ContainerStatus": {"ContainerID": "c"}});
        let task = json!({"ID": "t", "ServiceID": "1", "DesiredState": "running", "Status": told, "CreatedAt": "", "Spec": {}});
        let (before, after) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z");
        let probe = json!({"Start": after, "End": after, "ExitCode": 1, "Output": "200 nothing guards the server"});
        let health = json!({"Status": "starting", "FailingStreak": 1, "Log": [probe]});
        let state = json!({"Status": "running", "Running": true, "StartedAt": before, "Health": health});
        let answer = move |path: &str| match path {
            "/_ping" => (200, json!("OK")),
            "/version" => (200, json!({"Version": "1.2.3", "MinAPIVersion": "1.12"})),
            "/services/create" => (500, json!({"message": "the disk is full"})),
            "/services" => (200, json!([{"ID": "1", "Version": {"Index": 1}, "Spec": spec}])),
            "/tasks" => (200, json!([task])),
            "/containers/c/json" => (200, json!({"Id": "c", "Name": "/c", "State": state, "Config": {}, "HostConfig": {}})),
            _ => (200, json!({"Id": "1"})),
        };
        let socket = folder.join("engine");
        let listener = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let (mut line, mut length) = (String::new(), 0);
                stream.read_line(&mut line).unwrap();
                let path = line.split([' ', '?']).nth(1).unwrap().trim_start_matches("/v1.41").to_owned();
                while line.trim() != "" {
                    line.clear();
                    stream.read_line(&mut line).unwrap();
                    let header = line.to_ascii_lowercase();
                    length = header.strip_prefix("content-length: ").map_or(length, |value| value.trim().parse().unwrap());
                }
                stream.read_exact(&mut vec![0; length]).unwrap();
                let (status, body) = answer(&path);
                let body = body.to_string();
                let head =
                    format!("HTTP/1.1 {status} X\r\nApi-Version: 1.41\r\nConnection: close\r\nContent-Length: {}", body.len());
                write!(stream.get_mut(), "{head}\r\n\r\n{body}").unwrap();
            }
        });
        Endpoint::Unix(socket)
    }

    #[tokio::test]
    async fn a_roll_out_that_fails_half_way_leaves_nothing_open() {
        let image = docker_ops::Image::Named { reference: "a".to_owned(), pull: docker_ops::PullPolicy::Missing };
        let mut service = docker_ops::ServiceSpec::new(image);
        let target = "/comfyui/login".to_owned();
        service.mounts = vec![docker_ops::Mount { role: MountRole::Login, source: "/login".into(), target, read_only: true }];
        let services = [("ui".to_owned(), service)].into();
        let stack = StackSpec { project: "p".to_owned(), working_dir: "/p".into(), services };
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::connect(&half(folder.path())).await.unwrap();
        let passwords = [("ui".to_owned(), PasswordFile::new(b"made-up\nann\n".to_vec()).unwrap())].into();
        let desired = Desired::new(&stack, &passwords, engine.negotiated().used).unwrap();
        let planned = Planned { plan: swarm::plan(desired, swarm::Observed::default()).unwrap(), _lock: None };
        let mut events = Vec::new();
        let failure = up(&engine, &stack, planned, Duration::ZERO, &mut |event| events.push(event)).await.unwrap_err();
        assert!(events.contains(&Event::Halted("p_ui".to_owned())), "{events:?}");
        assert!(failure.causes.contains(&"`p_ui` let everybody in, and has no replica any more".to_owned()), "{failure:?}");
    }

    #[test]
    fn a_replica_that_does_not_run_says_why_and_what_to_do() {
        let patience = Duration::from_secs(9);
        assert!(unfinished(&status("completed", 1, ""), patience).is_none());
        let waits = unfinished(&status("", 0, "no suitable node (insufficient resources on 1 node)"), patience).unwrap();
        assert_eq!(waits.message, "not every replica runs: `p_comfyui` has 0 of 1, after 9 s");
        assert_eq!(waits.causes, ["p_comfyui.3: no suitable node (insufficient resources on 1 node)"]);
        assert!(waits.hints[0].contains("no node has a free card"));
        let paused = unfinished(&status("paused", 0, "task: non-zero exit (1)"), patience).unwrap();
        assert!(paused.message.ends_with("the Swarm stopped the roll-out"), "{}", paused.message);
        let open = unfinished(&status("", 0, "it lets everybody in: nothing guards the server"), patience).unwrap();
        assert!(open.message.ends_with("no replica any more") && open.hints[0].contains("brings the replicas back"), "{open:?}");
        assert_eq!(paused.hints, ["see what the containers say: `docker service logs p_comfyui`"]);
    }
}
