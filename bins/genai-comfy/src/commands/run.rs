//! `genai-comfy run`: the workflow is read and checked here; the journey is `flows::comfy::run`, shown as it goes on.

pub(super) mod prepare;
mod show;

use console::{ExitCode, Protocol, RunView, Screen};
use flows::comfy::run::{self, End, Order};
use report::Failure;
use settings::World;

use super::{client, failed};
use crate::cli::{Cli, Previews, Run};

/// Runs it to its end, of which the last line tells.
pub(super) async fn run(world: &World, cli: &Cli, args: &Run, screen: &Screen) -> ExitCode {
    let previews = match args.previews {
        Previews::Never => None,
        Previews::Auto => Protocol::of(world),
        Previews::Always => Protocol::of(world).or(Some(Protocol::Kitty)),
    };
    let mut view = RunView::new(screen, previews);
    let end = steps(world, cli, args, &mut view).await.unwrap_or_else(End::stopped);
    show::end(end, view)
}

async fn steps(world: &World, cli: &Cli, args: &Run, view: &mut RunView) -> Result<End, Failure> {
    let (client, workflow) = console::interruptible(prepare::prepare(world, cli, args, view)).await??;
    if args.dry_run {
        return Ok(End::valid());
    }
    let order = Order {
        client: &client,
        workflow: &workflow,
        front: args.front,
        deadline: args.deadline,
        out: (!args.detach).then_some(&args.out),
        world,
    };
    Ok(run::run(&order, console::interrupted, async |step| show::step(step, &workflow, view).await).await)
}
