//! The real Docker reads what we write: `.env`, `env_file:`, `format: raw` and `environment:` through `config`, and through
//! `create` into a container's configuration, byte for byte, for a salt of each kind.
//!
//! Runs only with `GENAI_LIVE_DOCKER=1`, which says that a Docker Engine and Compose 2, both as `docker compose` and as
//! `docker-compose`, are there: then their absence is a failure. Compose 1 is tried too where it is installed. Nothing is pulled
//! and nothing is started: the image is empty.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use auth_core::{BcryptHash, LoginToken, Password};
use libtest_mimic::{Arguments, Completion, Trial};
use token_sync::{Caller, Dialect, Plan, Target, Workspace};

const IMAGE: &str = "genai-auth-live-test";
const COMPOSE_FILE: &str = "\
services:
  comfyui:
    image: genai-auth-live-test
    command: [never-started]
    network_mode: none
    env_file:
      - ./app.env
RAW    environment:
      FROM_DOTENV: ${TOKEN} # not touched
";
const RAW: &str = "      - path: ./raw.env\n        format: raw\n";

/// An installed Compose.
#[derive(Clone)]
struct Compose {
    command: Vec<PathBuf>,
    version: String,
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    let trials = if variable("GENAI_LIVE_DOCKER").as_deref() == Some("1") {
        let mut trials: Vec<Trial> = programs().into_iter().map(trial).collect();
        trials.push(Trial::test("both forms of Compose 2 are installed", || {
            let forms: Vec<_> = programs().iter().filter(|one| one.major() == 2).map(|one| one.command.len()).collect();
            (forms.contains(&1) && forms.contains(&2))
                .then_some(())
                .ok_or("`docker compose` or `docker-compose` is absent".into())
        }));
        trials.push(Trial::test("docker create --env-file", || {
            docker_env_file();
            Ok(())
        }));
        trials
    } else {
        let reason = "it needs Docker Engine and Compose 2: set GENAI_LIVE_DOCKER=1 where they are";
        vec![Trial::ignorable_test("the real Docker reads what is written", move || Ok(Completion::ignored_with(reason)))]
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

#[expect(clippy::disallowed_methods, reason = "asked for by name in the environment, since it needs programs")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `docker compose`, and every `docker-compose` of the path.
fn programs() -> Vec<Compose> {
    let path = variable("PATH").unwrap_or_default();
    // On many systems `/bin` is `/usr/bin`: the same program is taken once.
    let alone: BTreeSet<_> =
        std::env::split_paths(&path).filter_map(|folder| folder.join("docker-compose").canonicalize().ok()).collect();
    std::iter::once(vec!["docker".into(), "compose".into()])
        .chain(alone.into_iter().map(|program| vec![program]))
        .filter_map(|command| {
            let version =
                Compose { command: command.clone(), version: String::new() }.run(Path::new("."), &["version", "--short"])?;
            Some(Compose { command, version: version.trim().trim_start_matches('v').to_owned() })
        })
        .collect()
}

fn trial(compose: Compose) -> Trial {
    let form = if compose.command.len() == 2 { "docker compose" } else { "docker-compose" };
    Trial::test(format!("{form} {}", compose.version), move || {
        for token in tokens() {
            compose.agrees(&token);
        }
        Ok(())
    })
}

/// First signs of the salt: lower, upper, digit, `.`, `/`.
fn tokens() -> [LoginToken; 5] {
    let password = Password::new("made-up").unwrap();
    [28u8, 2, 54, 0, 1].map(|first| LoginToken::from(BcryptHash::of(&password, 4, [first << 2; 16]).unwrap()))
}

impl Compose {
    fn major(&self) -> u32 {
        self.number(0)
    }

    /// Compose learnt `format: raw` in 2.30.
    fn knows_raw(&self) -> bool {
        (self.major(), self.number(1)) >= (2, 30)
    }

    fn number(&self, place: usize) -> u32 {
        self.version.split(['.', '-', '+']).nth(place).and_then(|part| part.parse().ok()).unwrap_or(0)
    }

    fn run(&self, folder: &Path, arguments: &[&str]) -> Option<String> {
        let all: Vec<&OsStr> = self.command[1..].iter().map(AsRef::as_ref).chain(arguments.iter().map(AsRef::as_ref)).collect();
        let output = output(self.command[0].as_os_str(), &all, folder, &[])?;
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Writes `token` to all that this Compose reads, and compares what its containers would get.
    fn agrees(&self, token: &LoginToken) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let file = COMPOSE_FILE.replace("RAW", if self.knows_raw() { RAW } else { "" });
        std::fs::write(at("docker-compose.yml"), &file).unwrap();
        std::fs::write(at("app.env"), "# env of the service\nB='x y'\n").unwrap();
        let target = |name: &str, dialect, key| Target::new(at(name), dialect, Some(key)).unwrap();
        let (mut targets, mut names) = (Vec::new(), vec!["FROM_DOTENV", "FROM_ENV_FILE", "FROM_YAML"]);
        let [dotenv, env_file, yaml] = match self.major() {
            1 => [Dialect::ComposeV1, Dialect::ComposeV1, Dialect::ComposeYamlV1],
            _ => [Dialect::ComposeV2, Dialect::ComposeV2EnvFile, Dialect::ComposeYamlV2],
        };
        targets.push(target(".env", dotenv, "TOKEN"));
        targets.push(target("app.env", env_file, "FROM_ENV_FILE"));
        targets.push(target("docker-compose.yml", yaml, "comfyui.FROM_YAML"));
        if self.knows_raw() {
            targets.push(target("raw.env", Dialect::ComposeV2EnvFileRaw, "FROM_RAW"));
            names.push("FROM_RAW");
        }
        write(folder.path(), token, &targets);
        assert!(std::fs::read_to_string(at("docker-compose.yml")).unwrap().starts_with(file.trim_end()), "all else stays");

        let seen = self.run(folder.path(), &["config"]).expect("compose takes the files");
        let doubled = token.expose().replace('$', "$$"); // `config` prints what could be read again
        for name in &names {
            let line = seen.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default();
            assert!(line.trim_matches(['\'', '"']) == doubled, "`config`: {name} differs");
        }

        image();
        let project = format!("genai-live-{}-{}", std::process::id(), folder.path().file_name().unwrap().to_string_lossy());
        let project = project.to_lowercase().replace('.', "");
        self.run(folder.path(), &["-p", &project, "create"]).expect("compose creates the container");
        let filter = format!("label=com.docker.compose.project={project}");
        let container = docker(&["ps", "--all", "--quiet", "--filter", &filter], &[]);
        assert_holds(container.trim(), &names, token);
    }
}

/// `docker create --env-file`, which takes values bare.
fn docker_env_file() {
    image();
    for token in tokens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bare.env");
        write(folder.path(), &token, &[Target::new(&path, Dialect::DockerEnvFile, Some("FROM_DOCKER")).unwrap()]);
        let container = docker(&["create", "--network=none", "--env-file", path.to_str().unwrap(), IMAGE, "never-started"], &[]);
        assert_holds(container.trim(), &["FROM_DOCKER"], &token);
    }
}

fn write(folder: &Path, token: &LoginToken, targets: &[Target]) {
    let mut workspace = Workspace::open(&folder.join(".secrets"), &Caller::new("test", "now", [7; 16])).unwrap();
    let _ = workspace.apply(Plan::make(token, "ann", targets).unwrap()).unwrap();
}

/// An image without a file, so that nothing needs to be pulled. Importing it again changes nothing.
fn image() {
    docker(&["import", "-", IMAGE], &[0; 1024]);
}

/// Removes the container, and compares the variables that it would have started with.
fn assert_holds(container: &str, names: &[&str], token: &LoginToken) {
    let variables = docker(&["inspect", "--format", "{{json .Config.Env}}", container], &[]);
    docker(&["rm", "--force", container], &[]);
    let variables: Vec<String> = serde_json::from_str(&variables).unwrap();
    for name in names {
        let value = variables.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        assert!(value == Some(token.expose()), "the container's {name} differs");
    }
}

fn docker(arguments: &[&str], input: &[u8]) -> String {
    let arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    let output = output("docker".as_ref(), &arguments, Path::new("."), input).expect("docker is installed");
    assert!(output.status.success(), "docker {:?}: {}", arguments[0], String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program to its end; `None` if it can't be started. `TOKEN` of our own environment would beat the `.env`.
#[expect(clippy::disallowed_methods, reason = "the point of the test is the real program")]
fn output(program: &OsStr, arguments: &[&OsStr], folder: &Path, input: &[u8]) -> Option<Output> {
    let mut command = Command::new(program);
    let command = command.args(arguments).current_dir(folder).env_remove("TOKEN");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    let _ = child.stdin.take().unwrap().write_all(input); // a program that doesn't want it may be gone
    Some(child.wait_with_output().unwrap())
}
