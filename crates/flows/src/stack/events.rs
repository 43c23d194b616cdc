//! What happens to the containers of a project, until nobody wants to hear more.

use std::ops::ControlFlow;

use docker_ops::{Engine, EventQuery, ProjectScope, Told};
use jiff::Timestamp;
use report::Failure;

use super::failure;

/// Which of the project's events are wanted.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose.
    pub project: ProjectScope,
    /// From when on; from now on if `None`.
    pub since: Option<Timestamp>,
    /// Until when; without end if `None`.
    pub until: Option<Timestamp>,
}

/// Tells what happens until `until`, or until `tell` breaks.
///
/// # Errors
/// An engine that refuses. One that goes away is told, and waited for.
pub async fn run(engine: &Engine, options: &Options, tell: &mut dyn FnMut(Told) -> ControlFlow<()>) -> Result<(), Failure> {
    let query = EventQuery { labels: options.project.labels(), since: options.since, until: options.until };
    let mut events = engine.events(query).await.map_err(|error| failure(&error))?;
    while let Some(told) = events.next().await.map_err(|error| failure(&error))? {
        if tell(told).is_break() {
            break;
        }
    }
    Ok(())
}
