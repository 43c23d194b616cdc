//! `up`, `down`, `restart`.

use std::time::Duration;

use clap::Args;

/// Bring the project up, or bring it to what genai.toml says now, and prove that it is guarded
///
/// Looks at engine, disk, ports, cards, image and folders first, writes PASSWORD from the source of truth if it is missing, makes anew only
/// what differs, and waits until all is well. Then it asks from this machine: refused without the token, let in with it; else exit code 3.
/// What it started and what can't be shown to be closed is stopped again, by this run or by the next.
///
/// Run again, it changes nothing. Stopped at any moment, the next run goes on from there.
#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How long to wait until all is well
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Build images even if the engine has them
    #[arg(long)]
    pub(crate) build: bool,
    /// Make containers anew even if they differ in nothing
    #[arg(long)]
    pub(crate) recreate: bool,
    /// Remove the project's containers that are of no service of genai.toml
    #[arg(long)]
    pub(crate) remove_orphans: bool,
    /// Go on though the engine is on another machine, where nobody can look for PASSWORD and the plugin before the start
    #[arg(long)]
    pub(crate) allow_unseen: bool,
}

/// Remove the project's containers and its network; folders and images stay
///
/// What `genai-stack` did not make, such as the containers of a compose.yaml in the same folder, is never removed.
#[derive(Debug, Args)]
pub(crate) struct Down {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Remove the volumes too that have no name, which an image's own VOLUME makes
    #[arg(long)]
    pub(crate) volumes: bool,
    /// Remove the containers too that `genai-stack` made for services that genai.toml has no more
    #[arg(long)]
    pub(crate) remove_orphans: bool,
}

/// Start the containers again as they are, so that ComfyUI reads its token anew, and prove it
#[derive(Debug, Args)]
pub(crate) struct Restart {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How long to wait until all is well
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Go on though the engine is on another machine, where nobody can look for PASSWORD and the plugin before the start
    #[arg(long)]
    pub(crate) allow_unseen: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "name a number of seconds from 1 to 86400".to_owned())
}
