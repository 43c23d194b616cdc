//! `genai-stack up`, `down`, `restart`: journeys, whose end is a report.

use console::Screen;
use flows::stack::{down, restart, up};
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
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    console::stoppable(up::run(&meant.stack(), world, &options, stopped, &screen.sink()), || drop(stop)).await
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
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    console::stoppable(restart::run(&meant.stack(), world, options, stopped, &screen.sink()), || drop(stop)).await
}
