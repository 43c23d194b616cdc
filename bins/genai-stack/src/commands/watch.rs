//! `genai-stack watch`.

use std::time::Duration;

use console::{ExitCode, Screen};
use flows::stack_watch::{self, Options};
use report::{
    Failure,
    stack_watch::{Happening, What},
};
use settings::{Settings, World};

use super::meant;
use crate::cli::{Cli, Watch};

/// Watches until the user or the reader of its output wants no more; the last line says why.
pub(super) async fn run(cli: &Cli, world: &World, args: &Watch, screen: &Screen) -> ExitCode {
    let last = |failure| {
        let _ = screen.tell_of_stack(&Happening { at: world.clock.now(), container: None, what: What::Ended(failure) });
    };
    console::watched(screen, watch(cli, world, args, screen), last).await
}

async fn watch(cli: &Cli, world: &World, args: &Watch, screen: &Screen) -> Result<(), Failure> {
    let services = meant::services(world, cli)?;
    let meant = Settings::load_stack(&cli.settings(), world)?;
    let project = meant::project(args.project.project_name.as_deref(), &services)?;
    let minutes = args.idle_unload_minutes.map(|minutes| (minutes > 0).then(|| Duration::from_secs(u64::from(minutes) * 60)));
    let options = Options { every: Duration::from_secs(args.every.into()), idle_unload: minutes };
    console::interruptible(async {
        let engine = meant::engine(&services, &screen.aside()).await?;
        let mut tell = |happening| screen.tell_of_stack(&happening);
        stack_watch::run(&engine, &project, &meant, options, world, &mut tell).await
    })
    .await?
}
