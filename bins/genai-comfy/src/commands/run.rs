//! `genai-comfy run`: the journey is `flows::comfy::run`, shown as it goes on.

mod show;

use comfy_client::Client;
use console::{ExitCode, Protocol, RunView, Screen};
use flows::comfy::{
    home,
    run::{self, Draft, End, Order, Prepared},
};
use report::Failure;
use settings::World;

use super::{client, workflow_file};
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
    let (client, prepared) = console::interruptible(prepare(world, cli, args)).await??;
    let workflow = show::prepared(prepared, args, view)?;
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

/// A client that was let in, and what is to be sent to it.
async fn prepare(world: &World, cli: &Cli, args: &Run) -> Result<(Client, Prepared), Failure> {
    if !(args.detach || args.dry_run) {
        home::folder(&args.out, world)?;
    }
    let file = workflow_file(world, cli, &args.workflow)?;
    let client = client(world, cli).await?;
    let draft = Draft {
        client: &client,
        file,
        shown: &args.workflow,
        set: &args.set,
        seed: args.seed.drawn(world),
        no_check: args.no_check,
        allow_partial: args.allow_partial,
        dry_run: args.dry_run,
    };
    let prepared = run::prepare(draft).await?;
    Ok((client, prepared))
}
