//! The logs of all containers of a project, as they come and go.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt, future, stream::FuturesUnordered};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::{LogLine, LogQuery};
use crate::{
    Engine, Error, ErrorKind, Member, ProjectScope,
    changes::{Change, Changes},
};

/// So many lines may wait to be passed on.
const WAITING: usize = 64;

/// What is heard of the containers of a project.
#[derive(Debug)]
pub enum LogsEvent {
    /// This one is read from now on: it was there, or it was made anew.
    Came(Member),
    /// It wrote this.
    Line(LogLine),
    /// What this one writes can't be read, and why; the others are read on.
    Unreadable {
        /// The container's id.
        container: Arc<str>,
        /// Why.
        error: Error,
    },
}

/// How far a container is read.
enum Read {
    /// It is being read.
    On,
    /// To its end, which was then.
    Until(Option<Timestamp>),
    /// Not at all: it can't be.
    Never,
}

impl Engine {
    /// Gives the lines of every container of the project, or of one service of it, until there is none left, or nobody reads. Who follows
    /// without a last moment hears on for ever: of containers that start again, and of those that are made anew, from their first line on.
    ///
    /// # Errors
    /// What stops any request. A container whose lines can't be read stops nothing: see [`LogsEvent::Unreadable`].
    pub async fn project_logs(
        &self,
        project: &ProjectScope,
        service: Option<&str>,
        query: LogQuery,
        told: &mpsc::Sender<LogsEvent>,
    ) -> Result<(), Error> {
        let endless = query.follow && query.until.is_none();
        // Whoever starts from here on is heard of.
        let mut changes = if endless { Some(Changes::of(self, project).await?) } else { None };
        let (lines, mut waiting) = mpsc::channel(WAITING);
        let mut known: BTreeMap<Arc<str>, Read> = BTreeMap::new();
        let mut readers = FuturesUnordered::new();
        let mut tail = query.tail;
        loop {
            let members = self.members(project).await?.into_iter();
            for member in members.filter(|member| service.is_none_or(|service| member.service == service)) {
                let id = member.id.clone();
                let since = match known.get(&id) {
                    None => {
                        if told.send(LogsEvent::Came(member)).await.is_err() {
                            return Ok(());
                        }
                        query.since
                    }
                    Some(Read::Until(last)) if member.running => {
                        query.since.max(last.map(|last| last + SignedDuration::from_nanos(1)))
                    }
                    Some(_) => continue,
                };
                known.insert(id.clone(), Read::On);
                let (query, lines) = (LogQuery { tail, since, ..query }, &lines);
                readers.push(async move { (self.logs_until(&id, query, lines).await, id) });
            }
            // Of what comes later, all is new.
            tail = None;
            while endless || !readers.is_empty() {
                tokio::select! {
                    biased;
                    () = told.closed() => return Ok(()),
                    Some(line) = waiting.recv() => {
                        if told.send(LogsEvent::Line(line)).await.is_err() {
                            return Ok(());
                        }
                    }
                    changed = next(&mut changes) => match changed? {
                        None => break,
                        Some(change) if change.action == "start" => break,
                        Some(_) => {}
                    },
                    Some((ended, id)) = readers.next() => {
                        // What was read is told before its end.
                        while let Ok(line) = waiting.try_recv() {
                            if told.send(LogsEvent::Line(line)).await.is_err() {
                                return Ok(());
                            }
                        }
                        let read = match ended {
                            Ok(until) => Read::Until(until),
                            // It went, or is about to.
                            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Conflict) => Read::Never,
                            Err(error) if is_its_own(&error) => {
                                if told.send(LogsEvent::Unreadable { container: id.clone(), error }).await.is_err() {
                                    return Ok(());
                                }
                                Read::Never
                            }
                            Err(error) => return Err(error),
                        };
                        known.insert(id, read);
                        if endless {
                            // It may have been started again while its end was read.
                            break;
                        }
                    }
                }
            }
            if !endless {
                return Ok(());
            }
        }
    }
}

async fn next(changes: &mut Option<Changes<'_>>) -> Result<Option<Change>, Error> {
    match changes {
        Some(changes) => changes.next().await,
        None => future::pending().await,
    }
}

/// Whether it is about one container alone: the engine, and the way to it, are well.
fn is_its_own(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Server | ErrorKind::Protocol)
}
