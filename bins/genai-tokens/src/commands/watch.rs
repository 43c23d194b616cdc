//! `genai-tokens watch`.

use console::{ExitCode, Screen};
use flows::tokens::watch::{self, Options};
use report::{
    Failure,
    watch::{Happening, What},
};
use settings::World;

use crate::cli::{Cli, Watch};

/// Watches until the user or the reader of its output wants no more; the last line says why.
pub(super) async fn run(cli: &Cli, world: &World, args: &Watch, screen: &Screen) -> ExitCode {
    let last = |failure| {
        let _ = screen.tell(&Happening { at: world.clock.now(), service: None, what: What::Ended(failure) });
    };
    console::watched(screen, watch(cli, world, args, screen), last).await
}

async fn watch(cli: &Cli, world: &World, args: &Watch, screen: &Screen) -> Result<(), Failure> {
    let services = super::each(cli, world)?;
    let options = Options { repair: args.repair, poll: args.poll };
    let mut tell = |happening| screen.tell(&happening);
    console::interruptible(watch::run(&services, world, options, &mut tell)).await?
}
