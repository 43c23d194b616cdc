//! Before anything is sent: the workflow is read, its inputs are set, and it is checked as the server would check it.

use std::io::Read;

use comfy_client::{Client, Error, ObjectInfo, SeedSet, Workflow, WorkflowFile};
use console::{
    RunView,
    json::run_v1::{Event, Seed as SeedSaid},
};
use report::{Failure, FailureKind};
use settings::World;

use super::{super::client, failed, follow};
use crate::cli::{Cli, Run, Seed};

/// A client that was let in, and the workflow that is to be sent.
pub(super) async fn prepare(world: &World, cli: &Cli, args: &Run, view: &mut RunView) -> Result<(Client, Workflow), Failure> {
    let file = WorkflowFile::from_bytes(&read(world, cli, args)?).map_err(|error| about_the_file(&error, args))?;
    let client = client(world, cli).await?;
    let info = client.object_info().await.map_err(failed)?;
    let converted = file.api().is_none();
    let mut workflow = file.into_workflow_for(&info).map_err(|error| about_the_file(&error, args))?;
    let seeds = set(&mut workflow, args, world)?;
    let said = |seed: SeedSet| SeedSaid { node: follow::node(&workflow, &seed.node), input: seed.input, value: seed.value };
    view.show(Event::Read {
        workflow: args.workflow.display().to_string(),
        nodes: workflow.nodes().len(),
        converted,
        seeds: seeds.into_iter().map(said).collect(),
    });
    for input in workflow.ui_behind() {
        view.show(Event::Warning {
            problem: format!("`{input}` is set, but a picture opened in the editor will show it as it was"),
        });
    }
    check(&workflow, &info, args, view)?;
    Ok((client, workflow.allow_partial(args.allow_partial)))
}

fn read(world: &World, cli: &Cli, args: &Run) -> Result<Vec<u8>, Failure> {
    let shown = args.workflow.display();
    let failed =
        |error: std::io::Error| Failure::new(FailureKind::Unreachable, format!("can't read the workflow `{shown}`: {error}"));
    if args.workflow.as_os_str() != "-" {
        return std::fs::read(world.current_dir.join(&args.workflow)).map_err(failed);
    }
    if cli.entry.login.is_some() {
        return Err(Failure::new(FailureKind::Usage, "standard input can't be both the password of `--login` and the workflow")
            .hint("give the workflow as a file"));
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn about_the_file(error: &Error, args: &Run) -> Failure {
    let failure = failed(error.clone());
    Failure { message: format!("`{}`: {}", args.workflow.display(), failure.message), ..failure }
}

/// Sets the inputs that the command line names, then the seeds.
fn set(workflow: &mut Workflow, args: &Run, world: &World) -> Result<Vec<SeedSet>, Failure> {
    let wrong = |flag: &str, error: &Error| {
        let failure = Failure::of(FailureKind::Usage, error).hints(error.hints());
        Failure { message: format!("`{flag}`: {}", failure.message), ..failure }
    };
    for one in &args.set {
        let (address, value) = one.split_once('=').ok_or_else(|| {
            Failure::new(FailureKind::Usage, format!("`--set {one}` has no `=`")).hint("write `--set NODE.INPUT=VALUE`")
        })?;
        workflow.set_text(address, value).map_err(|error| wrong(&format!("--set {one}"), &error))?;
    }
    let seed = match args.seed {
        Seed::Keep => return Ok(Vec::new()),
        Seed::Fixed(seed) => comfy_client::Seed::Fixed(seed),
        Seed::Random => comfy_client::Seed::Random(world.entropy.bytes()),
    };
    workflow.set_seeds(seed).map_err(|error| wrong("--seed", &error))
}

/// Says what the server would say. What it would only drop is a warning where a part may run.
fn check(workflow: &Workflow, info: &ObjectInfo, args: &Run, view: &mut RunView) -> Result<(), Failure> {
    let (errors, odd): (Vec<_>, Vec<_>) =
        workflow.validate(info).into_iter().partition(|problem| problem.is_error() && !args.allow_partial);
    for problem in odd {
        view.show(Event::Warning { problem: problem.to_string() });
    }
    if errors.is_empty() {
        return Ok(());
    }
    let message = format!("the server would refuse `{}`", args.workflow.display());
    let causes = errors.iter().map(ToString::to_string).collect();
    Err(Failure { causes, ..Failure::new(FailureKind::Declined, message) })
}
