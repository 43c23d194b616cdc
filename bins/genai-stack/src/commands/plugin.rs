//! `genai-stack plugin`.

use std::path::PathBuf;

use console::Screen;
use docker_ops::Engine;
use flows::{
    doctor::ContainerPython,
    plugin::{self, LocalPython, NAME, Python, Wanted},
};
use report::{Failure, FailureKind, Report};
use settings::{Flags, Settings, World};

use super::meant;
use crate::cli::{Cli, Plugin, PluginAction, Which};

pub(super) async fn run(cli: &Cli, world: &World, args: &Plugin, screen: &Screen) -> Result<Report, Failure> {
    let (PluginAction::Install(which) | PluginAction::Verify(which)) = &args.action;
    let flags = Flags { comfy_dir: which.comfy_dir.clone(), ..cli.settings() };
    let settings = Settings::load(&flags, world)?;
    let custom_nodes = custom_nodes(which, &settings, world)?;
    let wanted = wanted(which, &settings, world)?;
    let sink = screen.sink();
    console::interruptible(async {
        let engine;
        let python: Option<Box<dyn Python + '_>> = match (&which.python, &which.container) {
            (Some(interpreter), _) => {
                let plugin = custom_nodes.join(NAME).display().to_string();
                Some(Box::new(LocalPython { interpreter: world.current_dir.join(interpreter), plugin }))
            }
            (None, Some(container)) => {
                engine = meant::engine(std::slice::from_ref(&settings), &sink).await?;
                Some(Box::new(in_container(&engine, container).await?))
            }
            (None, None) => None,
        };
        let python = python.as_deref();
        Ok(match &args.action {
            PluginAction::Install(_) => plugin::installation(&custom_nodes, &wanted, python, world, &sink).await,
            PluginAction::Verify(_) => plugin::verification(&custom_nodes, &wanted, python, world, &sink).await,
        })
    })
    .await?
}

async fn in_container<'a>(engine: &'a Engine, container: &str) -> Result<ContainerPython<'a>, Failure> {
    let glance = engine.glance(container).await.map_err(failed)?;
    Ok(ContainerPython::of(engine, &glance, None).installing())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn failed(error: docker_ops::Error) -> Failure {
    Failure::of(FailureKind::Unreachable, &error).hints(error.hints())
}

/// Where the flags say, else where the stack's containers have it from.
fn custom_nodes(which: &Which, settings: &Settings, world: &World) -> Result<PathBuf, Failure> {
    if let Some(path) = &which.custom_nodes {
        return Ok(world.current_dir.join(path));
    }
    let stack = if which.comfy_dir.is_none() { settings.stack()? } else { None };
    let of_stack = stack.and_then(|stack| stack.service.custom_nodes());
    let of_comfy = || settings.comfy_dir.as_ref().map(|folder| folder.value.join("custom_nodes"));
    of_stack.or_else(of_comfy).ok_or_else(|| {
        Failure::new(FailureKind::Settings, "ComfyUI's folder is not known")
            .hint("name it with `--comfy-dir DIR`, or its `custom_nodes` with `--custom-nodes DIR`")
    })
}

/// The flags, else the settings: all of one or all of the other, since a digest belongs to a source.
fn wanted(which: &Which, settings: &Settings, world: &World) -> Result<Wanted, Failure> {
    let Which { from, commit, digest, offline, .. } = which;
    if from.is_none() && commit.is_none() && digest.is_none() && offline.is_none() {
        return Wanted::of(settings);
    }
    Wanted::new(from.as_deref(), commit.as_deref(), digest.as_deref(), offline.as_deref(), &world.current_dir)
}
