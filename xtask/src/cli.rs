//! The tasks by name.

use clap::{Args, Parser, Subcommand};
use console::{ExitCode, Screen, Shared};
use report::Failure;

use crate::{
    bench::{self, Bench},
    picture, schemas, stand_in, tidy, validate,
};

/// The project's own tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Validate(Validate),
    /// Measure what the documents claim, beside the rival in one run
    #[command(subcommand)]
    Bench(Bench),
    /// Prove the rules of the house: import edges, module headings, printing, secrets and paths, documents
    Tidy,
    /// Make docs/demo.svg anew from a real run of the demo
    Picture,
    /// Write the published JSON schemas anew
    Schemas,
    /// Make the program that stands for ComfyUI in the tests' containers: `genai-comfy`, linked statically
    StandIn,
}

/// Run everything that must be green: formatting, lints, tidy, tests, documentation, licenses, the demo
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Validate the running server at this URL too, as `genai-auth validate` does: same report, same exit code
    #[arg(long, value_name = "URL")]
    pub(crate) live: Option<String>,
    /// With --live: make an image too
    #[arg(long, requires = "live")]
    pub(crate) generate: bool,
}

/// Runs the task to its end.
pub(crate) async fn run(cli: &Cli, screen: &Screen) -> ExitCode {
    let ended = match &cli.task {
        Task::Validate(args) => validate::run(&cli.shared, args, screen).await,
        Task::Bench(bench) => bench::run(bench, &cli.shared, screen).await,
        Task::Tidy => tidy::run(screen),
        Task::Picture => picture::run(screen),
        Task::Schemas => schemas::run(screen),
        Task::StandIn => stand_in::run(screen),
    };
    ended.unwrap_or_else(|failure: Failure| screen.fail(&failure))
}
