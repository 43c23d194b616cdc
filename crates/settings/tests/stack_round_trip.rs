//! Whatever `[stack]` says comes out of `compose.yaml` again: text → specification → YAML → specification.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fmt::Write, path::PathBuf, time::Duration};

use docker_ops::{
    Gpu, Health, Image, Limits, LogRotation, Mount, MountRole, Probe, Publish, PullPolicy, Restart, ServiceSpec, StackSpec,
};
use proptest::{collection, option, prelude::*, sample};
use serde_norway::Value;
use settings::{Flags, Settings, World};

proptest! {
    #[test]
    fn what_is_written_comes_out_of_the_yaml_again(table in table()) {
        let project = tempfile::tempdir().unwrap();
        std::fs::write(project.path().join("genai.toml"), format!("[service.s.stack]\n{table}")).unwrap();
        let world = World::for_tests(project.path());
        let stack = Settings::stack_spec(&Settings::load_stack(&Flags::default(), &world).unwrap()).unwrap();
        let yaml: Value = serde_norway::from_str(&docker_ops::render::compose(&stack)).unwrap();
        prop_assert_eq!(&yaml["networks"]["default"]["name"], &Value::from(stack.network()));
        let mut spec = stack.services["s"].clone();
        // The file says nothing of these.
        (spec.allow_public, spec.replicas) = (false, 1);
        if let Image::Build { secrets, .. } = &mut spec.image {
            secrets.clear();
        }
        // Compose counts no less than seconds.
        spec.stop_grace = Duration::from_secs_f64(spec.stop_grace.as_secs_f64().ceil());
        let read = read(&yaml["services"]["s"], &stack);
        prop_assert_eq!(read, spec);
    }
}

/// Lines of `[stack]`, each of them there or not.
fn table() -> impl Strategy<Value = String> {
    let text = || ".{0,12}".prop_map(|text| quoted(&text));
    let word =
        || sample::select(vec!["a", "$HOME", "${X:-y}", "$$", "yes", "1_0", "12:30", "~", "- x", "a: b", "#", "\u{85}", "", " "]);
    let words = move || collection::vec(word().prop_map(quoted), 0..4).prop_map(|words| format!("[{}]", words.join(", ")));
    let map = move || {
        collection::btree_map(text(), text(), 0..3).prop_map(|map| {
            let entries: Vec<String> = map.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            format!("{{ {} }}", entries.join(", "))
        })
    };
    let size = || (7_u64 << 20..1 << 50).prop_map(|bytes| bytes.to_string());
    let length = || (1_u64..10_000_000).prop_map(|millis| format!("'{millis}ms'"));
    let choice = |of: &'static [&'static str]| sample::select(of).prop_map(str::to_owned);
    let line = |key: &'static str, value: BoxedStrategy<String>| {
        option::of(value).prop_map(move |value| value.map(|value| format!("{key} = {value}\n")).unwrap_or_default())
    };
    let lines = vec![
        line("command", words().boxed()).boxed(),
        line("flags", words().boxed()).boxed(),
        line("environment", map().boxed()).boxed(),
        line("labels", map().boxed()).boxed(),
        line("user", text().boxed()).boxed(),
        line("replicas", choice(&["1", "3"]).boxed()).boxed(),
        line("port", any::<u16>().prop_map(|port| port.to_string()).boxed()).boxed(),
        line("address", choice(&["'127.0.0.1'", "'::1'", "'0.0.0.0'"]).boxed()).boxed(),
        line("container_port", (1_u16..).prop_map(|port| port.to_string()).boxed()).boxed(),
        line("allow_public", choice(&["true", "false"]).boxed()).boxed(),
        prop_oneof![
            line("gpus", choice(&["'all'", "2", "['0', 'GPU-1']"]).boxed()),
            line("cdi", choice(&["['nvidia.com/gpu=0']"]).boxed())
        ]
        .boxed(),
        line("memory", size().boxed()).boxed(),
        line("shm", size().boxed()).boxed(),
        line("cpus", (1_u64..1_000_000).prop_map(|milli| format!("{}.{:03}", milli / 1000, milli % 1000)).boxed()).boxed(),
        line("pids", (1_u32..).prop_map(|pids| pids.to_string()).boxed()).boxed(),
        line("restart", choice(&["'no'", "'always'", "'unless-stopped'", "'on-failure'", "'on-failure:7'"]).boxed()).boxed(),
        line("stop_grace", length().boxed()).boxed(),
        line("capabilities", choice(&["['CHOWN', 'SETUID']", "[]"]).boxed()).boxed(),
        line("read_only_root", choice(&["true", "false"]).boxed()).boxed(),
        line("mounts.models", text().boxed()).boxed(),
        line("mounts.user", Just("false".to_owned()).boxed()).boxed(),
        line("mounts.extra", text().prop_map(|text| format!("[{{ source = {text}, target = {text} }}]")).boxed()).boxed(),
        line("health.probe", choice(&["'host'", "'python'", "['true', '$X']"]).boxed()).boxed(),
        line("health.interval", length().boxed()).boxed(),
        line("health.retries", (1_u32..).prop_map(|count| count.to_string()).boxed()).boxed(),
        line("logs.max_size", size().boxed()).boxed(),
        line("logs.max_files", (1_u32..).prop_map(|count| count.to_string()).boxed()).boxed(),
        prop_oneof![
            (text(), choice(&["'never'", "'always'", "'missing'"]))
                .prop_map(|(image, pull)| format!("image = {image}\npull = {pull}\n")),
            (text(), text(), map())
                .prop_map(|(tag, context, args)| format!("build = {{ tag = {tag}, context = {context}, args = {args} }}\n"))
        ]
        .boxed(),
    ];
    lines.prop_map(|lines| lines.concat())
}

