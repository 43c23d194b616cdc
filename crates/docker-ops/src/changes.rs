//! What happens to the containers of a project, as far as whoever reads their streams must know.

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::{Engine, Error, ErrorKind};

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
    pub(crate) async fn of(engine: &Engine, project: &str) -> Result<Self, Error> {
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
        }
    }
}
