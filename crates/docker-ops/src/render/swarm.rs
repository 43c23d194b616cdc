//! A stack file for `docker stack deploy`.

use super::{
    WRITTEN_BY,
    compose::{duration, escaped},
    yaml::{Yaml, quoted},
};
use crate::{
    ApiVersion, Error, MountRole, Restart, ServiceSpec, StackSpec,
    swarm::{
        Desired, GPU_KIND, NAMESPACE, PASSWORD_OF, Passwords, SERVICE, check,
        desired::{MONITOR, RESTART_DELAY, capability, cards_each, login, owner, reference},
        plan::replicas,
        secret_name,
    },
};

/// The rest of the comment at the head.
const HEAD: &str = "from `[stack]` in genai.toml: change that file, and write this one anew.

It holds no secret. Each PASSWORD is a secret of the Swarm, whose name ends in its version; give it to the Swarm first:
";

/// The stack as a stack file, in the form of version 3.9, which Docker's command line takes from 20.10 on. The same stack and PASSWORDs
/// give the same bytes; of a PASSWORD only its version is in them.
///
/// # Errors
/// Those of [`Desired::new`]: what can't be applied is not drawn either.
pub fn swarm(stack: &StackSpec, passwords: &Passwords) -> Result<String, Error> {
    // The file has no words for what came to the API later.
    let api = ApiVersion::OLDEST;
    Desired::new(stack, passwords, api)?;
    let mut yaml = Yaml::new(&head(stack, passwords, api));
    yaml.text("version", "3.9");
    yaml.map("services", |yaml| {
        for (name, spec) in &stack.services {
            yaml.map(&quoted(name), |yaml| service(yaml, name, spec));
        }
    });
    yaml.map("networks", |yaml| {
        yaml.map("default", |yaml| {
            yaml.text("name", &stack.network());
            yaml.plain("driver", "overlay");
        });
    });
    if !passwords.is_empty() {
        yaml.map("secrets", |yaml| {
            for (name, file) in passwords {
                yaml.map(&quoted(&source(name)), |yaml| {
                    yaml.text("name", &secret_name(&stack.project, name, &file.version()));
                    yaml.plain("external", true);
                });
            }
        });
    }
    Ok(yaml.finish())
}

fn head(stack: &StackSpec, passwords: &Passwords, api: ApiVersion) -> String {
    let mut head = format!("{} {HEAD}", WRITTEN_BY.trim_start_matches("# "));
    for (name, file) in passwords {
        let folder =
            stack.services.get(name).and_then(|service| service.mounts.iter().find(|mount| mount.role == MountRole::Login));
        let folder = folder.map(|mount| mount.source.display().to_string()).unwrap_or_default();
        let secret = secret_name(&stack.project, name, &file.version());
        let labels = [(NAMESPACE, &stack.project), (PASSWORD_OF, name)].map(|(label, value)| format!("--label {label}={value}"));
        head += &format!("  docker secret create {} {secret} {}/PASSWORD\n", labels.join(" "), folder.escape_debug());
    }
    head += &format!("Then: docker stack deploy --compose-file THIS_FILE {}\n", stack.project);
    let notes = check(stack, api);
    if !notes.is_empty() {
        head += "\nWhat a Swarm can't do, or does in another way:\n";
        notes.iter().for_each(|note| head += &format!("  {note}\n    {}\n", note.hint));
    }
    head
}

/// How the file calls a service's PASSWORD.
fn source(service: &str) -> String {
    format!("{service}-password")
}

fn service(yaml: &mut Yaml, name: &str, spec: &ServiceSpec) {
    yaml.text("image", &escaped(reference(&spec.image)));
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
    ports(yaml, spec);
    secret(yaml, name, spec);
    volumes(yaml, spec);
    health(yaml, spec);
    yaml.plain("init", true);
    yaml.plain("stop_grace_period", duration(spec.stop_grace));
    yaml.list("cap_drop", &["ALL".to_owned()]);
    yaml.list("cap_add", &spec.capabilities.iter().map(|name| capability(name)).collect::<Vec<_>>());
    if spec.read_only_root {
        yaml.plain("read_only", true);
    }
    yaml.map("logging", |yaml| {
        yaml.plain("driver", "json-file");
        yaml.map("options", |yaml| {
            yaml.text("max-size", &spec.logs.max_bytes.to_string());
            yaml.text("max-file", &spec.logs.max_files.to_string());
        });
    });
    yaml.map("deploy", |yaml| deploy(yaml, name, spec));
}

