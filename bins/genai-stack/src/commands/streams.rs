//! What `logs`, `stats` and `exec` share: the engine, the project's name, and what must not be shown.

use console::json::stack_lines_v1::Container;
use docker_ops::{Engine, Member, ProjectScope};
use flows::stack::redact::Redaction;
use report::{Failure, Sink};
use settings::World;

use super::meant;
use crate::cli::{Cli, streams::Project};

pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) project: ProjectScope,
    pub(super) redaction: Redaction,
}

pub(super) async fn stage(world: &World, cli: &Cli, project: &Project, sink: &Sink) -> Result<Stage, Failure> {
    let services = meant::services(world, cli)?;
    let redaction = Redaction::of(&services)?;
    let project = meant::project(project.project_name.as_deref(), &services)?;
    Ok(Stage { engine: meant::engine(&services, sink).await?, project, redaction })
}

pub(super) fn container(member: &Member) -> Container {
    Container {
        service: member.service.clone(),
        number: member.number,
        container: member.id.to_string(),
        name: member.name.clone(),
    }
}
