//! The real Docker Compose reads what we write: `.env`, an `env_file:` and `environment:` in the compose file itself.
//!
//! Runs only with `GENAI_LIVE_COMPOSE=1`, and then fails if no compose is installed. It takes Compose 2 (`docker compose`) if
//! there is one, else Compose 1 (`docker-compose`), each in its own dialects. No engine is needed: `config` only reads.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, process::Command};

use auth_core::{BcryptHash, LoginToken, Password};
use token_sync::{Caller, Dialect, Plan, Target, Workspace};

const COMPOSE_FILE: &str = "version: \"3.8\"\nservices:\n  comfyui:\n    image: made-up:1\n    env_file: ./app.env\n    environment:\n      FROM_DOTENV: ${TOKEN} # not touched\n";

/// Compose's program with its first arguments, and the dialects of its three files.
fn compose() -> Option<(Vec<&'static str>, [Dialect; 3])> {
    let v2 = [Dialect::ComposeV2, Dialect::ComposeV2EnvFile, Dialect::ComposeYamlV2];
    let v1 = [Dialect::ComposeV1, Dialect::ComposeV1, Dialect::ComposeYamlV1];
    [(vec!["docker", "compose"], v2), (vec!["docker-compose"], v1)]
        .into_iter()
        .find(|(program, _)| run(program, &["version"], Path::new(".")).is_some())
}

#[expect(clippy::disallowed_methods, reason = "the point of the test is the real program")]
fn run(program: &[&str], arguments: &[&str], folder: &Path) -> Option<String> {
    let output = Command::new(program[0]).args(&program[1..]).args(arguments).current_dir(folder).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "asked for by name in the environment, since it needs a program")]
fn the_real_compose_reads_what_is_written() {
    if std::env::var("GENAI_LIVE_COMPOSE").as_deref() != Ok("1") {
        println!("skipped: set GENAI_LIVE_COMPOSE=1 to run it");
        return;
    }
    let (program, [dotenv, env_file, yaml]) = compose().expect("GENAI_LIVE_COMPOSE=1 is set, and no compose is installed");
    let password = Password::new("made-up").unwrap();
    // First signs of the salt: lower, upper, digit, `.`, `/`.
    for first in [28u8, 2, 54, 0, 1] {
        let hash = BcryptHash::of(&password, 4, [first << 2; 16]).unwrap();
        let token = LoginToken::new(hash.expose()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("docker-compose.yml"), COMPOSE_FILE).unwrap();
        std::fs::write(at("app.env"), "# env of the service\nB='x y'\n").unwrap();
        let targets = [
            Target::new(at(".env"), dotenv, Some("TOKEN")).unwrap(),
            Target::new(at("app.env"), env_file, Some("FROM_ENV_FILE")).unwrap(),
            Target::new(at("docker-compose.yml"), yaml, Some("comfyui.FROM_YAML")).unwrap(),
        ];
        let mut workspace = Workspace::open(&at(".secrets"), &Caller::new("test", "now", [7; 16])).unwrap();
        let _ = workspace.apply(Plan::make(&token, "ann", &targets).unwrap()).unwrap();
        let written = std::fs::read_to_string(at("docker-compose.yml")).unwrap();
        assert!(written.starts_with(COMPOSE_FILE.trim_end()), "all else stays");

        let seen = run(&program, &["config"], folder.path()).expect("compose takes the files");
        let doubled = token.expose().replace('$', "$$"); // `config` prints what could be read again
        for name in ["FROM_DOTENV", "FROM_ENV_FILE", "FROM_YAML"] {
            let line = seen.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default();
            assert!(line.trim_matches(['\'', '"']) == doubled, "{name} differs for a salt of {first}");
        }
    }
    println!("five salts agree in {}", program.join(" "));
}
