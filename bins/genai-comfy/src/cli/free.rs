//! `genai-comfy free`.

use clap::Args;

/// Let the server give memory back, as soon as nothing runs
///
/// Without a flag it does both.
#[derive(Debug, Args)]
pub(crate) struct Free {
    /// Unload the models from the card
    #[arg(long)]
    pub(crate) unload_models: bool,
    /// Forget what nodes computed, too; this unloads the models as well
    #[arg(long)]
    pub(crate) free_memory: bool,
}
