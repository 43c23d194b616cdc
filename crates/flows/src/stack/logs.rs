//! What the containers of a project write, side by side, without a secret.

use std::{collections::BTreeMap, sync::Arc};

use docker_ops::{Engine, LogLine, LogQuery, LogsEvent, Member};
use report::Failure;
use tokio::sync::mpsc;

use super::{failure, members, redact::Redaction};

/// So much may wait for whoever reads it.
const WAITING: usize = 256;

/// What is told of a container.
#[derive(Debug, Clone)]
pub struct Told {
    /// Of which.
    pub member: Arc<Member>,
    /// A line of it, without a secret; or why there will be none.
    pub line: Result<LogLine, Failure>,
}

/// Gives the lines of every container of the project, or of one service of it, to `told`, until there is none left, or nobody reads. Who
/// follows hears of containers that are made anew, too.
///
/// # Errors
/// An engine that does not answer; a project without containers, or without one whose lines can be read.
pub async fn run(
    engine: &Engine,
    project: &str,
    service: Option<&str>,
    query: LogQuery,
    redaction: &Redaction,
    told: &mpsc::Sender<Told>,
) -> Result<(), Failure> {
    members(engine, project, service).await?;
    let (sender, mut events) = mpsc::channel(WAITING);
    let read = async move { engine.project_logs(project, service, query, &sender).await.map_err(|error| failure(&error)) };
    let pass = async move {
        let mut by_id: BTreeMap<Arc<str>, Arc<Member>> = BTreeMap::new();
        let mut mute = 0;
        while let Some(event) = events.recv().await {
            let (id, line) = match event {
                LogsEvent::Came(member) => {
                    by_id.insert(member.id.clone(), Arc::new(member));
                    continue;
                }
                LogsEvent::Line(mut line) => {
                    line.text = redaction.whole(&line.text).into_owned();
                    (line.container.clone(), Ok(line))
                }
                LogsEvent::Unreadable { container, error } => {
                    mute += 1;
                    let failed = failure(&error);
                    if mute == by_id.len() {
                        return Err(failed);
                    }
                    (container, Err(failed))
                }
            };
            let Some(member) = by_id.get(&id).cloned() else { continue };
            if told.send(Told { member, line }).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    let (read, passed) = tokio::join!(read, pass);
    read.and(passed)
}
