//! Starts the containers again as they are, so that ComfyUI reads its token anew, and proves it.

use std::time::Duration;

use docker_ops::Plan;
use report::{Failure, Report, Sink};
use settings::World;

use super::{Stack, doing, failure, lock, preflight, proof};
use crate::journey::Journey;

/// How to start again.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// How long to wait until all is well.
    pub timeout: Duration,
    /// Go on where the engine's machine can't be looked at before the start.
    pub allow_unseen: bool,
}

/// Starts them again.
pub async fn run(stack: &Stack<'_>, world: &World, options: Options, sink: &Sink) -> Report {
    let mut journey = Journey::new("restart", world, sink);
    let stopped = steps(&mut journey, stack, world, options).await.err();
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, stack: &Stack<'_>, world: &World, options: Options) -> Result<(), Failure> {
    let spec = stack.spec()?;
    journey.about("project", &spec.project);
    let lock = if options.dry_run { None } else { Some(lock(&spec, world).await?) };
    let seen = stack.engine.observe(&spec).await.map_err(|error| failure(&error))?;
    let plan = Plan::restart(&spec, &seen, &stack.wish()).map_err(|error| failure(&error))?;
    for service in stack.chosen() {
        let differs = seen.of(&service.service.value).is_some_and(|container| !container.drift.is_empty());
        if differs {
            journey
                .note(format!("`{}` differs from genai.toml and stays so: `genai-stack up` changes it", service.service.value));
        }
    }
    journey.section("Before the start");
    preflight::again(journey, stack, &spec, &seen, options.allow_unseen).await?;
    if !journey.is_well() {
        journey.note("nothing was changed");
        return Ok(());
    }
    if options.dry_run {
        doing::announce(journey, None, &plan);
        return Ok(());
    }
    let doing = doing::Doing::new(journey, None);
    let ended = stack.engine.apply(&spec, &plan, &|progress| doing.hear(progress)).await;
    doing.tell(journey);
    drop(lock);
    let whose = if ended.is_ok() { proof::Whose::All } else { proof::Whose::Started };
    let proven = proof::run(journey, stack, world, &spec, &seen, options.timeout, whose).await;
    ended.map_err(|error| failure(&error))?;
    proven
}