/// As a basic string of TOML.
fn quoted(text: impl AsRef<str>) -> String {
    let mut quoted = String::from("\"");
    for sign in text.as_ref().chars() {
        match sign {
            ' '..='~' if !matches!(sign, '"' | '\\') => quoted.push(sign),
            _ => write!(quoted, "\\U{:08x}", u32::from(sign)).unwrap(),
        }
    }
    quoted.push('"');
    quoted
}

/// A service of `compose.yaml`, as Compose understands it.
fn read(yaml: &Value, stack: &StackSpec) -> ServiceSpec {
    let usual = ServiceSpec::new(Image::Named { reference: text(&yaml["image"]), pull: PullPolicy::Missing });
    let devices = &yaml["deploy"]["resources"]["reservations"]["devices"][0];
    let health = &yaml["healthcheck"];
    assert_eq!(texts(&yaml["security_opt"]), ["no-new-privileges:true"]);
    assert_eq!(texts(&yaml["cap_drop"]), ["ALL"]);
    assert_eq!((&yaml["init"], &yaml["mem_limit"]), (&Value::from(true), &yaml["memswap_limit"]));
    let compiled = "/opt/ComfyUI/custom_nodes/ComfyUI-Login/__pycache__".to_owned();
    let emptied = (yaml["read_only"] == true).then(|| "/tmp".to_owned()).into_iter().chain([compiled]);
    assert_eq!(texts(&yaml["tmpfs"]), emptied.collect::<Vec<_>>());
    ServiceSpec {
        image: match &yaml["build"] {
            Value::Null => {
                let pull = match yaml["pull_policy"].as_str() {
                    Some("never") => PullPolicy::Never,
                    Some("always") => PullPolicy::Always,
                    _ => PullPolicy::Missing,
                };
                Image::Named { reference: text(&yaml["image"]), pull }
            }
            build => Image::Build {
                tag: text(&yaml["image"]),
                context: text(&build["context"]).into(),
                dockerfile: text(&build["dockerfile"]),
                args: map(&build["args"]),
                secrets: Vec::new(),
            },
        },
        command: texts(&yaml["entrypoint"]),
        flags: texts(&yaml["command"]),
        environment: map(&yaml["environment"]),
        labels: map(&yaml["labels"]),
        user: yaml["user"].as_str().map(|_| text(&yaml["user"])),
        ports: list(&yaml["ports"]).map(port).collect(),
        mounts: list(&yaml["volumes"]).map(|volume| mount(volume, stack)).collect(),
        health: match health["test"].as_sequence() {
            // What is off has no times; the specification's own are taken.
            None => Health { probe: Probe::Host, ..stack.services["s"].health.clone() },
            Some(_) => Health {
                probe: probe(&texts(&health["test"])[1..]),
                interval: length(&health["interval"]),
                timeout: length(&health["timeout"]),
                retries: number(&health["retries"]).unwrap(),
                start_period: length(&health["start_period"]),
            },
        },
        gpu: match (&devices["count"], &devices["device_ids"], &yaml["devices"]) {
            (Value::Null, Value::Null, Value::Null) => Gpu::None,
            (Value::Null, Value::Null, names) => Gpu::Cdi(texts(names)),
            (Value::Null, ids, _) => Gpu::Ids(texts(ids)),
            (Value::String(all), ..) if all == "all" => Gpu::All,
            (count, ..) => Gpu::Count(number(count).unwrap()),
        },
        limits: Limits {
            memory: number(&yaml["mem_limit"]),
            shm: number(&yaml["shm_size"]),
            milli_cpus: yaml["cpus"].as_f64().map(|cpus| (cpus * 1000.0).round() as u64),
            pids: number(&yaml["pids_limit"]),
        },
        restart: match (text(&yaml["restart"]).as_str(), text(&yaml["restart"]).strip_prefix("on-failure:")) {
            ("no", _) => Restart::No,
            ("always", _) => Restart::Always,
            ("on-failure", _) => Restart::OnFailure(None),
            (_, Some(count)) => Restart::OnFailure(Some(count.parse().unwrap())),
            _ => Restart::UnlessStopped,
        },
        stop_grace: length(&yaml["stop_grace_period"]),
        logs: LogRotation {
            max_bytes: text(&yaml["logging"]["options"]["max-size"]).parse().unwrap(),
            max_files: text(&yaml["logging"]["options"]["max-file"]).parse().unwrap(),
        },
        capabilities: texts(&yaml["cap_add"]),
        read_only_root: yaml["read_only"] == true,
        ..usual
    }
}

