//! `genai-comfy batch`: the journey is `flows::comfy::batch`, shown as it goes on.

use console::{
    BatchView, ExitCode, Screen,
    json::batch_v1::{File, Line},
};
use flows::comfy::batch::{self, Made, Order, Row};
use report::Failure;
use settings::{Settings, World};

use super::door;
use crate::cli::{self, Cli};

pub(super) async fn run(world: &World, cli: &Cli, args: &cli::Batch, screen: &Screen) -> Result<ExitCode, Failure> {
    let sink = screen.sink();
    let order = Order {
        file: &args.file,
        workflow: args.workflow.as_deref(),
        set: &args.set,
        out: &args.out,
        results: args.results.as_deref(),
        resume: args.resume,
        concurrency: args.concurrency,
        deadline: args.deadline,
        line: |row| line(row).text(),
        sink: &sink,
        world,
    };
    let servers = || Ok((Settings::load_fleet(&cli.shared.settings(), world)?, door(cli)?));
    let checked = console::interruptible(batch::check(&order, servers)).await??;
    if args.dry_run {
        screen.say(&format!("{} items can be sent", checked.count()));
        return Ok(ExitCode::Well);
    }
    let mut batch = console::interruptible(checked.begin()).await??;
    let mut view = BatchView::new(screen, batch.total(), batch.skipped());
    while let Some(row) = batch.next(console::interrupted, view.room()).await {
        view.show(&line(&row));
    }
    let (took, failure) = batch.end();
    Ok(view.end(took, failure.as_ref()))
}

fn line(row: &Row) -> Line {
    Line {
        version: 1,
        at: row.at.clone(),
        id: row.id.clone(),
        outcome: row.outcome.to_owned(),
        backend: row.backend.clone(),
        prompt_id: row.prompt_id.clone(),
        reroutes: row.reroutes,
        seconds: (row.waited.as_secs_f64() * 1000.0).round() / 1000.0,
        files: row.files.iter().map(file).collect(),
        error: row.failure.as_ref().map(Into::into),
    }
}

fn file(made: &Made) -> File {
    let home = made.home.as_ref();
    File {
        file: made.file.clone(),
        node: made.node.clone(),
        path: home.map(|home| home.path.clone()),
        bytes: home.map(|home| home.bytes),
        sha256: home.map(|home| home.sha256.clone()),
    }
}
