//! Plain questions to the engine: one request, one answer in JSON.

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Engine, Error, ErrorKind};

/// More than this is no answer to a plain question.
const MOST: usize = 64 << 20;

impl Engine {
    /// What stands at `path`, as JSON. `what` names the operand in the error.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<T, Error> {
        parsed(self.ask(Method::GET, path, Bytes::new(), what).await?, what).await
    }
}

/// Asks for an object.
pub(crate) async fn get<T: DeserializeOwned>(engine: &Engine, path: &str) -> Result<T, Error> {
    parsed(engine.send(Method::GET, path, Bytes::new()).await?, path).await
}

/// Sends an object, and gives the answer.
pub(crate) async fn post<T: DeserializeOwned>(engine: &Engine, path: &str, body: &impl Serialize) -> Result<T, Error> {
    let body = serde_json::to_vec(body)
        .map_err(|error| Error::new(ErrorKind::InvalidConfig, format!("`{path}` can't be asked for")).because(error))?;
    parsed(engine.send(Method::POST, path, body.into()).await?, path).await
}

/// Removes an object; one that is not there is well too, and answers `false`.
pub(crate) async fn delete(engine: &Engine, path: &str) -> Result<bool, Error> {
    match engine.send(Method::DELETE, path, Bytes::new()).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The whole body as JSON.
pub(crate) async fn parsed<T: DeserializeOwned>(answer: Response<Incoming>, what: &str) -> Result<T, Error> {
    let bytes = whole(answer, what).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(ErrorKind::Protocol, format!("the answer on `{what}` is not what an engine sends")).because(error)
    })
}

/// The whole body.
pub(crate) async fn whole(answer: Response<Incoming>, what: &str) -> Result<Bytes, Error> {
    bounded(answer, MOST, &format!("`{what}`")).await
}

/// The whole body, of so many bytes at most.
pub(crate) async fn bounded(answer: Response<Incoming>, most: usize, operand: &str) -> Result<Bytes, Error> {
    let body = Limited::new(answer.into_body(), most).collect().await;
    let body = body.map_err(|error| match error.is::<LengthLimitError>() {
        true => {
            Error::new(ErrorKind::Protocol, format!("{operand}: the answer has more than {} MiB, as no engine's has", most >> 20))
        }
        false => Error::cut(operand, error),
    })?;
    Ok(body.to_bytes())
}
