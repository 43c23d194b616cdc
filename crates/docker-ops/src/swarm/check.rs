//! What a Swarm can't do for a stack: judged from the specification alone.

use super::{full_name, plan::replicas};
use crate::{ApiVersion, Gpu, Image, MountRole, Probe, PullPolicy, ServiceSpec, Severity, StackSpec, Violation};

/// The first API version in which a service may be told to gain no privileges.
pub(super) const NO_NEW_PRIVILEGES: ApiVersion = ApiVersion { major: 1, minor: 44 };

/// The longest name of a service.
const LONGEST_NAME: usize = 63;

/// What a Swarm whose engines speak `api` can't do, or does in another way, beside what [`StackSpec::check`] finds. What is refused can't
/// be run there at all.
#[must_use]
pub fn check(stack: &StackSpec, api: ApiVersion) -> Vec<Violation> {
    let mut found = Vec::new();
    for (name, service) in &stack.services {
        let at = format!("services.{name}");
        let mut add = |severity, part: &str, message: String, hint: String| {
            let field = if part.is_empty() { at.clone() } else { format!("{at}.{part}") };
            found.push(Violation { severity, field, message, hint });
        };
        if full_name(&stack.project, name).len() > LONGEST_NAME {
            let message = format!("`{}` is too long for a Swarm's service", full_name(&stack.project, name));
            add(Severity::Refuse, "", message, format!("{LONGEST_NAME} letters is the most"));
        }
        refused(service, &mut |part, message, hint| add(Severity::Refuse, part, message.to_owned(), hint.to_owned()));
        ports(stack, name, service, &mut |part, message, hint| add(Severity::Warn, part, message, hint));
        weaker(service, api, &mut |part, message, hint| add(Severity::Warn, part, message.to_owned(), hint.to_owned()));
    }
    found
}

fn refused(service: &ServiceSpec, add: &mut dyn FnMut(&str, &str, &str)) {
    match &service.gpu {
        Gpu::All | Gpu::Cdi(_) => add(
            "gpu",
            "a Swarm's services can't ask for devices; they reserve cards that the nodes offer, so many for each replica",
            "say how many cards each replica gets, and how many replicas; start each node's engine with `--node-generic-resource GPU=GPU-…` for each card",
        ),
        Gpu::Ids(ids) if service.replicas > 1 && usize::try_from(service.replicas).ok() != Some(ids.len()) => {
            add(
                "replicas",
                "each card that is named gets one replica",
                "leave the number of replicas out, or name as many cards",
            );
        }
        _ => {}
    }
    if matches!(service.health.probe, Probe::Host) {
        add(
            "health.probe",
            "nothing would look from inside: a Swarm starts replicas where and when it likes, and one that is open would stay",
            "use Python's probe, or a command of the image",
        );
    }
    if service.command.is_empty() && !service.flags.is_empty() {
        add(
            "flags",
            "a Swarm's manager need not have the image, so it can't put flags after the image's own command",
            "say the command too, such as `command = [\"python3\", \"main.py\"]`",
        );
    }
}

fn ports(stack: &StackSpec, name: &str, service: &ServiceSpec, add: &mut dyn FnMut(&str, String, String)) {
    for (index, port) in service.ports.iter().enumerate() {
        let part = format!("ports[{index}]");
        if !port.address.is_unspecified() {
            let message = format!("a Swarm can't publish on `{}` alone, so this port is not published", port.address);
            let hint = format!("on the network `{}` it is `{name}:{}`: put the gate there", stack.network(), port.container_port);
            add(&part, message, hint);
        } else if replicas(service) > 1 {
            let message = "each connection may reach another replica, and a prompt is known to one of them only".to_owned();
            add(&part, message, format!("put a gate before `tasks.{name}` that keeps a client with its replica"));
        }
    }
}