/// Only what may stand open to all: a Swarm can't publish on one address.
fn ports(yaml: &mut Yaml, spec: &ServiceSpec) {
    let mut open = spec.ports.iter().filter(|port| port.address.is_unspecified()).peekable();
    if open.peek().is_none() {
        return;
    }
    yaml.map("ports", |yaml| {
        for port in open {
            yaml.entry(|yaml| {
                yaml.plain("target", port.container_port);
                if port.host_port != 0 {
                    yaml.plain("published", port.host_port);
                }
                yaml.plain("protocol", "tcp");
                yaml.plain("mode", "ingress");
            });
        }
    });
}

fn secret(yaml: &mut Yaml, name: &str, spec: &ServiceSpec) {
    let Some(login) = login(spec) else { return };
    let (uid, gid, mode) = owner(spec);
    yaml.map("secrets", |yaml| {
        yaml.entry(|yaml| {
            yaml.text("source", &source(name));
            yaml.text("target", &escaped(&format!("{login}/PASSWORD")));
            yaml.text("uid", &uid);
            yaml.text("gid", &gid);
            // In tens: readers disagree about how octal numbers are written.
            yaml.plain("mode", mode);
        });
    });
}

fn volumes(yaml: &mut Yaml, spec: &ServiceSpec) {
    let mut folders = spec.mounts.iter().filter(|mount| mount.role != MountRole::Login).peekable();
    let emptied = spec.emptied();
    if folders.peek().is_none() && spec.limits.shm.is_none() && emptied.is_empty() {
        return;
    }
    let memory = |yaml: &mut Yaml, target: &str| {
        yaml.plain("type", "tmpfs");
        yaml.text("target", target);
    };
    yaml.map("volumes", |yaml| {
        for mount in folders {
            yaml.entry(|yaml| {
                yaml.plain("type", "bind");
                yaml.text("source", &escaped(&mount.source.to_string_lossy()));
                yaml.text("target", &escaped(&mount.target));
                if mount.read_only {
                    yaml.plain("read_only", true);
                }
            });
        }
        if let Some(size) = spec.limits.shm {
            yaml.entry(|yaml| {
                memory(yaml, "/dev/shm");
                yaml.map("tmpfs", |yaml| yaml.plain("size", size));
            });
        }
        for path in emptied {
            yaml.entry(|yaml| memory(yaml, &escaped(&path)));
        }
    });
}

fn health(yaml: &mut Yaml, spec: &ServiceSpec) {
    let health = &spec.health;
    yaml.map("healthcheck", |yaml| {
        let Some(argv) = health.probe.argv() else { return yaml.plain("disable", true) };
        let test: Vec<String> = std::iter::once("CMD".to_owned()).chain(argv.iter().map(|word| escaped(word))).collect();
        yaml.list("test", &test);
        yaml.plain("interval", duration(health.interval));
        yaml.plain("timeout", duration(health.timeout));
        yaml.plain("retries", health.retries);
        yaml.plain("start_period", duration(health.start_period));
    });
}

fn deploy(yaml: &mut Yaml, name: &str, spec: &ServiceSpec) {
    yaml.map("labels", |yaml| yaml.text(SERVICE, name));
    yaml.plain("replicas", replicas(spec));
    let limits = &spec.limits;
    let limited = limits.memory.is_some() || limits.milli_cpus.is_some() || limits.pids.is_some();
    let cards = cards_each(&spec.gpu);
    if limited || cards > 0 {
        yaml.map("resources", |yaml| {
            if limited {
                yaml.map("limits", |yaml| {
                    if let Some(milli) = limits.milli_cpus {
                        yaml.text("cpus", &format!("{}.{:03}", milli / 1000, milli % 1000));
                    }
                    if let Some(memory) = limits.memory {
                        yaml.text("memory", &memory.to_string());
                    }
                    if let Some(pids) = limits.pids {
                        yaml.plain("pids", pids);
                    }
                });
            }
            if cards > 0 {
                yaml.map("reservations", |yaml| {
                    yaml.map("generic_resources", |yaml| {
                        yaml.entry(|yaml| {
                            yaml.map("discrete_resource_spec", |yaml| {
                                yaml.text("kind", GPU_KIND);
                                yaml.plain("value", cards);
                            });
                        });
                    });
                });
            }
        });
    }
    yaml.map("update_config", |yaml| {
        yaml.plain("parallelism", 1);
        yaml.plain("order", "stop-first");
        yaml.plain("failure_action", "pause");
        yaml.plain("monitor", duration(MONITOR));
    });
    yaml.map("restart_policy", |yaml| {
        let (condition, attempts) = match spec.restart {
            Restart::No => ("none", None),
            Restart::OnFailure(attempts) => ("on-failure", attempts),
            Restart::Always | Restart::UnlessStopped => ("any", None),
        };
        yaml.plain("condition", condition);
        yaml.plain("delay", duration(RESTART_DELAY));
        if let Some(attempts) = attempts {
            yaml.plain("max_attempts", attempts);
        }
    });
}

#[cfg(test)]
mod tests;
