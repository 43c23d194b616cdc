//! One question to the engine, its answer as it is.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::{Engine, Error, ask::whole};

/// The answer as JSON.
pub(super) async fn json(engine: &Engine, path: &str, what: &str) -> Result<Value, Error> {
    engine.read(path, what).await
}

/// The answer's bytes.
pub(super) async fn bytes(engine: &Engine, path: &str, what: &str) -> Result<Bytes, Error> {
    whole(engine.ask(Method::GET, path, Bytes::new(), what).await?, what).await
}

/// `text` as a part of a path or a query.
pub(super) fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
