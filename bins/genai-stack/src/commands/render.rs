//! `genai-stack render`: settings in, a file for another program out.

use std::{fs, io::ErrorKind, path::Path};

use console::{ExitCode, Screen};
use docker_ops::render;
use flows::stack::wanted;
use report::{Failure, FailureKind};
use settings::World;

use crate::cli::{Cli, Render, RenderCompose, RenderSwarm, RenderTo};

/// Runs the command to its end.
pub(super) async fn run(world: &World, cli: &Cli, args: &Render, screen: &Screen) -> ExitCode {
    let ended = match &args.to {
        RenderTo::Compose(args) => compose(world, cli, args, screen).await,
        RenderTo::Swarm(args) => swarm(world, cli, args, screen).await,
    };
    ended.unwrap_or_else(|failure| screen.fail(&failure))
}

async fn compose(world: &World, cli: &Cli, args: &RenderCompose, screen: &Screen) -> Result<ExitCode, Failure> {
    let wanted = wanted::stack(&cli.settings(), world)?;
    for warning in wanted.warnings.iter().chain(&wanted.spec.check_contexts()) {
        screen.warn(&warning.to_string(), &warning.hint);
    }
    for (name, service) in &wanted.spec.services {
        let sources = service.mounts.iter().map(|mount| &mount.source).filter(|source| !source.is_dir());
        let absent: Vec<String> = sources.map(|source| format!("`{}`", source.display())).collect();
        if !absent.is_empty() {
            let message = format!("`services.{name}.mounts`: no folder is at {}", absent.join(", "));
            screen.warn(&message, "make them: Compose 2 would, but for root, and Compose 1.29 refuses");
        }
    }
    written(world, &render::compose(&wanted.spec), args.out.as_deref(), args.yes, screen).await
}

async fn swarm(world: &World, cli: &Cli, args: &RenderSwarm, screen: &Screen) -> Result<ExitCode, Failure> {
    let wanted = wanted::stack(&cli.settings(), world)?;
    let text = flows::stack::swarm::drawn(&wanted.spec).await?;
    written(world, &text, args.out.as_deref(), args.yes, screen).await
}

/// Shows the file, or writes it where it may.
async fn written(world: &World, text: &str, out: Option<&Path>, yes: bool, screen: &Screen) -> Result<ExitCode, Failure> {
    let Some(out) = out else { return Ok(screen.document(text)) };
    let (path, shown) = (world.current_dir.join(out), out.display());
    let there = match fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(console::unusable(out, "read", &error)),
    };
    match there {
        Some(bytes) if bytes == text.as_bytes() => {
            screen.say(&format!("{shown} is as it should be"));
            return Ok(ExitCode::Well);
        }
        Some(bytes) if !(yes || bytes.starts_with(render::WRITTEN_BY.as_bytes())) => {
            let question = format!("genai-stack did not write {shown}: replace it?");
            if !console::interruptible(screen.ask(&question)).await? {
                let failure =
                    Failure::new(FailureKind::Refused, format!("genai-stack did not write `{shown}`, and leaves it as it is"));
                return Err(failure.hint("choose another `--out`, or give `--yes` to replace it"));
            }
        }
        _ => {}
    }
    console::save_for_all(&path, out, text)?;
    screen.say(&format!("wrote {shown}"));
    Ok(ExitCode::Well)
}
