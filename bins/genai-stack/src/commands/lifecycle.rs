//! `genai-stack up`, `down`, `restart`: journeys, whose end is a report.

use std::{future::Future, pin::Pin};

use console::Screen;
use flows::stack::{Stack, down, restart, up};
use report::{Failure, Report};
use settings::World;
use tokio::sync::oneshot;

use super::meant::Meant;
use crate::cli::{Cli, Down, Restart, Up};

pub(super) async fn up(world: &World, cli: &Cli, args: &Up, screen: &Screen) -> Result<Report, Failure> {
    let options = up::Options {
        dry_run: args.dry_run,
        timeout: args.timeout,
        build: args.build,
        recreate: args.recreate,
        remove_orphans: args.remove_orphans,
        allow_unseen: args.allow_unseen,
    };
    let meant = console::interruptible(Meant::of(world, cli, screen)).await??;
    let (stack, sink) = (meant.stack(), screen.sink());
    to_its_end(&stack, |stopped| up::run(&stack, world, &options, stopped, &sink)).await
}

pub(super) async fn down(world: &World, cli: &Cli, args: &Down, screen: &Screen) -> Result<Report, Failure> {
    let options = down::Options { dry_run: args.dry_run, volumes: args.volumes, remove_orphans: args.remove_orphans };
    console::interruptible(async {
        let meant = Meant::of(world, cli, screen).await?;
        Ok(down::run(&meant.stack(), world, options, &screen.sink()).await)
    })
    .await?
}

pub(super) async fn restart(world: &World, cli: &Cli, args: &Restart, screen: &Screen) -> Result<Report, Failure> {
    let options = restart::Options { dry_run: args.dry_run, timeout: args.timeout, allow_unseen: args.allow_unseen };
    let meant = console::interruptible(Meant::of(world, cli, screen)).await??;
    let (stack, sink) = (meant.stack(), screen.sink());
    to_its_end(&stack, |stopped| restart::run(&stack, world, options, stopped, &sink)).await
}

/// Runs what starts containers: told to stop, it has time for a last look at them; if that is not enough, it is said what is not proven.
async fn to_its_end<'a, R: Future<Output = Report>>(
    stack: &Stack<'_>,
    run: impl FnOnce(Pin<Box<dyn Future<Output = ()> + 'a>>) -> R,
) -> Result<Report, Failure> {
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = Box::pin(async { drop(stopped.await) });
    match console::stoppable(run(stopped), stack.patience()?, || drop(stop)).await {
        Ok(report) => Ok(report),
        Err(failure) => Err(stack.dropped(failure).await),
    }
}
