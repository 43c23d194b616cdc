//! What the containers of a project use up.

use std::sync::Arc;

use docker_ops::{Engine, Member, ProjectScope, Stats, StatsEvent};
use report::Failure;
use tokio::sync::mpsc;

use super::{failure, members};

/// The figures of every container of the project, or of one service of it; none of one that does not run.
///
/// # Errors
/// An engine that does not answer; a project without containers.
pub async fn once(
    engine: &Engine,
    project: &ProjectScope,
    service: Option<&str>,
) -> Result<Vec<(Member, Option<Stats>)>, Failure> {
    let members = members(engine, project, service).await?;
    let running: Vec<Arc<str>> = members.iter().filter(|member| member.running).map(|member| member.id.clone()).collect();
    let mut stats = engine.stats(&running).await.map_err(|error| failure(&error))?;
    let mut figures = |member: &Member| {
        let nth = running.iter().position(|id| *id == member.id)?;
        stats[nth].take()
    };
    Ok(members
        .into_iter()
        .map(|member| {
            let stats = figures(&member);
            (member, stats)
        })
        .collect())
}

/// The same, about every second, as containers come and go, until nobody reads.
///
/// # Errors
/// An engine that does not answer.
pub async fn watch(
    engine: &Engine,
    project: &ProjectScope,
    service: Option<&str>,
    events: &mpsc::Sender<StatsEvent>,
) -> Result<(), Failure> {
    engine.watch_stats(project, service, events).await.map_err(|error| failure(&error))
}
