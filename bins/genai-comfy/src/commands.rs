//! One file a command.

mod batch;
mod codegen;
mod download;
mod free;
mod history;
mod models;
mod nodes;
mod queue;
mod run;
mod sim;
mod status;
mod upload;
mod workflow;

use std::path::Path;

use comfy_client::{Client, FileKind, StoredFile, WorkflowFile};
use console::{ExitCode, Screen, json::comfy_v1::Failed};
use flows::{
    comfy::workflow::{read, read_from},
    connect::{self, Door},
};
use report::{Failure, FailureKind};
use settings::{Settings, World};

use crate::cli::{Cli, Command, Nodes, NodesAction};

/// Runs the command to its end.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> ExitCode {
    let ended = match console::world() {
        Ok(world) => command(cli, &world, screen).await,
        Err(failure) => Err(failure),
    };
    ended.unwrap_or_else(|failure| screen.answer_failed(&failure))
}

async fn command(cli: &Cli, world: &World, screen: &Screen) -> Result<ExitCode, Failure> {
    if cli.shared.format == console::Format::Sarif {
        return Err(
            Failure::new(FailureKind::Usage, "there is nothing in it for `--format sarif`").hint("choose `--format json`")
        );
    }
    let answer = match &cli.command {
        Command::Run(args) => return Ok(run::run(world, cli, args, screen).await),
        Command::Batch(args) => return batch::run(world, cli, args, screen).await,
        Command::Sim(args) => return sim::run(world, cli, args, screen).await,
        Command::Workflow(args) => return console::interruptible(workflow::run(world, cli, args, screen)).await?,
        Command::Nodes(Nodes { action: Some(NodesAction::Codegen(args)), .. }) => {
            return console::interruptible(codegen::run(world, cli, args, screen)).await?;
        }
        Command::Queue(args) => queue::run(world, cli, args, screen).await?,
        Command::History(args) => history::run(world, cli, args, screen).await?,
        // What is not asked can simply be dropped.
        Command::Status => console::interruptible(status::run(world, cli)).await??,
        Command::Cancel(args) => return queue::cancel(world, cli, args, screen).await,
        Command::Upload(args) => return upload::run(world, cli, args, screen).await,
        Command::Download(args) => return download::run(world, cli, args, screen).await,
        Command::Nodes(args) => console::interruptible(nodes::run(world, cli, args)).await??,
        Command::Models(args) => console::interruptible(models::run(world, cli, args)).await??,
        Command::Free(args) => ordered(free::run(world, cli, args)).await?,
    };
    Ok(screen.answer(answer))
}

/// The client for the one service that the flags and settings mean; it was let in.
pub(crate) async fn client(world: &World, cli: &Cli) -> Result<Client, Failure> {
    let settings = Settings::load(&cli.shared.settings(), world)?;
    connect::client(&settings, world, &door(cli)?).await
}

/// How the flags want to come in. Reads standard input if they name a user: once, so call it once.
pub(crate) fn door(cli: &Cli) -> Result<Door, Failure> {
    let login = match &cli.entry.login {
        Some(user) => Some((user.clone(), console::read_secret_line()?.into())),
        None => None,
    };
    Ok(Door { login, origin: cli.entry.origin.clone() })
}

/// A workflow, of a file or of standard input.
fn workflow_file(world: &World, cli: &Cli, path: &Path) -> Result<WorkflowFile, Failure> {
    if path.as_os_str() != "-" {
        return read(&world.current_dir.join(path), path);
    }
    if cli.entry.login.is_some() {
        return Err(Failure::new(FailureKind::Usage, "standard input can't be both the password of `--login` and the workflow")
            .hint("give the workflow as a file"));
    }
    read_from(std::io::stdin().lock(), path)
}

/// A client's error, for `map_err`.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(crate) fn failed(error: comfy_client::Error) -> Failure {
    connect::failure(&error)
}

/// A file as we print it: `output/cats/1.png`; none if it does not begin with one of ComfyUI's folders.
pub(crate) fn stored(text: &str) -> Option<StoredFile> {
    let (kind, path) = text.split_once('/')?;
    let kind = [FileKind::Input, FileKind::Temp, FileKind::Output].into_iter().find(|known| known.as_str() == kind)?;
    let (subfolder, name) = path.rsplit_once('/').unwrap_or(("", path));
    (!name.is_empty()).then(|| StoredFile::new(kind, subfolder, name))
}

/// `work` that orders something of the server, unless the user stops it.
async fn ordered<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    console::interruptible(work).await.map_err(|stopped| Failure {
        hints: vec![
            "the server may have carried it out: `genai-comfy status` and `genai-comfy queue` show what is true".to_owned(),
        ],
        ..stopped
    })?
}

/// What became of each of several.
struct Each<T> {
    done: Vec<T>,
    failed: Vec<Failed>,
    failures: Vec<Failure>,
}

impl<T> Each<T> {
    /// Whether the user wanted no more.
    fn stopped(&self) -> bool {
        self.failures.last().is_some_and(|failure| failure.kind == FailureKind::Interrupted)
    }
}

/// Does one after the other: what fails, or what the user stops, takes nothing from what is done.
async fn each<I, T>(
    items: impl IntoIterator<Item = I>,
    name: impl Fn(&I) -> String,
    mut work: impl AsyncFnMut(I) -> Result<T, Failure>,
) -> Each<T> {
    let mut each = Each { done: Vec::new(), failed: Vec::new(), failures: Vec::new() };
    for item in items {
        let name = name(&item);
        match work(item).await {
            Ok(done) => each.done.push(done),
            Err(failure) => {
                each.failed.push(Failed { item: name, error: (&failure).into() });
                each.failures.push(failure);
            }
        }
        if each.stopped() {
            break;
        }
    }
    each
}

/// Asks before something is done to everybody.
async fn confirmed(yes: bool, question: &str, screen: &Screen) -> Result<(), Failure> {
    if yes || screen.ask(question).await {
        return Ok(());
    }
    Err(Failure::new(FailureKind::Usage, "nothing was done").hint("answer `y`, or give `--yes`"))
}
