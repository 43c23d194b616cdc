//! What `/containers/ID/json` says.

use serde_json::Value;

use super::{
    Autopsy, GpuRequest, HealthFacts, ImageFacts, MemoryFacts, MountFacts, PortFacts, ProbeFacts, StartFault, State, exposed,
};
use crate::Identity;

/// With it root passes over permissions; an engine leaves it to a container unless it is told to drop it.
const OVERRIDE: &str = "DAC_OVERRIDE";
/// The time of something that did not happen yet.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub(super) fn read(inspect: &Value) -> Autopsy {
    let (config, host) = (&inspect["Config"], &inspect["HostConfig"]);
    Autopsy {
        id: text(&inspect["Id"]),
        name: text(&inspect["Name"]).trim_start_matches('/').to_owned(),
        service: config["Labels"]["com.docker.compose.service"].as_str().map(str::to_owned),
        state: state(inspect),
        health: health(inspect),
        memory: MemoryFacts { limit: host["Memory"].as_u64().filter(|limit| *limit > 0), ..MemoryFacts::default() },
        ports: ports(host, &inspect["NetworkSettings"]["Ports"]),
        mounts: items(&inspect["Mounts"]).map(MountFacts::read).collect(),
        image: ImageFacts { reference: text(&config["Image"]), id: text(&inspect["Image"]), ..ImageFacts::default() },
        gpu: gpu(config, host),
        exposed: exposed::of_container(inspect),
        ..Autopsy::default()
    }
}

/// `memory_stats` of `/containers/ID/stats`: empty for a container that doesn't run, and without peak and count on cgroup v2.
pub(super) fn read_memory(memory: &mut MemoryFacts, stats: &Value) {
    memory.usage = stats["usage"].as_u64();
    memory.peak = stats["max_usage"].as_u64();
    memory.at_limit = stats["failcnt"].as_u64();
}

