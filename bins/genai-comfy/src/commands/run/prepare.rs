//! Before anything is sent: the workflow is read, its inputs are set, and it is checked as the server would check it.

use std::{collections::BTreeSet, fs::File, io::Read, path::Path, sync::Arc};

use comfy_client::{Client, Error, ObjectInfo, SeedSet, Workflow, WorkflowFile};
use console::{
    RunView,
    json::run_v1::{Event, Seed as SeedSaid},
};
use flows::comfy::home;
use futures_util::future::try_join_all;
use report::{Failure, FailureKind};
use settings::World;

use super::{client, failed, show};
use crate::cli::{Cli, Run, Seed};

/// A client that was let in, and the workflow that is to be sent.
pub(super) async fn prepare(world: &World, cli: &Cli, args: &Run, view: &mut RunView) -> Result<(Client, Workflow), Failure> {
    home::folder(&args.out, world)?;
    let file =
        WorkflowFile::from_bytes(&read(world, cli, &args.workflow)?).map_err(|error| about_the_file(&error, &args.workflow))?;
    let client = client(world, cli).await?;
    let info = classes(&client, &file, args.no_check).await?;
    let converted = file.api().is_none();
    let workflow = match &info {
        Some(info) => file.into_workflow_for(info),
        None => file.into_workflow(),
    };
    let mut workflow = workflow.map_err(|error| about_the_file(&error, &args.workflow))?;
    let seeds = set(&mut workflow, args, world)?;
    let said = |seed: SeedSet| SeedSaid { node: show::node(&workflow, &seed.node), input: seed.input, value: seed.value };
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
    if let Some(info) = info.filter(|_| !args.no_check) {
        check(&workflow, &info, args, view)?;
    }
    Ok((client, workflow.allow_partial(args.allow_partial)))
}

/// A workflow of no more classes asks for each of them: all together are megabytes where many packs are installed.
const FEW: usize = 12;

/// The node classes that convert and check the workflow; none where it is to be sent as it is.
async fn classes(client: &Client, file: &WorkflowFile, no_check: bool) -> Result<Option<Arc<ObjectInfo>>, Failure> {
    let Some(workflow) = file.api() else { return client.object_info().await.map(Some).map_err(failed) };
    if no_check {
        return Ok(None);
    }
    let named = workflow.nodes().values().filter_map(|node| node.get("class_type")?.as_str());
    let named: BTreeSet<&str> = named.collect();
    if named.len() <= FEW {
        let each = named.into_iter().map(async |name| {
            let class = client.object_info_class(name).await.map_err(failed)?;
            Ok::<_, Failure>(class.map(|class| (name.to_owned(), class)))
        });
        let found: Option<ObjectInfo> = try_join_all(each).await?.into_iter().collect();
        if let Some(found) = found {
            return Ok(Some(Arc::new(found)));
        }
    }
    // Where one is not there, all of them tell which was meant.
    client.object_info().await.map(Some).map_err(failed)
}

/// The longest workflow that is read: pictures hold one beside their pixels.
const LONGEST: u64 = 256 << 20;

/// The bytes of a workflow's file, or of standard input.
pub(in crate::commands) fn read(world: &World, cli: &Cli, path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let failed =
        |error: std::io::Error| Failure::new(FailureKind::Unreachable, format!("can't read the workflow `{shown}`: {error}"));
    if path.as_os_str() != "-" {
        return File::open(world.current_dir.join(path)).map_err(failed).and_then(|file| limited(file, path));
    }
    if cli.entry.login.is_some() {
        return Err(Failure::new(FailureKind::Usage, "standard input can't be both the password of `--login` and the workflow")
            .hint("give the workflow as a file"));
    }
    limited(std::io::stdin().lock(), path)
}

/// All that `from` gives, unless it can be no workflow.
pub(in crate::commands) fn limited(from: impl Read, path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = from.take(LONGEST + 1).read_to_end(&mut bytes);
    let shown = path.display();
    read.map_err(|error| Failure::new(FailureKind::Unreachable, format!("can't read the workflow `{shown}`: {error}")))?;
    if bytes.len() as u64 > LONGEST {
        let message = format!("`{shown}` is longer than {} MiB: it is no workflow", LONGEST >> 20);
        return Err(Failure::new(FailureKind::Declined, message));
    }
    Ok(bytes)
}

pub(in crate::commands) fn about_the_file(error: &Error, path: &Path) -> Failure {
    let failure = failed(error.clone());
    Failure { message: format!("`{}`: {}", path.display(), failure.message), ..failure }
}

/// Sets the inputs that the command line names, then the seeds.
fn set(workflow: &mut Workflow, args: &Run, world: &World) -> Result<Vec<SeedSet>, Failure> {
    for one in &args.set {
        assign(workflow, "--set ", one)?;
    }
    sow(workflow, args.seed, world)
}

/// Sets an input as `NODE.INPUT=VALUE` says; `flag` is what stands before it on the command line.
pub(in crate::commands) fn assign(workflow: &mut Workflow, flag: &str, one: &str) -> Result<(), Failure> {
    let (address, value) = one.split_once('=').ok_or_else(|| {
        Failure::new(FailureKind::Usage, format!("`{flag}{one}` has no `=`")).hint(format!("write `{flag}NODE.INPUT=VALUE`"))
    })?;
    workflow.set_text(address, value).map_err(|error| wrong(&format!("{flag}{one}"), &error))?;
    Ok(())
}

/// Sets the seeds.
pub(in crate::commands) fn sow(workflow: &mut Workflow, seed: Seed, world: &World) -> Result<Vec<SeedSet>, Failure> {
    let seed = match seed {
        Seed::Keep => return Ok(Vec::new()),
        Seed::Fixed(seed) => comfy_client::Seed::Fixed(seed),
        Seed::Random => comfy_client::Seed::Random(world.entropy.bytes()),
        Seed::Increment => comfy_client::Seed::Increment,
    };
    workflow.set_seeds(seed).map_err(|error| wrong("--seed", &error))
}

fn wrong(flag: &str, error: &Error) -> Failure {
    let failure = Failure::of(FailureKind::Usage, error).hints(error.hints());
    Failure { message: format!("`{flag}`: {}", failure.message), ..failure }
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
    let hint = "if the server knows better (a node may judge its values itself), send it all the same with `--no-check`";
    let failure = Failure { causes, ..Failure::new(FailureKind::Declined, message) };
    Err(if args.dry_run { failure } else { failure.hint(hint) })
}
