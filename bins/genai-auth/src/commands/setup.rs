//! `genai-auth setup`.

use console::{ExitCode, Screen, Shared};
use flows::setup::{self, Options};
use report::{Failure, FailureKind};
use settings::{Flags, Settings, World};

use super::finish;
use crate::cli::{Backend, Setup};

pub(super) async fn run(world: &World, shared: &Shared, args: &Setup, screen: &Screen) -> Result<ExitCode, Failure> {
    let Backend::Existing = args.backend;
    let flags = Flags { comfy_dir: args.comfy_dir.clone(), user: args.user.clone(), ..shared.settings() };
    let services = Settings::load_each(&flags, world)?;
    let password = match args.password_stdin {
        true => Some(password()?),
        false => None,
    };
    let options = Options { dry_run: args.dry_run, rotate: args.rotate, password };
    let report = console::interruptible(setup::run(&services, world, &options, &screen.sink())).await?;
    Ok(finish(screen, report, args.report.as_deref()))
}

/// The first line of standard input.
fn password() -> Result<auth_core::Password, Failure> {
    let line = console::read_secret_line()?;
    auth_core::Password::new(line).map_err(|error| Failure::of(FailureKind::Usage, &error).hints(error.hints()))
}
