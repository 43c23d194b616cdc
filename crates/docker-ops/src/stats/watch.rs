//! Watches all containers of a project, as they come and go.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    future::{AbortHandle, Aborted, abortable},
    stream::FuturesUnordered,
};
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::{sync::mpsc, time};
use url::form_urlencoded::Serializer;

use super::{Reading, Stats, StatsEvent};
use crate::{Engine, Error, ErrorKind};

/// A stream that ends while its container runs is opened again after this.
const WAIT: Duration = Duration::from_secs(1);

impl Engine {
    /// Gives the figures of every running container of the project, or of one service of it, until nobody reads them any more.
    ///
    /// # Errors
    /// What stops any request.
    pub async fn watch_stats(
        &self,
        project: &str,
        service: Option<&str>,
        events: &mpsc::Sender<StatsEvent>,
    ) -> Result<(), Error> {
        let mut watched: BTreeMap<Arc<str>, AbortHandle> = BTreeMap::new();
        let mut streams = FuturesUnordered::new();
        let mut changes = Changes::of(self, project).await?;
        loop {
            // Whoever starts from here on is heard of.
            let mut gone = watched.keys().cloned().collect::<Vec<_>>();
            for member in self.members(project).await? {
                gone.retain(|id| *id != member.id || !member.running);
                let wanted = member.running && service.is_none_or(|service| member.service == service);
                if wanted && !watched.contains_key(&member.id) {
                    let (stream, handle) = abortable(self.pass_on(member.id.clone(), events));
                    watched.insert(member.id.clone(), handle);
                    streams.push(stream);
                    if events.send(StatsEvent::Came(member)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            for id in gone {
                if let Some(handle) = watched.remove(&id) {
                    handle.abort();
                }
                if events.send(StatsEvent::Went(id)).await.is_err() {
                    return Ok(());
                }
            }
            tokio::select! {
                () = events.closed() => return Ok(()),
                changed = changes.next() => match changed? {
                    Some(Change { id, action }) if action == "start" => {
                        // Another life of it: what was counted before does not count.
                        if let Some(handle) = watched.remove(&*id) {
                            handle.abort();
                        }
                    }
                    Some(_) => {}
                    None => changes = Changes::of(self, project).await?,
                },
                Some(ended) = streams.next() => match ended {
                    Err(Aborted) => {}
                    Ok(ended) => drop(watched.remove(&ended?)),
                },
            }
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
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Protocol | ErrorKind::Timeout) => {}
            Err(error) => return Err(error),
        }
        time::sleep(WAIT).await;
        Ok(id)
    }
}

/// What the engine says of the project's containers.
struct Changes {
    body: Incoming,
    text: Vec<u8>,
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    id: String,
    #[serde(rename = "Action", default)]
    action: String,
}

impl Changes {
    async fn of(engine: &Engine, project: &str) -> Result<Self, Error> {
        let filters = serde_json::json!({
            "type": ["container"],
            "event": ["start", "die", "destroy"],
            "label": [format!("com.docker.compose.project={project}")],
        });
        let query = Serializer::new(String::new()).append_pair("filters", &filters.to_string()).finish();
        let answer = engine.ask(Method::GET, &format!("/events?{query}"), Bytes::new(), project).await?;
        Ok(Self { body: answer.into_body(), text: Vec::new() })
    }

    /// The next one; none if the engine ended the stream.
    async fn next(&mut self) -> Result<Option<Change>, Error> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                let change = serde_json::from_slice(&line);
                return change
                    .map(Some)
                    .map_err(|error| Error::new(ErrorKind::Protocol, "an event is not what an engine sends").because(error));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.text.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }
}
