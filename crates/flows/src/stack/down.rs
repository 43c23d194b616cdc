//! Takes the project down: its containers and its network. Folders and images stay.

use std::future::ready;

use docker_ops::{Plan, Wish};
use report::{Failure, Report, Sink};
use settings::World;

use super::{Stack, doing, failure, lock};
use crate::{checks, journey::Journey};

/// How to take it down.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// Remove the volumes too that have no name, which an image's own `VOLUME` makes.
    pub volumes: bool,
    /// Remove containers of services that nobody wrote down.
    pub remove_orphans: bool,
}

/// Takes it down. Run again, it finds nothing to do.
pub async fn run(stack: &Stack<'_>, world: &World, options: Options, sink: &Sink) -> Report {
    let mut journey = Journey::new("down", world, sink);
    let stopped = steps(&mut journey, stack, world, options).await.err();
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, stack: &Stack<'_>, world: &World, options: Options) -> Result<(), Failure> {
    let spec = stack.spec()?;
    journey.about("project", &spec.project);
    let wish = Wish { volumes: options.volumes, remove_orphans: options.remove_orphans, ..stack.wish() };
    let _lock = if options.dry_run { None } else { Some(lock(&spec, world, |held| journey.note(held)).await?) };
    let seen = stack.engine.observe(&spec).await.map_err(|error| failure(&error))?;
    let plan = Plan::down(&spec, &seen, &wish).map_err(|error| failure(&error))?;
    for stranger in &seen.strangers {
        journey.note(format!("the {} was left alone: {}", stranger.what, stranger.because));
    }
    doing::name_orphans(journey, &plan, wish.remove_orphans);
    if options.dry_run {
        doing::announce(journey, None, &plan);
        journey.found(ready(checks::nothing_left(None))).await;
        return Ok(());
    }
    let doing = doing::Doing::new(journey, super::unproven(&spec), None);
    let ended = stack.engine.apply(&spec, &plan, &|progress| doing.hear(progress)).await;
    doing.tell(journey);
    ended.map_err(|error| failure(&error))?;
    if plan.steps.is_empty() {
        journey.note("nothing of the project is there");
    }
    let seen = stack.engine.observe(&spec).await.map_err(|error| failure(&error))?;
    // A service that is of neither side any more is no error now.
    let left = Plan::down(&spec, &seen, &wish).unwrap_or_default();
    journey.found(ready(checks::nothing_left(Some(&left)))).await;
    Ok(())
}
