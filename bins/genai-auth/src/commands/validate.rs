//! `genai-auth validate`.

use console::{ExitCode, Screen, Shared};
use flows::validate::{self, Options};
use report::Failure;
use settings::{Flags, Settings, World};

use super::finish;
use crate::cli::Validate;

pub(super) async fn run(world: &World, shared: &Shared, args: &Validate, screen: &Screen) -> Result<ExitCode, Failure> {
    let flags = Flags { comfy_dir: args.comfy_dir.clone(), ..shared.settings() };
    let services = Settings::load_each(&flags, world)?;
    let options = Options { generate: args.generate };
    let report = console::interruptible(validate::run(&services, world, options, &screen.sink())).await?;
    Ok(finish(screen, report, args.report.as_deref()))
}
