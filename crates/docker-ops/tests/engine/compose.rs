//! The real Composes make of `compose.yaml` what the specification says: their containers are made, not started, and inspected.

use std::{collections::BTreeSet, net::IpAddr, path::Path, time::Duration};

use docker_ops::{
    Gpu, Health, Image, Limits, LogRotation, Mount, MountRole, Probe, Publish, PullPolicy, Restart, ServiceSpec, StackSpec,
    device_requests_json, render,
};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::rig::{IMAGE, Rig, variable};

/// Values that a careless writer of YAML, or a careless reader, changes.
const AWKWARD: &[&str] = &["$HOME ${HOME:-x} $$", "no", "1_000", "12:30:45", "~", " a: b # c", "\"\\'", "é😀", "a\nb\t", ""];

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    let programs = programs();
    assert!(!programs.is_empty(), "neither `docker compose` nor `docker-compose` is there");
    let trial = |(nth, program): (usize, Compose)| {
        let form = if program.0.len() == 2 { "docker compose" } else { "docker-compose" };
        let name = format!("{form} {} makes what the specification says", program.version());
        rig.trial(&name, move |rig| async move {
            for (case, service) in services(rig).into_iter().enumerate() {
                program.agrees(rig, &format!("{}c{nth}n{case}", rig.run), service);
            }
            program.reads(rig, only_read());
        })
    };
    programs.into_iter().enumerate().map(trial).collect()
}

/// A Compose: the words that call it.
struct Compose(Vec<String>);

/// `docker compose`, and every `docker-compose` of the path.
fn programs() -> Vec<Compose> {
    let path = variable("PATH").unwrap_or_default();
    // On many systems `/bin` is `/usr/bin`: the same program is taken once.
    let alone: BTreeSet<_> =
        std::env::split_paths(&path).filter_map(|folder| folder.join("docker-compose").canonicalize().ok()).collect();
    let alone = alone.into_iter().map(|program| Compose(vec![program.display().to_string()]));
    let all = std::iter::once(Compose(vec!["docker".into(), "compose".into()])).chain(alone);
    all.filter(|program| !program.version().is_empty()).collect()
}

impl Compose {
    fn version(&self) -> String {
        self.run(Path::new("."), &["version", "--short"]).map(|(said, _)| said.trim().to_owned()).unwrap_or_default()
    }

    /// What it writes to standard output and standard error; none if it fails.
    #[expect(clippy::disallowed_methods, reason = "the real reader of what is written")]
    fn run(&self, folder: &Path, args: &[&str]) -> Option<(String, String)> {
        let done = std::process::Command::new(&self.0[0]).args(&self.0[1..]).args(args).current_dir(folder).output().ok()?;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        done.status.success().then(|| (text(done.stdout), text(done.stderr)))
    }

    /// It takes the file without a word.
    fn reads(&self, rig: &Rig, service: ServiceSpec) {
        let folder = tempfile::tempdir().unwrap();
        let stack = stack(rig, "read", folder.path(), service);
        std::fs::write(folder.path().join("compose.yaml"), render::compose(&stack)).unwrap();
        let (config, complaint) = self.run(folder.path(), &["config"]).expect("it takes the file");
        assert_eq!(complaint, "");
        assert!(config.contains("nvidia.com/gpu=0"), "{config}");
    }

    fn agrees(&self, rig: &Rig, project: &str, service: ServiceSpec) {
        let folder = tempfile::tempdir().unwrap();
        let stack = stack(rig, project, folder.path(), service);
        for mount in &stack.services["comfyui"].mounts {
            std::fs::create_dir_all(&mount.source).unwrap();
        }
        std::fs::write(folder.path().join("compose.yaml"), render::compose(&stack)).unwrap();
        let run = |args: &[&str]| self.run(folder.path(), &[&["--project-name", project], args].concat());
        assert_eq!(run(&["config", "--quiet"]).expect("it takes the file").1, "");
        run(&["up", "--no-start"]).expect("it makes the container");
        let id = rig.docker(&["ps", "--all", "--quiet", "--filter", &format!("label=com.docker.compose.project={project}")]);
        let made: Value = serde_json::from_str(&rig.docker(&["inspect", &id])).unwrap();
        let (seen, wanted) = (seen(&made[0], &stack), wanted(&stack));
        run(&["down"]).expect("it removes what it made");
        assert_eq!(seen, wanted, "{:?}", self.0);
    }
}

