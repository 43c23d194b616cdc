//! Which endpoint is meant: the oracle is Docker's own command line.

use std::{os::unix::net::UnixStream, process::Command};

use docker_ops::{Asked, ErrorKind, Rule};
use libtest_mimic::Trial;

use crate::rig::Rig;

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![rig.trial("the endpoint is the one that docker chooses", |_| async { agree().await })]
}

const DEFAULT: &str = "unix:///var/run/docker.sock";

/// Host of `--host`, name of `--context`, `DOCKER_HOST`, `DOCKER_CONTEXT`, and what `docker context use` chose.
type Said = [Option<&'static str>; 5];

async fn agree() {
    let config = tempfile::tempdir().unwrap();
    let listens = UnixStream::connect(DEFAULT.trim_start_matches("unix://")).is_ok();
    let docker = |args: &[&str]| {
        #[expect(clippy::disallowed_methods, reason = "Docker's own command line is the oracle")]
        let mut docker = Command::new("docker");
        docker.args(args).env("DOCKER_CONFIG", config.path()).env_remove("DOCKER_HOST").env_remove("DOCKER_CONTEXT");
        docker
    };
    for (name, host) in [("far", "tcp://10.0.0.2:2375"), ("boxed", "ssh://ann@box:22")] {
        assert!(docker(&["context", "create", name, "--docker", &format!("host={host}")]).output().unwrap().status.success());
    }
    let hosts = [None, Some("tcp://gpu-box"), Some("nonsense://x")];
    let names = [None, Some("far"), Some("boxed"), Some("absent"), Some("default")];
    for host_flag in hosts {
        for context_flag in names {
            for (host, context, current) in [
                (None, None, None),
                (Some("unix:///x.sock"), Some("far"), None),
                (None, Some("boxed"), Some("far")),
                (None, None, Some("far")),
                (None, Some("absent"), None),
            ] {
                let said: Said = [host_flag, context_flag, host, context, current];
                let config_json = current.map_or("{}".to_owned(), |name| format!(r#"{{"currentContext":"{name}"}}"#));
                std::fs::write(config.path().join("config.json"), config_json).unwrap();
                let own = |text: Option<&str>| text.map(str::to_owned);
                let asked = Asked {
                    host_flag: own(host_flag),
                    context_flag: own(context_flag),
                    host: own(host),
                    context: own(context),
                    config: Some(config.path().to_owned()),
                    ..Asked::default()
                };
                let mut args = Vec::new();
                args.extend(host_flag.iter().flat_map(|host| ["--host", host]));
                args.extend(context_flag.iter().flat_map(|name| ["--context", name]));
                args.extend(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
                let mut theirs = docker(&args);
                theirs.envs(host.map(|host| ("DOCKER_HOST", host))).envs(context.map(|name| ("DOCKER_CONTEXT", name)));
                let theirs = theirs.output().unwrap();
                let theirs = theirs.status.success().then(|| String::from_utf8(theirs.stdout).unwrap().trim().to_owned());
                let ours = asked.choose().await;
                // Docker names its default without a look; here it counts only where somebody listens.
                if theirs.as_deref() == Some(DEFAULT) && !listens {
                    let other = matches!(&ours, Ok(chosen) if matches!(chosen.rule, Rule::Socket(_)));
                    assert!(other || matches!(&ours, Err(error) if error.kind() == ErrorKind::NoEngine), "{said:?}: {ours:?}");
                    continue;
                }
                assert_eq!(ours.ok().map(|chosen| chosen.endpoint.to_string()), theirs, "{said:?}");
            }
        }
    }
}
