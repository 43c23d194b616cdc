//! The log: off unless asked for, on standard error.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{LogFormat, Shared};

/// Starts the log as the flags ask. Called once; a second call changes nothing.
pub(crate) fn start(flags: &Shared, color: bool) {
    let level = match (flags.quiet, flags.verbose) {
        (true, _) | (_, 0) => return,
        (_, 1) => "info,comfy_client=debug,comfy_sim=debug",
        _ => "trace,hyper=debug,hyper_util=debug",
    };
    let registry = tracing_subscriber::registry().with(EnvFilter::new(level));
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(color);
    // An error means that a log is running already, which is what was wanted.
    let _ = match flags.log_format {
        LogFormat::Text => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json()).try_init(),
    };
}
