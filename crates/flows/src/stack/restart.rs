//! Starts the containers again as they are, so that ComfyUI reads its token anew, and proves it.

use std::{future::Future, time::Duration};

use docker_ops::{Plan, StackSpec, Unproven};
use report::{Failure, Report, Sink};
use settings::World;

use super::{Stack, doing, failure, preflight, proof};
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

/// Starts them again. Once `stop` is over it comes to its end, after a last look at what it started.
pub async fn run(stack: &Stack<'_>, world: &World, options: Options, stop: impl Future<Output = ()>, sink: &Sink) -> Report {
    let mut journey = Journey::new("restart", world, sink);
    let timeout = (!options.dry_run).then_some(options.timeout);
    let start = async |journey: &mut Journey, spec: &StackSpec, unproven: &Unproven| {
        start(journey, stack, world, spec, unproven, options).await
    };
    let stopped = proof::after(&mut journey, stack, world, timeout, stop, start).await.err();
    journey.end(stopped)
}

/// Whether they were started.
async fn start(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    spec: &StackSpec,
    unproven: &Unproven,
    options: Options,
) -> Result<bool, Failure> {
    let seen = stack.engine.observe(spec).await.map_err(|error| failure(&error))?;
    let plan = Plan::restart(spec, &seen, &stack.wish()).map_err(|error| failure(&error))?;
    for service in stack.chosen() {
        let differs = seen.of(&service.service.value).is_some_and(|container| !container.drift.is_empty());
        if differs {
            journey
                .note(format!("`{}` differs from genai.toml and stays so: `genai-stack up` changes it", service.service.value));
        }
    }
    journey.section("Before the start");
    proof::askable(journey, stack, world)?;
    preflight::again(journey, stack, spec, &seen, options.allow_unseen).await?;
    if !journey.is_well() {
        journey.note("nothing was changed");
        return Ok(false);
    }
    if options.dry_run {
        doing::announce(journey, None, &plan);
        return Ok(false);
    }
    let doing = doing::Doing::new(journey, unproven.clone(), None);
    let ended = stack.engine.apply(spec, &plan, &|progress| doing.hear(progress)).await;
    doing.tell(journey);
    ended.map(|()| true).map_err(|error| failure(&error))
}
