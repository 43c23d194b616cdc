//! `compose.yaml`, for Compose 1.29 and 2 alike.

use std::{net::IpAddr, time::Duration};

use super::yaml::{Yaml, quoted};
use crate::{
    Gpu, Health, Image, Limits, LogRotation, Mount, Publish, PullPolicy, Restart, ServiceSpec, StackSpec, create::whole_seconds,
    gpu::CAPABILITIES,
};

/// How the first line of every file begins that [`compose`] made, so that a file of somebody else's is told apart.
pub const WRITTEN_BY: &str = "# Written by genai-stack";

/// The rest of the comment at the head.
const HEAD: &str = "\
Written by genai-stack from `[stack]` in genai.toml: change that file, and write this one anew.

It holds no secret, and must not get one: the credential is the folder that is mounted as ComfyUI's `login`.
The health check asks without a credential and is well only if it is refused.
";

/// The stack as `compose.yaml`. The same stack gives the same bytes.
///
/// Values are written as they are meant: each `$` is doubled, so that Compose puts nothing in its place. What Compose 1.29 can't say is
/// left to the command line: the project's name, where it is not that of the folder.
#[must_use]
pub fn compose(stack: &StackSpec) -> String {
    let mut head = HEAD.to_owned();
    if StackSpec::project_of(&stack.working_dir) != stack.project {
        head += &format!("\nIts project is not called as its folder is: docker compose --project-name {} …\n", stack.project);
    }
    let mut yaml = Yaml::new(&head);
    yaml.map("services", |yaml| {
        for (name, spec) in &stack.services {
            yaml.map(&quoted(name), |yaml| service(yaml, spec));
        }
    });
    yaml.map("networks", |yaml| yaml.map("default", |yaml| yaml.text("name", &stack.network())));
    yaml.finish()
}

fn service(yaml: &mut Yaml, spec: &ServiceSpec) {
    image(yaml, &spec.image);
    if let Some(user) = &spec.user {
        yaml.text("user", &escaped(user));
    }
    for (key, words) in [("entrypoint", &spec.command), ("command", &spec.flags)] {
        yaml.list(key, &words.iter().map(|word| escaped(word)).collect::<Vec<_>>());
    }
    for (key, map) in [("environment", &spec.environment), ("labels", &spec.labels)] {
        if !map.is_empty() {
            yaml.map(key, |yaml| map.iter().for_each(|(name, value)| yaml.text(&quoted(name), &escaped(value))));
        }
    }
    if !spec.ports.is_empty() {
        yaml.map("ports", |yaml| spec.ports.iter().for_each(|port| yaml.item(&published(port))));
    }
    if !spec.mounts.is_empty() {
        yaml.map("volumes", |yaml| spec.mounts.iter().for_each(|one| yaml.entry(|yaml| mount(yaml, one))));
    }
    health(yaml, &spec.health);
    gpu(yaml, &spec.gpu);
    limits(yaml, &spec.limits);
    yaml.plain("restart", restart(spec.restart));
    yaml.plain("init", true);
    yaml.plain("stop_grace_period", format_args!("{}s", whole_seconds(spec.stop_grace)));
    yaml.list("cap_drop", &["ALL".to_owned()]);
    yaml.list("cap_add", &spec.capabilities);
    yaml.list("security_opt", &["no-new-privileges:true".to_owned()]);
    if spec.read_only_root {
        yaml.plain("read_only", true);
    }
    yaml.list("tmpfs", &spec.emptied().iter().map(|path| escaped(path)).collect::<Vec<_>>());
    logs(yaml, &spec.logs);
}

fn image(yaml: &mut Yaml, image: &Image) {
    match image {
        Image::Named { reference, pull } => {
            yaml.text("image", &escaped(reference));
            match pull {
                PullPolicy::Missing => {}
                PullPolicy::Never => yaml.plain("pull_policy", "never"),
                PullPolicy::Always => yaml.plain("pull_policy", "always"),
            }
        }
        Image::Build { tag, context, dockerfile, args, .. } => {
            yaml.text("image", &escaped(tag));
            yaml.map("build", |yaml| {
                yaml.text("context", &escaped(&context.to_string_lossy()));
                yaml.text("dockerfile", &escaped(dockerfile));
                if !args.is_empty() {
                    yaml.map("args", |yaml| {
                        args.iter().for_each(|(name, value)| yaml.text(&quoted(name), &escaped(value)));
                    });
                }
            });
        }
    }
}