/// A text with Compose's doubled signs put back; one that is single would be a variable.
fn text(yaml: &Value) -> String {
    let text = yaml.as_str().unwrap();
    assert!(!text.replace("$$", "").contains('$'), "{text}");
    text.replace("$$", "$")
}

fn list(yaml: &Value) -> impl Iterator<Item = &Value> {
    yaml.as_sequence().into_iter().flatten()
}

fn texts(yaml: &Value) -> Vec<String> {
    list(yaml).map(text).collect()
}

fn map(yaml: &Value) -> BTreeMap<String, String> {
    // Compose puts nothing in place of names.
    yaml.as_mapping().into_iter().flatten().map(|(name, value)| (name.as_str().unwrap().to_owned(), text(value))).collect()
}

fn number<T: TryFrom<u64>>(yaml: &Value) -> Option<T> {
    yaml.as_u64().and_then(|number| number.try_into().ok())
}

fn length(yaml: &Value) -> Duration {
    let text = text(yaml);
    match text.strip_suffix("ms") {
        Some(millis) => Duration::from_millis(millis.parse().unwrap()),
        None => Duration::from_secs(text.strip_suffix('s').unwrap().parse().unwrap()),
    }
}

fn port(yaml: &Value) -> Publish {
    let text = text(yaml);
    let mut parts = text.strip_suffix("/tcp").unwrap().rsplitn(3, ':');
    let container_port = parts.next().unwrap().parse().unwrap();
    let host_port = parts.next().unwrap().parse().unwrap_or(0);
    let address = parts.next().unwrap().trim_start_matches('[').trim_end_matches(']').parse().unwrap();
    Publish { address, host_port, container_port }
}

/// What a mount is for can only be told from the specification.
fn mount(yaml: &Value, stack: &StackSpec) -> Mount {
    assert_eq!(yaml["type"], "bind");
    let (source, target) = (PathBuf::from(text(&yaml["source"])), text(&yaml["target"]));
    let like = stack.services["s"].mounts.iter().find(|mount| mount.target == target);
    Mount { role: like.map_or(MountRole::Other, |mount| mount.role), source, target, read_only: yaml["read_only"] == true }
}

fn probe(argv: &[String]) -> Probe {
    match argv {
        [interpreter, flag, _, port] if flag == "-c" => {
            let probe = Probe::Python { interpreter: interpreter.clone(), port: port.parse().unwrap() };
            assert_eq!(probe.argv().unwrap(), argv);
            probe
        }
        argv => Probe::Command(argv.to_vec()),
    }
}
