//! `genai-stack doctor`.

use std::io::Read;

use console::Screen;
use flows::doctor::{self, Options, Stack};
use report::{Failure, FailureKind, Report};
use settings::World;

use super::meant;
use crate::cli::{Cli, Doctor};

pub(super) async fn run(cli: &Cli, world: &World, args: &Doctor, screen: &Screen) -> Result<Report, Failure> {
    let services = meant::services(world, cli)?;
    let project = meant::project(args.project.project_name.as_deref(), &services)?;
    let patient = Stack::of(project, &services, meant::only(world, cli))?;
    let options =
        Options { kernel_log: args.kernel_log.as_ref().map(|path| kernel_log(&world.current_dir.join(path))).transpose()? };
    let sink = screen.sink();
    console::interruptible(async { doctor::run(meant::engine(&services, &sink).await, &patient, &options, world, &sink).await })
        .await
}

/// What the file holds, any bytes: the kernel's log is not always UTF-8.
fn kernel_log(path: &std::path::Path) -> Result<String, Failure> {
    /// A kernel keeps much less.
    const MOST: u64 = 64 << 20;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST).read_to_end(&mut bytes))
        .map_err(|error| Failure::new(FailureKind::Unreachable, format!("can't read `{}`: {error}", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
