//! Which API version is spoken: the newest that both sides know, and no other.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Deserialize;

use super::{ask, text};
use crate::{ApiVersion, Endpoint, Error, ErrorKind, Negotiated, wire::Pool};

/// What `/version` says, as far as it plays a part here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: Option<String>,
    #[serde(rename = "MinAPIVersion")]
    oldest: Option<String>,
}

/// Asks twice: `/_ping`, which alone has no version in its path and says the engine's newest; then `/version` in the version that follows
/// from it, which says the oldest, and proves that the engine takes it.
pub(super) async fn negotiate(pool: &Pool, endpoint: &Endpoint, wanted: Option<ApiVersion>) -> Result<Negotiated, Error> {
    let operand = format!("the engine at `{endpoint}`");
    let (newest, server) = ping(pool, endpoint, &operand).await?;
    let used = match wanted {
        Some(wanted) if wanted > newest => {
            let message = format!("{operand} speaks API {newest} at most, and {wanted} is asked for");
            return Err(Error::new(ErrorKind::TooOld, message).hint("unset `DOCKER_API_VERSION`, or update Docker Engine"));
        }
        Some(wanted) => wanted,
        None => newest.min(ApiVersion::NEWEST),
    };
    if used < ApiVersion::OLDEST {
        let message = format!("{operand} speaks API {newest} at most, and {} is needed", ApiVersion::OLDEST);
        return Err(Error::new(ErrorKind::TooOld, message).hint("update Docker Engine to 20.10 or newer"));
    }
    let too_new = |oldest: &ApiVersion| {
        let message = format!("{operand} speaks API {oldest} at least, and we speak {used}");
        let hint = if wanted.is_some() { "unset `DOCKER_API_VERSION`" } else { "update this program" };
        Error::new(ErrorKind::TooNew, message).hint(hint)
    };
    let version = match ask(pool, Method::GET, &format!("/v{used}/version"), Bytes::new(), &operand).await {
        Ok(answer) => text(answer, &operand).await?,
        Err(error) if error.kind() == ErrorKind::TooNew => {
            return Err(match error.engine_said().and_then(named_version) {
                Some(oldest) => too_new(&oldest).in_place_of(error),
                None => error,
            });
        }
        Err(error) => return Err(error),
    };
    let version: Version = serde_json::from_str(&version).map_err(|error| {
        Error::new(ErrorKind::Protocol, format!("{operand} says nothing that can be understood of its version")).because(error)
    })?;
    let oldest = version.oldest.map(|oldest| oldest.parse::<ApiVersion>()).transpose()?;
    if let Some(oldest) = oldest.filter(|oldest| used < *oldest) {
        return Err(too_new(&oldest));
    }
    Ok(Negotiated { used, newest, oldest, server, engine: version.version })
}

/// The newest version that the engine speaks, and what it calls itself.
async fn ping(pool: &Pool, endpoint: &Endpoint, operand: &str) -> Result<(ApiVersion, Option<String>), Error> {
    let answer = match ask(pool, Method::GET, "/_ping", Bytes::new(), operand).await {
        Ok(answer) => answer,
        // An engine that fails says so; what refuses to be pinged is something else.
        Err(error) if error.status().is_some_and(|status| status < 500) => {
            let tls = error.engine_said().is_some_and(|said| said.contains("HTTP request to an HTTPS server"));
            let stranger = not_an_engine(endpoint).in_place_of(error);
            return Err(if tls {
                stranger.hint("it wants TLS: set `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`")
            } else {
                stranger
            });
        }
        Err(error) if under_is_not_http(&error) => return Err(not_an_engine(endpoint).in_place_of(error)),
        Err(error) => return Err(error),
    };
    let header = |headers: &HeaderMap, name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let (newest, server) = (header(answer.headers(), "api-version"), header(answer.headers(), "server"));
    // The answer is read to its end, or its connection could not be kept.
    text(answer, operand).await?;
    let newest = newest.ok_or_else(|| not_an_engine(endpoint).because("the answer to `/_ping` names no API version"))?;
    Ok((newest.parse()?, server))
}

fn not_an_engine(endpoint: &Endpoint) -> Error {
    Error::new(ErrorKind::NotAnEngine, format!("what listens at `{endpoint}` doesn't answer as an engine does"))
}

/// Whether what came back is no HTTP at all.
fn under_is_not_http(error: &Error) -> bool {
    let first = std::error::Error::source(error);
    std::iter::successors(first, |error| error.source())
        .filter_map(|error| error.downcast_ref::<hyper::Error>())
        .any(hyper::Error::is_parse)
}

/// The version that ends the engine's own sentence: "Minimum supported API version is 1.44, …".
fn named_version(said: &str) -> Option<ApiVersion> {
    let rest = said.split("supported API version is ").nth(1)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest[..end].trim_end_matches('.').parse().ok()
}
