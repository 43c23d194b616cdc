//! What goes over the wire, and what we make of every answer that an engine, or something else, may give. No engine is needed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod events;
mod negotiation;
mod ssh;
mod stand_in;
mod tls;

use docker_ops::{Endpoint, Engine, Error};
use stand_in::StandIn;

/// A connection to the stand-in.
async fn connect(stand_in: &StandIn) -> Result<Engine, Error> {
    Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await
}

/// Kind, words, causes and hints, a line each.
fn told(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let causes: String = causes.map(|cause| format!("\n  because {cause}")).collect();
    let hints: String = error.hints().iter().map(|hint| format!("\n  hint: {hint}")).collect();
    format!("{:?}: {error}{causes}{hints}", error.kind())
}
