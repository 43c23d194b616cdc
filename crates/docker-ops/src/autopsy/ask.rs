//! One question to the engine, its answer as it is.

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt, Limited};
use serde_json::Value;

use crate::{Engine, Error, ErrorKind};

/// No answer that we ask for is near this.
const MOST: usize = 16 << 20;

/// The answer as JSON. `what` names the operand in an error.
pub(super) async fn json(engine: &Engine, path: &str, what: &str) -> Result<Value, Error> {
    engine.read(path, what).await
}

/// The answer's bytes.
pub(super) async fn bytes(engine: &Engine, path: &str, what: &str) -> Result<Bytes, Error> {
    let answer = engine.ask(Method::GET, path, Bytes::new(), what).await?;
    let body = Limited::new(answer.into_body(), MOST).collect().await;
    let body =
        body.map_err(|error| Error::new(ErrorKind::Protocol, format!("the answer on `{what}` broke off")).because(error))?;
    Ok(body.to_bytes())
}

/// `text` as a part of a path or a query.
pub(super) fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
