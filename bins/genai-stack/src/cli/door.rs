//! Which engine is meant.

use clap::Args;

/// Which Docker Engine is meant. Docker's own variables and contexts count, too.
#[derive(Debug, Args)]
#[command(next_help_heading = "Engine options")]
pub(crate) struct Door {
    /// Where the engine listens: unix://PATH, tcp://HOST:PORT or ssh://USER@HOST [default: as docker decides]
    #[arg(long, value_name = "HOST", global = true)]
    pub(crate) host: Option<String>,
    /// The Docker context to use, one of `docker context ls`; not together with --host
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) context: Option<String>,
}

impl super::Cli {
    /// What the flags say to the settings.
    pub(crate) fn settings(&self) -> settings::Flags {
        let Door { host, context } = &self.door;
        settings::Flags { host: host.clone(), context: context.clone(), ..self.shared.settings() }
    }
}
