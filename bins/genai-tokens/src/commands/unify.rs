//! `genai-tokens unify`.

use std::{future::Future, pin::Pin};

use auth_core::Password;
use console::{Screen, Shared};
use flows::tokens::unify::{self, Options};
use report::{Failure, FailureKind, Report};
use settings::{Flags, Settings, World};

use crate::cli::Unify;

pub(super) async fn run(world: &World, shared: &Shared, args: &Unify, screen: &Screen) -> Result<Report, Failure> {
    let flags = Flags { comfy_dir: args.comfy_dir.clone(), ..shared.settings() };
    let services = Settings::load_each(&flags, world)?;
    let password = match args.password_stdin {
        true => {
            let line = console::read_secret_line()?;
            Some(Password::new(line).map_err(|error| Failure::of(FailureKind::Usage, &error).hints(error.hints()))?)
        }
        false => None,
    };
    let (yes, asking) = (args.yes, screen.clone());
    let confirm = move |question: String| -> Pin<Box<dyn Future<Output = bool> + Send>> {
        let asking = asking.clone();
        Box::pin(async move { yes || asking.ask(&question).await })
    };
    let (from, also) = (args.from.clone(), args.also.clone());
    let options = Options { from, also, password, dry_run: args.dry_run, confirm: &confirm };
    console::interruptible(unify::run(&services, world, &options, &screen.sink())).await
}
