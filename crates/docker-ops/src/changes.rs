//! What happens to the containers of a project, as far as whoever reads their streams must know.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};
use url::form_urlencoded::Serializer;

use crate::{Engine, Error, ErrorKind, ProjectScope};

/// An event is never longer; a real one has some kilobytes.
const LONGEST: usize = 1 << 20;

/// A stream that ended is opened again after this, then after twice as long, up to [`MOST_WAIT`]; and again after this once it has lasted
/// longer than that.
const WAIT: Duration = Duration::from_millis(50);
const MOST_WAIT: Duration = Duration::from_secs(5);

/// What the engine says of the project's containers: which of them start, end and go.
pub(crate) struct Changes<'a> {
    engine: &'a Engine,
    project: &'a ProjectScope,
    /// None once the engine ended it.
    body: Option<Incoming>,
    text: Vec<u8>,
    opened: Instant,
    wait: Duration,
}

#[derive(Deserialize)]
pub(crate) struct Change {
    /// The container's.
    #[serde(default)]
    pub(crate) id: String,
    /// `start`, `die` or `destroy`.
    #[serde(rename = "Action", default)]
    pub(crate) action: String,
}

impl<'a> Changes<'a> {
    /// From now on.
    pub(crate) async fn of(engine: &'a Engine, project: &'a ProjectScope) -> Result<Self, Error> {
        let body = Some(Self::open(engine, project).await?);
        Ok(Self { engine, project, body, text: Vec::new(), opened: Instant::now(), wait: WAIT })
    }

    async fn open(engine: &Engine, project: &ProjectScope) -> Result<Incoming, Error> {
        let filters = serde_json::json!({
            "type": ["container"],
            "event": ["start", "die", "destroy"],
            "label": project.labels(),
        });
        let query = Serializer::new(String::new()).append_pair("filters", &filters.to_string()).finish();
        Ok(engine.ask(Method::GET, &format!("/events?{query}"), Bytes::new(), &project.name).await?.into_body())
    }

    /// The next one; none if the engine ended the stream, and it was opened again: then only the list tells what happened meanwhile. May be
    /// dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<Change>, Error> {
        loop {
            let Some(body) = &mut self.body else {
                sleep_until(self.opened + self.wait).await;
                self.body = Some(Self::open(self.engine, self.project).await?);
                (self.opened, self.wait) = (Instant::now(), (2 * self.wait).min(MOST_WAIT));
                return Ok(None);
            };
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                let change = serde_json::from_slice(&line);
                return change
                    .map(Some)
                    .map_err(|error| Error::new(ErrorKind::Protocol, "an event is not what an engine sends").because(error));
            }
            match body.frame().await {
                Some(Ok(frame)) => self.text.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(_)) | None => {
                    if self.opened.elapsed() > MOST_WAIT {
                        self.wait = WAIT;
                    }
                    (self.body, self.text) = (None, Vec::new());
                    continue;
                }
            }
            if self.text.len() > LONGEST {
                let message = format!("an event has more than {} MiB, as no engine's has", LONGEST >> 20);
                return Err(Error::new(ErrorKind::Protocol, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::stand_in::{StandIn, say, stream};

    #[tokio::test]
    async fn an_event_without_end_is_given_up() {
        let stand_in = StandIn::engine("1.41", "1.12", |_| stream(&[&"x".repeat(2 << 20)]));
        let engine = Engine::connect(&crate::Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        let project = ProjectScope::named("p");
        let mut changes = Changes::of(&engine, &project).await.unwrap();
        assert_eq!(changes.next().await.err().map(|error| error.kind()), Some(ErrorKind::Protocol));
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_ends_the_stream_at_once_is_asked_less_and_less_often() {
        let stand_in = StandIn::engine("1.41", "1.12", |_| say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        let engine = Engine::connect(&crate::Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        let (project, began) = (ProjectScope::named("p"), Instant::now());
        let mut changes = Changes::of(&engine, &project).await.unwrap();
        let mut after = Vec::new();
        for _ in 0..9 {
            // Who waits for something else meanwhile drops the wait; it goes on.
            drop(tokio::time::timeout(Duration::from_millis(1), changes.next()).await);
            assert!(changes.next().await.unwrap().is_none());
            after.push(began.elapsed().as_millis() / 50);
        }
        assert_eq!(after, [1, 3, 7, 15, 31, 63, 127, 227, 327]);
    }
}
