//! One question to the engine, its answer as it is.

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;

use crate::{Engine, Error, ErrorKind};

/// No answer that we ask for is near this.
const MOST: usize = 16 << 20;

/// The answer as JSON.
pub(super) async fn json(engine: &Engine, path: &str) -> Result<Value, Error> {
    let bytes = bytes(engine, path).await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::new(ErrorKind::Protocol, "the engine's answer is no JSON").because(error))
}

/// The answer's bytes.
pub(super) async fn bytes(engine: &Engine, path: &str) -> Result<Bytes, Error> {
    let answer = engine.send(Method::GET, path, Bytes::new()).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MOST).collect().await;
    let body = body.map_err(|error| Error::new(ErrorKind::Protocol, "the engine's answer broke off").because(error))?.to_bytes();
    if status == StatusCode::OK {
        return Ok(body);
    }
    let said = serde_json::from_slice::<Value>(&body).ok().and_then(|answer| answer["message"].as_str().map(str::to_owned));
    let kind = match status {
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::BAD_REQUEST => ErrorKind::BadRequest,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        _ => ErrorKind::Server,
    };
    Err(Error::new(kind, said.unwrap_or_else(|| format!("the engine answers {status}"))))
}

/// `text` as a part of a path or a query.
pub(super) fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
