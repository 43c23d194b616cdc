//! Watches all containers of a project, as they come and go.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{
    StreamExt,
    future::{AbortHandle, Aborted, abortable},
    stream::FuturesUnordered,
};
use tokio::{sync::mpsc, time};

use super::{Reading, Stats, StatsEvent};
use crate::{
    Engine, Error, ErrorKind, Member, ProjectScope,
    changes::{Change, Changes},
};

/// A stream that ends while its container runs is opened again after this.
const WAIT: Duration = Duration::from_secs(1);

impl Engine {
    /// Gives the figures of every running container of the project, or of one service of it, until nobody reads them any more.
    ///
    /// # Errors
    /// What stops any request.
    pub async fn watch_stats(
        &self,
        project: &ProjectScope,
        service: Option<&str>,
        events: &mpsc::Sender<StatsEvent>,
    ) -> Result<(), Error> {
        // Whoever starts from here on is heard of.
        let mut changes = Changes::of(self, project).await?;
        let mut watched: BTreeMap<Arc<str>, AbortHandle> = BTreeMap::new();
        let mut streams = FuturesUnordered::new();
        let mut ended: Option<Arc<str>> = None;
        loop {
            let members = self.members(project).await?;
            let wanted = |member: &Member| member.running && service.is_none_or(|service| member.service == service);
            let members: Vec<Member> = members.into_iter().filter(wanted).collect();
            let gone: Vec<_> = watched.keys().filter(|id| members.iter().all(|member| member.id != **id)).cloned().collect();
            for id in gone {
                if let Some(handle) = watched.remove(&id) {
                    handle.abort();
                }
                if events.send(StatsEvent::Went(id)).await.is_err() {
                    return Ok(());
                }
            }
            for member in members {
                let is_new = !watched.contains_key(&member.id);
                if is_new || ended.as_ref() == Some(&member.id) {
                    let (stream, handle) = abortable(self.pass_on(member.id.clone(), events));
                    watched.insert(member.id.clone(), handle);
                    streams.push(stream);
                }
                if is_new && events.send(StatsEvent::Came(member)).await.is_err() {
                    return Ok(());
                }
            }
            ended = loop {
                tokio::select! {
                    () = events.closed() => return Ok(()),
                    changed = changes.next() => match changed? {
                        None => break None,
                        Some(Change { id, action }) => {
                            // The list may not know of it yet. After a start it is another life: what was counted does not count.
                            if let Some((id, handle)) = watched.remove_entry(&*id) {
                                handle.abort();
                                if events.send(StatsEvent::Went(id)).await.is_err() {
                                    return Ok(());
                                }
                            }
                            if action == "start" {
                                break None;
                            }
                        }
                    },
                    Some(stream) = streams.next() => match stream {
                        Err(Aborted) => {}
                        Ok(id) => break Some(id?),
                    },
                }
            };
        }
    }

    /// Passes on the figures of one container until its stream ends.
    async fn pass_on(&self, id: Arc<str>, events: &mpsc::Sender<StatsEvent>) -> Result<Arc<str>, Error> {
        let passed: Result<(), Error> = async {
            let mut readings = self.readings(&id).await?;
            loop {
                let stats: Stats = match readings.next().await? {
                    Reading::Known(stats) => stats,
                    Reading::NotYet => continue,
                    Reading::NotRunning | Reading::Ended => return Ok(()),
                };
                if events.send(StatsEvent::Read(stats)).await.is_err() {
                    return Ok(());
                }
            }
        }
        .await;
        match passed {
            Ok(()) => {}
            // It went, or its stream broke: the list will say.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Broken | ErrorKind::Protocol | ErrorKind::Timeout) => {
            }
            Err(error) => return Err(error),
        }
        time::sleep(WAIT).await;
        Ok(id)
    }
}
