//! What the containers of a project write, side by side, without a secret.

use std::{collections::BTreeMap, sync::Arc};

use docker_ops::{Engine, LogLine, LogQuery, Member};
use futures_util::future::try_join_all;
use report::Failure;
use tokio::sync::mpsc;

use super::{failure, members, redact::Redaction};

/// So many lines may wait for whoever reads them.
const WAITING: usize = 256;

/// A line, and whose it is.
#[derive(Debug, Clone)]
pub struct Told {
    /// Whose.
    pub member: Arc<Member>,
    /// The line, without a secret.
    pub line: LogLine,
}

/// Gives the lines of every container of the project, or of one service of it, to `told`, until there is none left, or nobody reads.
///
/// # Errors
/// An engine that does not answer, or can't give the lines; a project without containers.
pub async fn run(
    engine: &Engine,
    project: &str,
    service: Option<&str>,
    query: LogQuery,
    redaction: &Redaction,
    told: &mpsc::Sender<Told>,
) -> Result<(), Failure> {
    let members = members(engine, project, service).await?;
    let (lines, mut waiting) = mpsc::channel(WAITING);
    let ids: Vec<Arc<str>> = members.iter().map(|member| member.id.clone()).collect();
    let read = async {
        let lines = lines;
        let all = ids.iter().map(|id| engine.logs(id, query, &lines));
        try_join_all(all).await.map_err(|error| failure(&error))
    };
    let by_id: BTreeMap<Arc<str>, Arc<Member>> =
        members.into_iter().map(|member| (member.id.clone(), Arc::new(member))).collect();
    let pass = async {
        while let Some(mut line) = waiting.recv().await {
            let Some(member) = by_id.get(&line.container) else { continue };
            line.text = redaction.whole(&line.text).into_owned();
            if told.send(Told { member: member.clone(), line }).await.is_err() {
                waiting.close();
            }
        }
    };
    tokio::join!(read, pass).0.map(drop)
}
