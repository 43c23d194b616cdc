//! The journeys of the containers: up, down, restart, status.

pub mod down;
pub mod redact;
pub mod restart;
pub mod status;
pub mod up;

mod connect;
mod doing;
mod preflight;
mod proof;

pub use connect::{connect, failure};

use std::{collections::BTreeSet, time::Duration};

use docker_ops::{Engine, ProjectLock, StackSpec, Wish};
use report::Failure;
use settings::{Settings, World};

/// How long a run waits for another one of the same project.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// A project and the engine that it runs on.
#[derive(Debug)]
pub struct Stack<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// Every service of the project, whether it is meant or not: what is of none of them is an orphan.
    pub services: &'a [Settings],
    /// The services that are meant; all if empty.
    pub only: BTreeSet<String>,
}

impl Stack<'_> {
    fn spec(&self) -> Result<StackSpec, Failure> {
        Ok(Settings::stack_spec(self.services)?)
    }

    fn wish(&self) -> Wish {
        Wish { services: self.only.clone(), ..Wish::default() }
    }

    /// The services that are meant.
    fn chosen(&self) -> impl Iterator<Item = &Settings> {
        self.services.iter().filter(|one| self.only.is_empty() || self.only.contains(&one.service.value))
    }
}

/// Waits for other runs of the same project to end, and keeps them off.
async fn lock(spec: &StackSpec, world: &World) -> Result<ProjectLock, Failure> {
    let holder = format!("pid {}, `genai-stack`, since {}", std::process::id(), world.clock.stamp());
    ProjectLock::take(&spec.working_dir, &holder, LOCK_WAIT).await.map_err(|error| failure(&error))
}