fn stack(rig: &Rig, project: &str, folder: &Path, mut service: ServiceSpec) -> StackSpec {
    let (name, value) = rig.label().split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
    service.labels.insert(name, value);
    for mount in &mut service.mounts {
        mount.source = folder.join(&mount.source);
    }
    let services = [("comfyui".to_owned(), service)].into();
    StackSpec { project: project.to_owned(), working_dir: folder.to_owned(), services }
}

/// Services that differ in all that can be said of one.
fn services(rig: &Rig) -> [ServiceSpec; 3] {
    let plain = || ServiceSpec::new(Image::Named { reference: IMAGE.to_owned(), pull: PullPolicy::Never });
    let port = |address, host_port| Publish { address, host_port, container_port: 8188 };
    let mount =
        |name: &str, read_only| Mount { role: MountRole::Other, source: name.into(), target: format!("/data/{name}"), read_only };
    let awkward =
        |what: &str| AWKWARD.iter().enumerate().map(|(nth, text)| (format!("{what}{nth}"), (*text).to_owned())).collect();
    let health = |probe| Health {
        probe,
        interval: Duration::from_millis(1_500),
        timeout: Duration::from_secs(90),
        retries: 7,
        start_period: Duration::from_secs(3_600),
    };
    let mut full = ServiceSpec {
        command: vec!["sleep".into(), "1000".into()],
        flags: AWKWARD.iter().map(|&text| text.to_owned()).collect(),
        environment: awkward("KEY"),
        user: Some("1000:1001".into()),
        ports: vec![port([127, 0, 0, 1].into(), 18_188), port(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), 18_188)],
        mounts: vec![
            mount("login", true),
            mount("output $x", false),
            Mount { role: MountRole::CustomNodes, ..mount("nodes", false) },
        ],
        health: health(Probe::Command(vec!["test".into(), "$HOME".into()])),
        gpu: Gpu::Count(2),
        limits: Limits { memory: Some(64 << 20), shm: Some(16 << 20), milli_cpus: Some(750), pids: Some(33) },
        restart: Restart::OnFailure(Some(3)),
        stop_grace: Duration::from_secs(75),
        logs: LogRotation { max_bytes: 1_234_567, max_files: 5 },
        capabilities: vec!["CHOWN".into(), "SETUID".into()],
        read_only_root: true,
        labels: awkward("label."),
        ..plain()
    };
    full.labels.insert("run".to_owned(), rig.run.clone());
    let host = ServiceSpec {
        health: health(Probe::Host),
        gpu: Gpu::All,
        restart: Restart::No,
        ports: vec![port([127, 0, 0, 1].into(), 0)],
        command: vec!["true".into()],
        ..plain()
    };
    let ids = ServiceSpec {
        gpu: Gpu::Ids(vec!["0".into(), "GPU-1".into()]),
        restart: Restart::Always,
        command: vec!["true".into()],
        ..plain()
    };
    [full, host, ids]
}

/// What this engine can't make: devices by name, and an image that must be built.
fn only_read() -> ServiceSpec {
    let image = Image::Build {
        tag: "genai-ops-test:built".into(),
        context: "/".into(),
        dockerfile: "Dockerfile".into(),
        args: [("A".to_owned(), "$A".to_owned())].into(),
        secrets: Vec::new(),
    };
    ServiceSpec { gpu: Gpu::Cdi(vec!["nvidia.com/gpu=0".into()]), ..ServiceSpec::new(image) }
}

