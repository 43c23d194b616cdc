//! One request, one answer in JSON, and what a refusal means.

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Engine, Error, ErrorKind};

/// Asks for an object.
pub(crate) async fn get<T: DeserializeOwned>(engine: &Engine, path: &str) -> Result<T, Error> {
    read(path, &bytes(engine, Method::GET, path, Bytes::new()).await?)
}

/// Sends an object, and gives the answer.
pub(crate) async fn post<T: DeserializeOwned>(engine: &Engine, path: &str, body: &impl Serialize) -> Result<T, Error> {
    let body = serde_json::to_vec(body)
        .map_err(|error| Error::new(ErrorKind::InvalidConfig, format!("`{path}` can't be asked for")).because(error))?;
    read(path, &bytes(engine, Method::POST, path, body.into()).await?)
}

/// Removes an object; one that is not there is well too, and answers `false`.
pub(crate) async fn delete(engine: &Engine, path: &str) -> Result<bool, Error> {
    match bytes(engine, Method::DELETE, path, Bytes::new()).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

async fn bytes(engine: &Engine, method: Method, path: &str, body: Bytes) -> Result<Bytes, Error> {
    let answer = engine.send(method, path, body).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await;
    let body =
        body.map_err(|error| Error::new(ErrorKind::Protocol, format!("the answer to `{path}` broke off")).because(error))?;
    let body = body.to_bytes();
    if status.is_success() { Ok(body) } else { Err(refusal(status, &body)) }
}

fn read<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        Error::new(ErrorKind::Protocol, format!("the answer to `{path}` is not what an engine sends")).because(error)
    })
}

/// An engine explains itself in JSON; one that refuses a version does in plain text.
fn refusal(status: StatusCode, body: &[u8]) -> Error {
    let json = serde_json::from_slice::<serde_json::Value>(body).ok();
    let said = json.and_then(|json| json["message"].as_str().map(str::to_owned));
    let said = said.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    let kind = match status {
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        StatusCode::BAD_REQUEST if said.contains("is in use") => ErrorKind::InUse,
        StatusCode::FORBIDDEN if said.contains("has active endpoints") => ErrorKind::InUse,
        StatusCode::SERVICE_UNAVAILABLE if said.contains("not a swarm manager") => ErrorKind::NoSwarm,
        status if status.is_client_error() => ErrorKind::BadRequest,
        _ => ErrorKind::Server,
    };
    let error = Error::new(kind, format!("the engine refuses: {}", said.trim_end_matches('.')));
    if kind == ErrorKind::NoSwarm {
        error.hint("make this machine a Swarm of one: `docker swarm init --advertise-addr 127.0.0.1`")
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_a_kind_and_the_engines_own_words() {
        for (status, body, kind, words) in [
            (404, r#"{"message":"No such service: x"}"#, ErrorKind::NotFound, "the engine refuses: No such service: x"),
            (409, r#"{"message":"name taken"}"#, ErrorKind::Conflict, "the engine refuses: name taken"),
            (400, r#"{"message":"secret 'a' is in use by the following service: b"}"#, ErrorKind::InUse, "secret 'a' is in use"),
            (
                400,
                "client version 1.12 is too old.\n",
                ErrorKind::BadRequest,
                "the engine refuses: client version 1.12 is too old",
            ),
            (503, r#"{"message":"This node is not a swarm manager. Use …"}"#, ErrorKind::NoSwarm, "not a swarm manager"),
            (500, "", ErrorKind::Server, "the engine refuses: "),
        ] {
            let error = refusal(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            assert_eq!(error.kind(), kind, "{body}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
