//! What happens to the containers of a project, as far as whoever reads their streams must know.

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::{Engine, Error, ErrorKind, ProjectScope};

/// An event is never longer; a real one has some kilobytes.
const LONGEST: usize = 1 << 20;

/// What the engine says of the project's containers: which of them start, end and go.
pub(crate) struct Changes {
    body: Incoming,
    text: Vec<u8>,
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

impl Changes {
    /// From now on.
    pub(crate) async fn of(engine: &Engine, project: &ProjectScope) -> Result<Self, Error> {
        let filters = serde_json::json!({
            "type": ["container"],
            "event": ["start", "die", "destroy"],
            "label": project.labels(),
        });
        let query = Serializer::new(String::new()).append_pair("filters", &filters.to_string()).finish();
        let answer = engine.ask(Method::GET, &format!("/events?{query}"), Bytes::new(), &project.name).await?;
        Ok(Self { body: answer.into_body(), text: Vec::new() })
    }

    /// The next one; none if the engine ended the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Change>, Error> {
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
    use crate::engine::tests::stand_in::{StandIn, stream};

    #[tokio::test]
    async fn an_event_without_end_is_given_up() {
        let stand_in = StandIn::engine("1.41", "1.12", |_| stream(&[&"x".repeat(2 << 20)]));
        let engine = Engine::connect(&crate::Endpoint::Unix(stand_in.path.clone())).await.unwrap();
        let mut changes = Changes::of(&engine, &ProjectScope::named("p")).await.unwrap();
        assert_eq!(changes.next().await.err().map(|error| error.kind()), Some(ErrorKind::Protocol));
    }
}