/// What the specification means, in an engine's words.
fn wanted(stack: &StackSpec) -> Value {
    let spec = &stack.services["comfyui"];
    let (restart, count) = match spec.restart {
        Restart::OnFailure(count) => ("on-failure", count.unwrap_or_default()),
        Restart::No => ("no", 0),
        Restart::Always => ("always", 0),
        _ => ("unless-stopped", 0),
    };
    // The very request that the API is sent, as an engine writes it out.
    let request = |count: i64, ids: &[String]| {
        let capabilities = &device_requests_json(&spec.gpu)[0]["Capabilities"];
        json!([{"Driver": "nvidia", "Count": count, "DeviceIDs": ids, "Capabilities": capabilities}])
    };
    let mounts = spec.mounts.iter().map(|mount| (mount.target.clone(), json!([mount.source, !mount.read_only])));
    let health = spec.health.probe.argv().map_or(json!({"Test": ["NONE"]}), |argv| {
        let test: Vec<String> = std::iter::once("CMD".to_owned()).chain(argv).collect();
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap();
        let health = &spec.health;
        json!({
            "Test": test, "Interval": nanos(health.interval), "Timeout": nanos(health.timeout),
            "Retries": health.retries, "StartPeriod": nanos(health.start_period),
        })
    });
    let ports: Vec<Value> = spec
        .ports
        .iter()
        .map(|port| {
            let host = if port.host_port == 0 { String::new() } else { port.host_port.to_string() };
            json!({"HostIp": port.address.to_string(), "HostPort": host})
        })
        .collect();
    json!({
        "image": IMAGE,
        "command": [&spec.command, &spec.flags],
        "environment": spec.environment,
        "labels": spec.labels,
        "user": spec.user.as_deref().unwrap_or_default(),
        "ports": ports,
        "mounts": mounts.collect::<serde_json::Map<_, _>>(),
        "health": health,
        "gpu": match &spec.gpu {
            Gpu::All => request(-1, &[]),
            Gpu::Count(count) => request(i64::from(*count), &[]),
            Gpu::Ids(ids) => request(0, ids),
            _ => Value::Null,
        },
        "memory": [spec.limits.memory.unwrap_or_default(), spec.limits.memory.unwrap_or_default()],
        "shm": spec.limits.shm.unwrap_or(64 << 20),
        "cpus": spec.limits.milli_cpus.unwrap_or_default() * 1_000_000,
        "pids": spec.limits.pids,
        "restart": [restart, count],
        "stop": spec.stop_grace.as_secs(),
        "logs": {"Type": "json-file", "Config": {
            "max-size": spec.logs.max_bytes.to_string(), "max-file": spec.logs.max_files.to_string(),
        }},
        "kept": spec.capabilities,
        "dropped": ["ALL"],
        "security": ["no-new-privileges:true"],
        "init": true,
        "read only": spec.read_only_root,
        "tmpfs": match spec.read_only_root {
            true => json!({"/tmp": "", "/data/nodes/ComfyUI-Login/__pycache__": ""}),
            false => json!({}),
        },
        "networks": [stack.network()],
    })
}

/// The same of a container that a Compose made.
fn seen(made: &Value, stack: &StackSpec) -> Value {
    let spec = &stack.services["comfyui"];
    let (config, host) = (&made["Config"], &made["HostConfig"]);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let env = list(&config["Env"]).into_iter().filter_map(|one| {
        let (name, value) = one.as_str()?.split_once('=')?;
        spec.environment.contains_key(name).then(|| (name.to_owned(), json!(value)))
    });
    let labels = config["Labels"].as_object().unwrap().iter().filter(|(name, _)| spec.labels.contains_key(*name));
    let mounts = list(&made["Mounts"])
        .into_iter()
        .map(|mount| (mount["Destination"].as_str().unwrap().to_owned(), json!([mount["Source"], mount["RW"]])));
    let mut requests = host["DeviceRequests"].clone();
    if let Some(request) = requests[0].as_object_mut() {
        request.remove("Options");
        let ids = list(&request["DeviceIDs"]);
        request.insert("DeviceIDs".to_owned(), json!(ids));
    }
    let capabilities = |value: &Value| -> Vec<String> {
        list(value).iter().map(|one| one.as_str().unwrap().trim_start_matches("CAP_").to_owned()).collect()
    };
    let restart = &host["RestartPolicy"];
    json!({
        "image": config["Image"],
        "command": [list(&config["Entrypoint"]), list(&config["Cmd"])],
        "environment": env.collect::<serde_json::Map<_, _>>(),
        "labels": labels.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>(),
        "user": config["User"],
        "ports": list(&host["PortBindings"]["8188/tcp"]),
        "mounts": mounts.collect::<serde_json::Map<_, _>>(),
        "health": config["Healthcheck"],
        "gpu": requests,
        "memory": [host["Memory"], host["MemorySwap"]],
        "shm": host["ShmSize"],
        "cpus": host["NanoCpus"],
        "pids": host["PidsLimit"],
        "restart": [restart["Name"], restart["MaximumRetryCount"]],
        "stop": config["StopTimeout"],
        "logs": host["LogConfig"],
        "kept": capabilities(&host["CapAdd"]),
        "dropped": capabilities(&host["CapDrop"]),
        "security": host["SecurityOpt"],
        "init": host["Init"],
        "read only": host["ReadonlyRootfs"],
        "tmpfs": host["Tmpfs"].as_object().map_or(json!({}), |all| json!(all)),
        "networks": made["NetworkSettings"]["Networks"].as_object().unwrap().keys().collect::<Vec<_>>(),
    })
}
