//! `genai-stack render`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Write the stack as a file for another program; no engine is asked
#[derive(Debug, Args)]
pub(crate) struct Render {
    #[command(subcommand)]
    pub(crate) to: RenderTo,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RenderTo {
    Compose(RenderCompose),
    Swarm(RenderSwarm),
}

/// Write compose.yaml, for Docker Compose 1.29 and 2 alike
///
/// The file holds every service of genai.toml, or the one that --service names. It has no secret in it. What should not run so (a port
/// open to others, a secret in a variable) is refused; what could be better is a warning.
///
///   genai-stack render compose | docker compose --file - config
///
///   genai-stack render compose --out compose.yaml && docker compose up --detach
#[derive(Debug, Args)]
pub(crate) struct RenderCompose {
    /// Where to write it, whole or not at all, in place of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replace a file that genai-stack did not write, without asking
    #[arg(long, requires = "out")]
    pub(crate) yes: bool,
}

/// Write a stack file, for `docker stack deploy` on a Swarm
///
/// The file has no secret in it: each PASSWORD is a secret of the Swarm, whose name ends in its version, and the file's head says how to
/// make it. What a Swarm can't do, or does in another way, stands there too.
///
///   genai-stack render swarm > stack.yaml && docker stack deploy --compose-file stack.yaml studio
///
/// `genai-stack swarm up` does the same by itself, and waits until every replica runs.
#[derive(Debug, Args)]
pub(crate) struct RenderSwarm {
    /// Where to write it, whole or not at all, in place of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replace a file that genai-stack did not write, without asking
    #[arg(long, requires = "out")]
    pub(crate) yes: bool,
}
