//! `genai-stack events`

use clap::Args;

/// Tell what happens to the project's containers, until Ctrl-C
///
/// Starts, ends with their codes, signals, full memory, health. When the connection is lost or the engine restarts, the stream goes on where
/// it was: nothing is told twice, and what nobody saw is told as such. With `--format json` each happening is one line.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// From when on: how long ago (`10m`) or a time; the engine remembers its last 256 events [default: now]
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Until when: how long ago (`1m`) or a time [default: until Ctrl-C]
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// The Compose project that is meant [default: named after the project's folder]
    #[arg(long, value_name = "NAME")]
    pub(crate) project_name: Option<String>,
}
