//! `genai-comfy workflow`.

mod facts;

use std::path::Path;

use comfy_client::{Container, ObjectInfo, Problem, Saved, WorkflowFile};
use console::{
    ExitCode, Format, Screen,
    json::comfy_v1::{Document, InputSet},
};
use flows::comfy::workflow::{about, as_sent, assign, sow};
use report::{Failure, FailureKind};
use settings::World;

use super::{client, failed, workflow_file};
use crate::cli::{Check, Cli, Convert, Form, Set, Show, Workflow, WorkflowAction};

/// Where nobody says how wide a line may be, and there is no terminal.
const WIDTH: usize = 100;

pub(super) async fn run(world: &World, cli: &Cli, args: &Workflow, screen: &Screen) -> Result<ExitCode, Failure> {
    match &args.action {
        WorkflowAction::Show(args) => show(world, cli, args, screen).await,
        WorkflowAction::Check(args) => check(world, cli, args, screen).await,
        WorkflowAction::Set(args) => Ok(screen.answer(set(world, cli, args).await?)),
        WorkflowAction::Convert(args) => convert(world, cli, args, screen).await,
    }
}

async fn show(world: &World, cli: &Cli, args: &Show, screen: &Screen) -> Result<ExitCode, Failure> {
    let file = workflow_file(world, cli, &args.file)?;
    let info = classes(world, cli, args.object_info.as_deref(), file.api().is_none()).await?;
    let workflow = as_sent(file, info.as_ref(), &args.file)?;
    Ok(match cli.shared.format {
        Format::Json => screen.answer(Document::Workflow { nodes: facts::nodes(&workflow, info.as_ref()) }),
        _ => screen.document(&workflow.draw(info.as_ref(), args.width.or_else(|| screen.width()).unwrap_or(WIDTH))),
    })
}

async fn check(world: &World, cli: &Cli, args: &Check, screen: &Screen) -> Result<ExitCode, Failure> {
    let file = workflow_file(world, cli, &args.file)?;
    let asks = args.server || !cli.shared.url.is_empty() || file.api().is_none();
    let info = classes(world, cli, args.object_info.as_deref(), asks).await?;
    let workflow = as_sent(file, info.as_ref(), &args.file)?;
    let problems = info.as_ref().map_or_else(|| workflow.check(), |info| workflow.validate(info));
    let wrong = problems.iter().any(Problem::is_error);
    let told = screen.answer(Document::Checked {
        workflow: args.file.display().to_string(),
        nodes: workflow.nodes().len(),
        with_classes: info.is_some(),
        problems: problems.iter().map(facts::problem).collect(),
    });
    Ok(if wrong && told == ExitCode::Well { ExitCode::Findings } else { told })
}

async fn set(world: &World, cli: &Cli, args: &Set) -> Result<Document, Failure> {
    let file = WorkflowFile::load(&world.current_dir.join(&args.file)).map_err(|error| about(&error, &args.file))?;
    let (container, in_ui) = (file.container(), file.api().is_none());
    let info = classes(world, cli, args.object_info.as_deref(), in_ui).await?;
    let mut workflow = as_sent(file, info.as_ref(), &args.file)?;
    for one in &args.values {
        assign(&mut workflow, "", one)?;
    }
    let seeds = sow(&mut workflow, args.seed.and_then(|seed| seed.drawn(world)))?;
    let to = args.output.clone().unwrap_or_else(|| match container {
        Container::Json => args.file.clone(),
        _ => args.file.with_extension("json"),
    });
    let path = world.current_dir.join(&to);
    let saved = match workflow.ui().filter(|_| in_ui) {
        Some(_) if !workflow.ui_behind().is_empty() => {
            let message = format!(
                "it is not certain which widget of `{}` holds `{}`",
                args.file.display(),
                workflow.ui_behind().join("`, `")
            );
            return Err(Failure::new(FailureKind::Declined, message)
                .hint("set it in the editor, or convert the workflow first: `genai-comfy workflow convert`"));
        }
        Some(ui) => ui.save(&path),
        None => workflow.save(&path),
    };
    let seeds = seeds.into_iter().map(|seed| InputSet { node: seed.node, input: seed.input, value: seed.value });
    Ok(written(&to, &saved.map_err(failed)?, world, seeds.collect()))
}

async fn convert(world: &World, cli: &Cli, args: &Convert, screen: &Screen) -> Result<ExitCode, Failure> {
    let file = workflow_file(world, cli, &args.file)?;
    if args.to == Form::Ui {
        let ui = file.ui().ok_or_else(|| {
            let message = format!("`{}` is in API format, which nothing turns into UI format", args.file.display());
            Failure::new(FailureKind::Declined, message)
                .hint("API format holds neither places, groups nor notes; the editor opens it as it is, and lays it out anew")
        })?;
        return deliver(&ui.to_value(), |path| ui.save(path), args, world, screen);
    }
    let info = classes(world, cli, args.object_info.as_deref(), file.api().is_none()).await?;
    let workflow = as_sent(file, info.as_ref(), &args.file)?;
    deliver(&workflow.to_value(), |path| workflow.save(path), args, world, screen)
}

fn deliver(
    value: &serde_json::Value,
    save: impl FnOnce(&Path) -> Result<Saved, comfy_client::Error>,
    args: &Convert,
    world: &World,
    screen: &Screen,
) -> Result<ExitCode, Failure> {
    let Some(to) = &args.output else { return Ok(screen.document(&format!("{value:#}\n"))) };
    let saved = save(&world.current_dir.join(to)).map_err(failed)?;
    Ok(screen.answer(written(to, &saved, world, Vec::new())))
}

fn written(to: &Path, saved: &Saved, world: &World, seeds: Vec<InputSet>) -> Document {
    let backup = saved.backup.as_ref();
    let backup = backup.map(|backup| backup.strip_prefix(&world.current_dir).unwrap_or(backup).display().to_string());
    Document::Saved { path: to.display().to_string(), changed: saved.changed, backup, seeds }
}

/// The node classes in the file that is named; else the server's, if it is to be asked.
pub(super) async fn classes(world: &World, cli: &Cli, file: Option<&Path>, ask: bool) -> Result<Option<ObjectInfo>, Failure> {
    if let Some(path) = file {
        let shown = path.display();
        let text = std::fs::read_to_string(world.current_dir.join(path))
            .map_err(|error| Failure::new(FailureKind::Unreachable, format!("can't read the node classes `{shown}`: {error}")))?;
        return ObjectInfo::from_json(&text).map(Some).map_err(|error| about(&error, path));
    }
    if !ask {
        return Ok(None);
    }
    let client = client(world, cli)
        .await
        .map_err(|failure| failure.hint("or name a file with the server's node classes: `--object-info FILE`"))?;
    Ok(Some((*client.object_info().await.map_err(failed)?).clone()))
}
