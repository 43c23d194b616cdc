//! What `logs`, `stats` and `exec` share: the engine, the project's name, and what must not be shown.

use console::json::stack_lines_v1::Container;
use docker_ops::{Endpoint, Engine, Member};
use flows::stack::{self, redact::Redaction};
use report::Failure;
use settings::{Flags, Settings, World};

use crate::cli::{Cli, streams::Project};

pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) project: String,
    pub(super) redaction: Redaction,
}

pub(super) async fn stage(world: &World, cli: &Cli, project: &Project) -> Result<Stage, Failure> {
    // `--service` means the containers' here; what must not be shown is of every service.
    let every = Flags { service: Some("all".to_owned()), ..cli.shared.settings() };
    let services = Settings::load_each(&every, world)?;
    let redaction = Redaction::of(&services)?;
    let of_folder = || services.first().map_or_else(String::new, |settings| stack::project_name(&settings.project.value));
    let project = project.project_name.clone().unwrap_or_else(of_folder);
    let engine = Engine::connect(&Endpoint::Unix("/var/run/docker.sock".into())).await;
    Ok(Stage { engine: engine.map_err(|error| stack::failure(&error))?, project, redaction })
}

pub(super) fn container(member: &Member) -> Container {
    Container {
        service: member.service.clone(),
        number: member.number,
        container: member.id.to_string(),
        name: member.name.clone(),
    }
}