/// The short form: the long one can't name an address in Compose 1.29.
fn published(port: &Publish) -> String {
    let address = match port.address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    // No port of the host means any.
    let host = if port.host_port == 0 { String::new() } else { port.host_port.to_string() };
    format!("{address}:{host}:{}/tcp", port.container_port)
}

/// The long form: an absent folder is then an error of Compose 1.29, rather than made for root.
fn mount(yaml: &mut Yaml, mount: &Mount) {
    yaml.plain("type", "bind");
    yaml.text("source", &escaped(&mount.source.to_string_lossy()));
    yaml.text("target", &escaped(&mount.target));
    if mount.read_only {
        yaml.plain("read_only", true);
    }
}

/// Without a probe of ours the image's own is off too: it knows no credential, and would call a guarded server sick.
fn health(yaml: &mut Yaml, health: &Health) {
    let Some(argv) = health.probe.argv() else {
        return yaml.map("healthcheck", |yaml| yaml.plain("disable", true));
    };
    yaml.map("healthcheck", |yaml| {
        let test: Vec<String> = std::iter::once("CMD".to_owned()).chain(argv.iter().map(|word| escaped(word))).collect();
        yaml.list("test", &test);
        yaml.plain("interval", duration(health.interval));
        yaml.plain("timeout", duration(health.timeout));
        yaml.plain("retries", health.retries);
        yaml.plain("start_period", duration(health.start_period));
    });
}

/// Devices of the Container Device Interface go where Compose 2 takes them by name; an engine older than 25 refuses them there.
fn gpu(yaml: &mut Yaml, gpu: &Gpu) {
    let reserve = |yaml: &mut Yaml, which: &dyn Fn(&mut Yaml)| {
        yaml.map("deploy", |yaml| {
            yaml.map("resources", |yaml| {
                yaml.map("reservations", |yaml| {
                    yaml.map("devices", |yaml| {
                        yaml.entry(|yaml| {
                            yaml.plain("driver", "nvidia");
                            which(yaml);
                            yaml.list("capabilities", &CAPABILITIES.map(str::to_owned));
                        });
                    });
                });
            });
        });
    };
    match gpu {
        Gpu::None => {}
        Gpu::All => reserve(yaml, &|yaml| yaml.plain("count", "all")),
        Gpu::Count(count) => reserve(yaml, &|yaml| yaml.plain("count", count)),
        Gpu::Ids(ids) => reserve(yaml, &|yaml| yaml.list("device_ids", ids)),
        Gpu::Cdi(names) => yaml.list("devices", names),
    }
}

fn limits(yaml: &mut Yaml, limits: &Limits) {
    if let Some(memory) = limits.memory {
        yaml.plain("mem_limit", memory);
        // The same as memory means no swap beside it.
        yaml.plain("memswap_limit", memory);
    }
    if let Some(shm) = limits.shm {
        yaml.plain("shm_size", shm);
    }
    if let Some(milli) = limits.milli_cpus {
        yaml.plain("cpus", format_args!("{}.{:03}", milli / 1000, milli % 1000));
    }
    if let Some(pids) = limits.pids {
        yaml.plain("pids_limit", pids);
    }
}

fn restart(restart: Restart) -> String {
    match restart {
        Restart::No => "\"no\"".to_owned(),
        Restart::OnFailure(None) => "on-failure".to_owned(),
        Restart::OnFailure(Some(count)) => format!("\"on-failure:{count}\""),
        Restart::Always => "always".to_owned(),
        Restart::UnlessStopped => "unless-stopped".to_owned(),
    }
}

/// Sizes in bytes: `10m` means another number here than elsewhere.
fn logs(yaml: &mut Yaml, logs: &LogRotation) {
    yaml.map("logging", |yaml| {
        yaml.plain("driver", "json-file");
        yaml.map("options", |yaml| {
            yaml.text("max-size", &logs.max_bytes.to_string());
            yaml.text("max-file", &logs.max_files.to_string());
        });
    });
}

/// Whole seconds where they are whole, else milliseconds: an engine counts nothing finer.
pub(super) fn duration(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// With every `$` doubled, which Compose would put a variable in place of.
pub(super) fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

#[cfg(test)]
mod tests;