fn state(inspect: &Value) -> State {
    let state = &inspect["State"];
    let time = |key: &str| state[key].as_str().filter(|time| !time.is_empty() && *time != NEVER).map(str::to_owned);
    let finished_at = time("FinishedAt");
    let error = text(&state["Error"]);
    let has_ended = finished_at.is_some() || !error.is_empty();
    State {
        status: text(&state["Status"]),
        exit_code: state["ExitCode"].as_i64().filter(|code| has_ended || *code != 0),
        oom_killed: state["OOMKilled"].as_bool().unwrap_or(false),
        start_fault: StartFault::read(&error),
        pid: state["Pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
        restarts: inspect["RestartCount"].as_u64().unwrap_or(0),
        restart_policy: text(&inspect["HostConfig"]["RestartPolicy"]["Name"]),
        started_at: time("StartedAt"),
        finished_at,
    }
}

/// None without a healthcheck, of which `NONE` is one way and an empty status (Podman's, before the first probe) another.
fn health(inspect: &Value) -> Option<HealthFacts> {
    let health = &inspect["State"]["Health"];
    let status = health["Status"].as_str().filter(|status| !status.is_empty() && *status != "none")?;
    Some(HealthFacts {
        status: status.to_owned(),
        failing: health["FailingStreak"].as_u64().unwrap_or(0),
        test: items(&inspect["Config"]["Healthcheck"]["Test"]).map(text).collect(),
        probes: items(&health["Log"])
            .map(|probe| ProbeFacts { exit_code: probe["ExitCode"].as_i64().unwrap_or(-1), output: text(&probe["Output"]) })
            .collect(),
    })
}

/// What was asked for, and where it leads from now.
fn ports(host: &Value, bound: &Value) -> Vec<PortFacts> {
    let at = |binding: &Value| (text(&binding["HostIp"]), text(&binding["HostPort"]));
    let mut ports = Vec::new();
    for (container, wanted) in host["PortBindings"].as_object().into_iter().flatten() {
        let now: Vec<_> = items(&bound[container]).map(at).collect();
        for (address, host) in items(wanted).map(at) {
            let is_this = |(_, port): &&(String, String)| host.is_empty() || host == "0" || *port == host;
            let bound = now.iter().filter(is_this).map(|(address, port)| format!("{address}:{port}")).collect();
            ports.push(PortFacts { container: container.clone(), address, host, bound, taken_by: None });
        }
    }
    ports
}

/// Who the processes are: the container's own user, else its image's, else root. None for a name, whose number only the image knows.
pub(super) fn user(inspect: &Value, image: &Value) -> Option<Identity> {
    let of = |described: &'_ Value| described["Config"]["User"].as_str().filter(|user| !user.is_empty()).map(str::to_owned);
    let (user, host) = (of(inspect).or_else(|| of(image)), &inspect["HostConfig"]);
    let named = |list: &Value, name: &str| {
        items(list).filter_map(Value::as_str).any(|one| one.trim_start_matches("CAP_").eq_ignore_ascii_case(name))
    };
    let (add, drop) = (&host["CapAdd"], &host["CapDrop"]);
    let keeps = host["Privileged"] == Value::Bool(true)
        || named(add, OVERRIDE)
        || !named(drop, OVERRIDE) && (named(add, "ALL") || !named(drop, "ALL"));
    Identity::of(user.as_deref(), &if keeps { vec![OVERRIDE.to_owned()] } else { Vec::new() })
}

fn gpu(config: &Value, host: &Value) -> GpuRequest {
    let variable = |name: &str| {
        items(&config["Env"]).find_map(|pair| Some(pair.as_str()?.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
    };
    let request = |request: &Value| {
        let driver = request["Driver"].as_str().filter(|driver| !driver.is_empty()).unwrap_or("any driver");
        let ids: Vec<String> = items(&request["DeviceIDs"]).map(text).collect();
        match (request["Count"].as_i64(), ids.is_empty()) {
            (_, false) => format!("{driver}: {}", ids.join(", ")),
            (Some(-1), _) => format!("{driver}: all"),
            (count, _) => format!("{driver}: {} of them", count.unwrap_or(0)),
        }
    };
    let least = |request: &Value| {
        let ids = items(&request["DeviceIDs"]).filter_map(Value::as_str);
        // Devices of other kinds go by names of CDI too, as in `nvidia.com/imex-channel=0`.
        let is_card = |id: &&str| id.split_once('=').is_none_or(|(kind, _)| kind.ends_with("/gpu"));
        let named = ids.filter(|id| !id.ends_with("all")).filter(is_card).count();
        named.max(request["Count"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
    };
    let is_card = |path: &String| path.starts_with("/dev/nvidia") || path.starts_with("/dev/dri") || path == "/dev/dxg";
    GpuRequest {
        requests: items(&host["DeviceRequests"]).map(request).collect(),
        least: items(&host["DeviceRequests"]).map(least).sum(),
        runtime: host["Runtime"].as_str().filter(|name| !name.is_empty()).map(str::to_owned),
        visible_devices: variable("NVIDIA_VISIBLE_DEVICES"),
        devices: items(&host["Devices"]).map(|device| text(&device["PathOnHost"])).filter(is_card).collect(),
    }
}

pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_engine_does_not_say_stays_unknown() {
        assert_eq!(read(&json!({})), Autopsy::default());
        assert_eq!(read(&json!({"Mounts": 7, "Config": [], "State": {"Health": "x", "Pid": -4}})), Autopsy::default());
    }

    #[test]
    fn a_code_is_known_only_after_an_end() {
        let of = |state| read(&json!({"State": state})).state.exit_code;
        assert_eq!(of(json!({"ExitCode": 0, "FinishedAt": NEVER})), None, "it never ended");
        assert_eq!(of(json!({"ExitCode": 0, "FinishedAt": "2026-01-02T03:04:05Z"})), Some(0));
        assert_eq!(of(json!({"ExitCode": 128, "FinishedAt": NEVER, "Error": "no such thing"})), Some(128));
    }

    #[test]
    fn ports_are_asked_for_and_lead_in_or_not() {
        let host =
            json!({"PortBindings": {"8188/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8188"}], "1/tcp": [{"HostPort": ""}]}});
        let bound = json!({"8188/tcp": null, "1/tcp": [{"HostIp": "0.0.0.0", "HostPort": "32768"}]});
        let ports = ports(&host, &bound);
        let bound = |container: &str| ports.iter().find(|port| port.container == container).unwrap().bound.clone();
        assert_eq!(bound("8188/tcp"), Vec::<String>::new());
        assert_eq!(bound("1/tcp"), ["0.0.0.0:32768"]);
    }

    #[test]
    fn root_passes_over_permissions_unless_that_was_dropped() {
        let of =
            |name: &str, host| user(&json!({"HostConfig": host, "Config": {"User": name}}), &json!({"Config": {"User": ""}}));
        let overrides = |host| of("0", host).unwrap().overrides;
        assert!(overrides(json!({})) && overrides(json!({"CapDrop": ["ALL"], "CapAdd": ["CAP_DAC_OVERRIDE"]})));
        assert!(overrides(json!({"CapDrop": ["ALL"], "Privileged": true})) && overrides(json!({"CapAdd": ["ALL"]})));
        assert!(!overrides(json!({"CapDrop": ["ALL"], "CapAdd": ["CHOWN"]})) && !overrides(json!({"CapDrop": ["dac_override"]})));
        assert!(!overrides(json!({"CapAdd": ["ALL"], "CapDrop": ["DAC_OVERRIDE"]})));
        assert!(!of("1000", json!({})).unwrap().overrides);
        assert_eq!((of("", json!({})), of("comfy", json!({}))), (of("0", json!({})), None));
        let image = json!({"Config": {"User": "7:8"}});
        assert_eq!(user(&json!({}), &image), Identity::of(Some("7:8"), &[]), "the image's own");
    }

    #[test]
    fn cards_are_asked_for_in_three_ways_and_a_variable_is_none() {
        let of = |host, environment: &str| read(&json!({"HostConfig": host, "Config": {"Env": [environment]}})).gpu;
        let request = json!({"DeviceRequests": [{"Driver": "", "Count": 1, "DeviceIDs": null}, {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0"]}]});
        let asked = of(request, "");
        assert_eq!((asked.requests, asked.least), (vec!["any driver: 1 of them".into(), "cdi: nvidia.com/gpu=0".into()], 2));
        let least = |request| of(json!({"DeviceRequests": [request]}), "").least;
        assert_eq!((least(json!({"Count": 2})), least(json!({"Count": -1}))), (2, 0));
        assert_eq!(
            (least(json!({"DeviceIDs": ["GPU-a", "GPU-b"]})), least(json!({"DeviceIDs": ["nvidia.com/gpu=all"]}))),
            (2, 0)
        );
        assert_eq!(least(json!({"DeviceIDs": ["nvidia.com/gpu=0", "nvidia.com/imex-channel=0"]})), 1);
        assert!(of(json!({"Runtime": "nvidia"}), "").is_some());
        assert!(of(json!({"Devices": [{"PathOnHost": "/dev/nvidia0"}]}), "").is_some());
        let image = of(json!({"Runtime": "runc"}), "NVIDIA_VISIBLE_DEVICES=all");
        assert!(!image.is_some() && image.visible_devices.as_deref() == Some("all"));
    }

    #[test]
    fn a_probe_that_could_not_run_is_no_sick_service() {
        let broken = |exit_code, output: &str| ProbeFacts { exit_code, output: output.to_owned() }.is_broken();
        assert!(broken(-1, "OCI runtime exec failed: exec: \"curl\": executable file not found in $PATH: unknown"));
        assert!(broken(127, "/bin/sh: curl: not found"));
        assert!(broken(126, "/bin/sh: /probe: Permission denied"));
        assert!(!broken(-1, "Health check exceeded timeout (1s)"));
        assert!(!broken(1, "connection refused"));
        assert!(!broken(1, "404: page not found"));
    }
}
