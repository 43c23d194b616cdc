//! What the command line means: the project, its services, and the engine that is asked.

use std::collections::BTreeSet;

use console::Screen;
use docker_ops::{Engine, ProjectScope};
use flows::stack::{self, Stack};
use report::{Failure, FailureKind, Sink};
use settings::{Flags, Settings, World};

use crate::cli::Cli;

/// The project, every service of it, those that are meant, and its engine.
pub(super) struct Meant {
    pub(super) engine: Engine,
    pub(super) services: Vec<Settings>,
    only: BTreeSet<String>,
}

impl Meant {
    /// Of a project whose `[stack]` says what runs.
    pub(super) async fn of(world: &World, cli: &Cli, screen: &Screen) -> Result<Self, Failure> {
        let only = only(world, cli);
        let services = services(world, cli)?;
        // Whether there is a stack at all is told before any engine is asked.
        Settings::stack_spec(&services)?;
        let engine = engine(&services, &screen.sink()).await?;
        Ok(Self { engine, services, only })
    }

    pub(super) fn stack(&self) -> Stack<'_> {
        Stack { engine: &self.engine, services: &self.services, only: self.only.clone() }
    }
}

/// The services that are named; none if all are meant.
pub(super) fn only(world: &World, cli: &Cli) -> BTreeSet<String> {
    let named = cli.settings().service.or_else(|| world.var("GENAI_SERVICE").map(str::to_owned));
    named.into_iter().filter(|name| name != "all").collect()
}

/// Every service: what is of none of them, and what must not be shown, can only be told by who knows all.
pub(super) fn services(world: &World, cli: &Cli) -> Result<Vec<Settings>, Failure> {
    Ok(Settings::load_each(&Flags { service: Some("all".to_owned()), ..cli.settings() }, world)?)
}

/// Whose containers: of the name that was given, in any folder; or of this folder, as `[stack]` names them, or as Compose does.
pub(super) fn project(given: Option<&str>, services: &[Settings]) -> Result<ProjectScope, Failure> {
    if let Some(name) = given {
        return Ok(ProjectScope::named(name));
    }
    let Some(first) = services.first() else { return Err(Failure::new(FailureKind::Settings, "there is no service")) };
    let name = first.stack()?.map_or_else(|| stack::project_name(&first.project.value), |stack| stack.project);
    if name.is_empty() {
        return Err(Failure::new(FailureKind::Settings, "the project's folder has no name that containers could carry")
            .hint("name the project with `--project-name NAME`"));
    }
    Ok(ProjectScope { name, folder: Some(first.project.value.clone()) })
}

/// The engine, which is the same for all services.
pub(super) async fn engine(services: &[Settings], sink: &Sink) -> Result<Engine, Failure> {
    let Some(first) = services.first() else { return Err(Failure::new(FailureKind::Settings, "there is no service")) };
    stack::connect(first, sink).await
}
