//! `genai-comfy nodes codegen`.

use std::fs;

use console::{ExitCode, Screen, json::comfy_v1::Document};
use report::{Failure, FailureKind};
use settings::World;

use super::{failed, workflow::classes};
use crate::cli::{Cli, Codegen};

pub(super) async fn run(world: &World, cli: &Cli, args: &Codegen, screen: &Screen) -> Result<ExitCode, Failure> {
    let Some(mut info) = classes(world, cli, args.object_info.as_deref(), true).await? else {
        return Err(Failure::new(FailureKind::Unexpected, "no node classes came"));
    };
    if !args.classes.is_empty() {
        info = info.only(args.classes.iter().map(String::as_str)).map_err(|error| {
            let near = !error.hints().is_empty();
            let failure = failed(error);
            if near { failure } else { failure.hint("look for it with `genai-comfy nodes WORD`") }
        })?;
    }
    let code = info.to_rust();
    let Some(output) = &args.output else { return Ok(screen.document(&code)) };
    let path = world.current_dir.join(output);
    let shown = output.display();
    let count = info.classes().count();
    let classes = if count == 1 { "1 class".to_owned() } else { format!("{count} classes") };
    if fs::read(&path).is_ok_and(|there| there == code.as_bytes()) {
        return Ok(screen.answer(Document::Done { what: format!("{shown} is as it should be: {classes}") }));
    }
    console::save_for_all(&path, output, &code)?;
    Ok(screen.answer(Document::Done { what: format!("wrote {shown}: {classes}") }))
}
