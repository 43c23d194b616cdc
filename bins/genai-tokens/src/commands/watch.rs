//! `genai-tokens watch`.

use console::{ExitCode, Screen};
use flows::tokens::watch::{self, Options};
use report::{
    Failure, FailureKind,
    watch::{Happening, What},
};
use settings::World;

use crate::cli::{Cli, Watch};

/// Watches until the user or the reader of its output wants no more; the last line says why.
pub(super) async fn run(cli: &Cli, world: &World, args: &Watch, screen: &Screen) -> ExitCode {
    if cli.shared.format == console::Format::Sarif {
        return screen.fail(
            &Failure::new(FailureKind::Usage, "a watch has no end, so it can't be SARIF")
                .hint("choose `--format json`: an object a line"),
        );
    }
    match watch(cli, world, args, screen).await {
        Ok(()) => screen.unread(),
        Err(failure) => {
            let code = ExitCode::for_kind(failure.kind);
            // Whether anybody reads it or not, this is the end.
            let _ = screen.tell(&Happening { at: world.clock.now(), service: None, what: What::Ended(failure) });
            code
        }
    }
}

async fn watch(cli: &Cli, world: &World, args: &Watch, screen: &Screen) -> Result<(), Failure> {
    let services = super::each(cli, world)?;
    let options = Options { repair: args.repair, poll: args.poll };
    let mut tell = |happening| screen.tell(&happening);
    console::interruptible(watch::run(&services, world, options, &mut tell)).await?
}