fn weaker(service: &ServiceSpec, api: ApiVersion, add: &mut dyn FnMut(&str, &str, &str)) {
    if api < NO_NEW_PRIVILEGES {
        let hint = "set `\"no-new-privileges\": true` in each node's daemon.json, or update the engines to 25.0";
        add("", "a Swarm of this version can't forbid its containers to gain privileges", hint);
    }
    if service.limits.memory.is_some() {
        add("limits.memory", "a Swarm does not keep a container from swapping as much again", "switch swap off on the nodes");
    }
    match &service.image {
        Image::Build { .. } => add("image", "a Swarm builds nothing", "build it, and push it where each node can pull it"),
        Image::Named { pull: PullPolicy::Missing, .. } => {}
        Image::Named { .. } => add("image", "a Swarm pulls what a node lacks, and nothing else", "name the image by its digest"),
    }
    if service.mounts.iter().any(|mount| mount.role != MountRole::Login) {
        add("mounts", "each node needs these folders, with the same content where it is read", "mount a share at the same path");
    }
    let writes = |role| matches!(role, MountRole::Outputs | MountRole::Workspace);
    if replicas(service) > 1 && service.mounts.iter().any(|mount| !mount.read_only && writes(mount.role)) {
        let hint = "give each replica a folder of its own: `{{.Task.Slot}}` in `source` is its number";
        add("mounts", "replicas that write into one folder count its files each for itself", hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Health, Mount, Publish};

    fn service() -> ServiceSpec {
        ServiceSpec::new(Image::Named { reference: "comfyui:1".to_owned(), pull: PullPolicy::Missing })
    }

    fn found(service: ServiceSpec, api: ApiVersion) -> Vec<(Severity, String)> {
        let services = [("comfyui".to_owned(), service)].into();
        let stack = StackSpec { project: "p".to_owned(), working_dir: "/srv".into(), services };
        check(&stack, api).into_iter().map(|found| (found.severity, found.field.replace("services.comfyui", ""))).collect()
    }

    #[test]
    fn what_a_swarm_can_do_is_not_found_and_what_it_cannot_is() {
        use Severity::{Refuse, Warn};
        let new = NO_NEW_PRIVILEGES;
        assert_eq!(found(service(), new), []);
        assert_eq!(found(service(), ApiVersion::OLDEST), [(Warn, String::new())]);
        let port = |address: &str| Publish { address: address.parse().unwrap(), host_port: 1, container_port: 1 };
        let outputs = Mount { role: MountRole::Outputs, source: "/o".into(), target: "/o".to_owned(), read_only: false };
        let ids = |ids: &[&str]| Gpu::Ids(ids.iter().map(|&id| id.to_owned()).collect());
        let base = service();
        for (changed, severity, field) in [
            (ServiceSpec { gpu: Gpu::All, ..base.clone() }, Refuse, ".gpu"),
            (ServiceSpec { gpu: Gpu::Cdi(vec!["nvidia.com/gpu=0".to_owned()]), ..base.clone() }, Refuse, ".gpu"),
            (ServiceSpec { gpu: ids(&["a", "b"]), replicas: 3, ..base.clone() }, Refuse, ".replicas"),
            (ServiceSpec { flags: vec!["--listen".to_owned()], ..base.clone() }, Refuse, ".flags"),
            (ServiceSpec { health: Health { probe: Probe::Host, ..Health::default() }, ..base.clone() }, Refuse, ".health.probe"),
            (ServiceSpec { ports: vec![port("127.0.0.1")], ..base.clone() }, Warn, ".ports[0]"),
            (ServiceSpec { ports: vec![port("0.0.0.0")], replicas: 2, ..base.clone() }, Warn, ".ports[0]"),
            (ServiceSpec { mounts: vec![outputs], ..base.clone() }, Warn, ".mounts"),
        ] {
            assert_eq!(found(changed, new), [(severity, field.to_owned())], "{field}");
        }
        assert_eq!(found(ServiceSpec { gpu: ids(&["a", "b"]), ..base.clone() }, new), []);
        assert_eq!(found(ServiceSpec { ports: vec![port("0.0.0.0")], ..base }, new), []);
    }
}
