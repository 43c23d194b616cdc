//! A connection to one engine, in one agreed version.

use std::fmt;

use bollard::{BollardRequest, ClientVersion, Docker};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use crate::{
    ApiVersion, Endpoint, Error, ErrorKind, Negotiated,
    wire::{Pool, pool},
};

/// Seconds that a single answer may take to begin. What streams is not bounded by it.
const TIMEOUT_SECONDS: u64 = 120;

/// The host that stands in request lines; the endpoint decides where they go.
const HOST: &str = "http://docker";

/// An engine that has answered, and the API version that every request to it names.
#[derive(Clone)]
pub struct Engine {
    endpoint: Endpoint,
    negotiated: Negotiated,
    pool: Pool<Full<Bytes>>,
    docker: Docker,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("endpoint", &self.endpoint).field("negotiated", &self.negotiated).finish_non_exhaustive()
    }
}

impl Engine {
    /// Asks the engine which versions it speaks, and takes the newest that both know.
    ///
    /// # Errors
    /// [`ErrorKind::NoEngine`], [`ErrorKind::NoPermission`], [`ErrorKind::TooOld`], [`ErrorKind::TooNew`].
    pub async fn connect(endpoint: &Endpoint) -> Result<Engine, Error> {
        let pool = pool(endpoint.clone());
        let negotiated = negotiate(&pool, endpoint).await?;
        let docker = docker(endpoint.clone(), negotiated.used)?;
        Ok(Engine { endpoint: endpoint.clone(), negotiated, pool, docker })
    }

    /// The versions of both sides, and the one in use.
    #[must_use]
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// Where the engine listens.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Requests with bollard's types. Every one of them carries the version in its path.
    pub(crate) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// A request that bollard has no right words for, such as raw logs. `path` begins with a slash and names no version.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, Error> {
        let uri = format!("{HOST}/v{}{path}", self.negotiated.used);
        let request = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, "application/json");
        let request = request
            .body(Full::new(body))
            .map_err(|error| Error::new(ErrorKind::InvalidConfig, format!("`{path}` can't be asked for")).because(error))?;
        self.pool.request(request).await.map_err(|error| refused(&self.endpoint, error))
    }

    /// The same, for a POST that asks for the connection itself.
    pub(crate) async fn send_to_upgrade(&self, path: &str, body: Bytes) -> Result<Response<Incoming>, Error> {
        let uri = format!("{HOST}/v{}{path}", self.negotiated.used);
        let request = Request::post(uri).header(header::CONTENT_TYPE, "application/json");
        let request = request.header(header::CONNECTION, "Upgrade").header(header::UPGRADE, "tcp").body(Full::new(body));
        let request = request
            .map_err(|error| Error::new(ErrorKind::InvalidConfig, format!("`{path}` can't be asked for")).because(error))?;
        self.pool.request(request).await.map_err(|error| refused(&self.endpoint, error))
    }
}

async fn negotiate(pool: &Pool<Full<Bytes>>, endpoint: &Endpoint) -> Result<Negotiated, Error> {
    let request = Request::get(format!("{HOST}/_ping")).body(Full::default());
    let request = request.map_err(|error| Error::new(ErrorKind::InvalidConfig, "can't ask for `/_ping`").because(error))?;
    let answer = pool.request(request).await.map_err(|error| refused(endpoint, error))?;
    let text = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let newest = match (answer.status(), text("api-version")) {
        (StatusCode::OK, Some(version)) => version.parse::<ApiVersion>()?,
        (status, _) => {
            let message = format!("what listens at `{endpoint}` doesn't answer as an engine does: {status}, no API version");
            return Err(Error::new(ErrorKind::Protocol, message));
        }
    };
    let server = text("server");
    drop(answer.into_body().collect().await);
    if newest < ApiVersion::OLDEST {
        let message = format!("the engine at `{endpoint}` speaks API {newest} at most, and {} is needed", ApiVersion::OLDEST);
        return Err(Error::new(ErrorKind::TooOld, message).hint("update Docker Engine to 20.10 or newer"));
    }
    Ok(Negotiated { used: newest.min(ApiVersion::NEWEST), newest, oldest: None, server })
}

/// bollard writes the version into no path, so the transport under it does.
fn docker(endpoint: Endpoint, version: ApiVersion) -> Result<Docker, Error> {
    let pool = pool(endpoint);
    let transport = move |request: BollardRequest| {
        let pool = pool.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
            parts.uri = format!("{HOST}/v{version}{path}").parse::<Uri>().map_err(http::Error::from)?;
            Ok(pool.request(Request::from_parts(parts, body)).await?)
        })
    };
    let spoken = ClientVersion { major_version: version.major.into(), minor_version: version.minor.into() };
    Docker::connect_with_custom_transport(transport, Some(HOST), TIMEOUT_SECONDS, &spoken)
        .map_err(|error| Error::new(ErrorKind::InvalidConfig, "the transport can't be set up").because(error))
}

/// What a connection that did not come to be means.
fn refused(endpoint: &Endpoint, error: hyper_util::client::legacy::Error) -> Error {
    Error::new(ErrorKind::NoEngine, format!("no engine answers at `{endpoint}`"))
        .because(error)
        .hint("start Docker Engine, or name another endpoint with `--host` or `DOCKER_HOST`")
}
