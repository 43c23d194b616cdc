//! Plain questions to the engine, with its refusals as typed errors.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Collected, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use crate::{Engine, Error, ErrorKind};

/// More than this is no answer to a plain question.
const MOST: usize = 64 << 20;

impl Engine {
    /// The answer, if the engine did not refuse. `what` names the operand in the error.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Bytes, what: &str) -> Result<Response<Incoming>, Error> {
        let answer = self.send(method, path, body).await?;
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer, what).await) }
    }

    /// What stands at `path`, as JSON.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<T, Error> {
        parsed(self.ask(Method::GET, path, Bytes::new(), what).await?, what).await
    }
}

/// The whole body as JSON.
pub(crate) async fn parsed<T: DeserializeOwned>(answer: Response<Incoming>, what: &str) -> Result<T, Error> {
    let body = Limited::new(answer.into_body(), MOST).collect().await;
    let body =
        body.map_err(|error| Error::new(ErrorKind::Protocol, format!("the answer on `{what}` broke off")).because(error))?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| {
        Error::new(ErrorKind::Protocol, format!("the answer on `{what}` is not what an engine sends")).because(error)
    })
}

/// Older engines refuse in plain text, newer ones in JSON.
pub(crate) async fn refusal(answer: Response<Incoming>, what: &str) -> Error {
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MOST).collect().await.map(Collected::to_bytes).unwrap_or_default();
    let told = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let told = told.as_ref().and_then(|value| value.get("message")?.as_str()).map(str::to_owned);
    let told = told.unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned());
    let kind = match status {
        StatusCode::BAD_REQUEST => ErrorKind::BadRequest,
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        StatusCode::NOT_IMPLEMENTED => ErrorKind::Unsupported,
        _ => ErrorKind::Server,
    };
    Error::new(kind, format!("the engine refuses for `{what}`: {told}"))
}
