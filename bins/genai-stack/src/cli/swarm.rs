//! `genai-stack swarm`.

use clap::{Args, Subcommand};

/// Run the stack on a Docker Swarm: one replica a card, on as many machines as it has
///
/// Ask a manager of the Swarm. Each node that has cards must offer them: `node-generic-resources` in its daemon.json, a line
/// `GPU=GPU-…` for each. `docker stack ls`, `ps` and `rm` know the result.
#[derive(Debug, Args)]
pub(crate) struct Swarm {
    #[command(subcommand)]
    pub(crate) action: SwarmAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SwarmAction {
    /// Make the Swarm have what genai.toml asks for, and wait until every replica runs
    ///
    /// Nothing is changed if a PASSWORD, or the plugin on this machine, is missing or not as it must be: ComfyUI would run without a login.
    ///
    /// Each PASSWORD is given to the Swarm as a secret, whose name ends in its version. After a rotation run it again: every replica is
    /// started with the new one, one after the other, and then the old one is removed.
    Up {
        /// Say what would be changed, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Go on though the engine is on another machine, where nobody looked for the plugin: the health check alone tells
        #[arg(long)]
        allow_unseen: bool,
        /// How long to wait for every replica
        #[arg(long, value_name = "SECONDS", default_value_t = 600)]
        timeout: u64,
    },
    /// Remove the services, the network and the secrets of the stack
    Down {
        /// How long to wait for the containers to end
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        timeout: u64,
    },
    /// Show what runs, and why what should run does not
    Status,
}
