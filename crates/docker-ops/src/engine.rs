//! A connection to one engine, in one agreed version.

mod negotiation;

use std::{fmt, time::Duration};

use bollard::{BollardRequest, ClientVersion, Docker};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, header, request::Builder, uri::PathAndQuery};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use crate::{
    Chosen, Endpoint, Error, ErrorKind, Negotiated,
    ask::bounded,
    wire::{Body, Pool, pool},
};

/// How long a single answer may take to begin. What streams is not bounded by it.
const ANSWER: Duration = Duration::from_secs(120);

/// A failure, or what an engine says of itself, is never longer.
const MOST_TEXT: usize = 1 << 20;

/// How much later than a container's grace the answer to its stop may come.
const AFTER_GRACE: Duration = Duration::from_secs(30);

/// The host that stands in request lines; the endpoint decides where they go.
const HOST: &str = "http://docker";

/// An engine that has answered, and the API version that every request to it names.
#[derive(Clone)]
pub struct Engine {
    endpoint: Endpoint,
    negotiated: Negotiated,
    pool: Pool,
    docker: Docker,
    is_elsewhere: bool,
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
    /// [`ErrorKind::NoEngine`], [`ErrorKind::NoPermission`], [`ErrorKind::Untrusted`], [`ErrorKind::NotAnEngine`],
    /// [`ErrorKind::TooOld`], [`ErrorKind::TooNew`].
    pub async fn connect(endpoint: &Endpoint) -> Result<Engine, Error> {
        Engine::open(endpoint, None).await
    }

    /// The same with the endpoint that was [chosen](crate::Asked::choose), in the version that somebody may have asked for.
    ///
    /// # Errors
    /// As [`Engine::connect`].
    pub async fn connect_chosen(chosen: &Chosen) -> Result<Engine, Error> {
        Engine::open(&chosen.endpoint, chosen.api_version).await
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

    /// The same engine, which knows now whether its machine is this one: behind a socket of this machine there may be another, by `ssh -L`
    /// or in a virtual machine. Of one that can't be asked that is not known.
    pub async fn located(self) -> Engine {
        let is_elsewhere = self.is_local() && self.machine().await.is_ok_and(|machine| !machine.is_here);
        Engine { is_elsewhere, ..self }
    }

    /// Whether the engine sees this machine's folders and ports. One behind a socket in the file system does, unless its machine was found
    /// to be [another](Engine::located); of one that is reached over a network it is not known.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self.endpoint, Endpoint::Unix(_)) && !self.is_elsewhere
    }

    /// Requests with bollard's types. Every one of them carries the version in its path. Their errors become ours with [`Error::of`].
    pub(crate) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// The same for what waits until a container has ended, which has `grace` for it.
    pub(crate) fn patient(&self, grace: Duration) -> Docker {
        self.docker.clone().with_timeout(ANSWER.max(grace.saturating_add(AFTER_GRACE)))
    }

    /// A request that bollard has no right words for, such as raw logs. `path` begins with a slash and names no version. What the engine
    /// answers with a status of failure is an error.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, Error> {
        // The query stays out of errors: it may be long, and it is the caller's.
        let operand = format!("`{}`", path.split('?').next().unwrap_or_default());
        ask(&self.pool, method, &format!("/v{}{path}", self.negotiated.used), body, &operand).await
    }

    /// The same, of which an error says `what`.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Bytes, what: &str) -> Result<Response<Incoming>, Error> {
        ask(&self.pool, method, &format!("/v{}{path}", self.negotiated.used), body, what).await
    }

    async fn open(endpoint: &Endpoint, wanted: Option<crate::ApiVersion>) -> Result<Engine, Error> {
        let pool = pool(endpoint)?;
        let negotiated = negotiation::negotiate(&pool, endpoint, wanted).await?;
        let docker = docker(pool.clone(), &negotiated)?;
        Ok(Engine { endpoint: endpoint.clone(), negotiated, pool, docker, is_elsewhere: false })
    }

    /// The same, for a POST that asks for the connection itself.
    pub(crate) async fn send_to_upgrade(&self, path: &str, body: Bytes) -> Result<Response<Incoming>, Error> {
        let operand = format!("`{}`", path.split('?').next().unwrap_or_default());
        let request = request(Method::POST, &format!("/v{}{path}", self.negotiated.used))
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "tcp");
        answered(&self.pool, request, body, &operand).await
    }
}

/// One request with the whole path, and its answer, if it is no failure.
async fn ask(pool: &Pool, method: Method, path: &str, body: Bytes, operand: &str) -> Result<Response<Incoming>, Error> {
    answered(pool, request(method, path), body, operand).await
}

/// The head of a request.
fn request(method: Method, path: &str) -> Builder {
    Request::builder().method(method).uri(format!("{HOST}{path}")).header(header::CONTENT_TYPE, "application/json")
}

/// The answer to it, if it is no failure.
async fn answered(pool: &Pool, request: Builder, body: Bytes, operand: &str) -> Result<Response<Incoming>, Error> {
    let request = request
        .body(Full::new(body).map_err(Into::into).boxed_unsync())
        .map_err(|error| Error::new(ErrorKind::InvalidConfig, format!("{operand}: it can't be asked for")).because(error))?;
    let answer = match tokio::time::timeout(ANSWER, pool.request(request)).await {
        Ok(answer) => answer.map_err(|error| Error::unsent(operand, error))?,
        Err(_) => return Err(Error::late(operand)),
    };
    let status = answer.status();
    if status.is_success() || matches!(status, StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS) {
        return Ok(answer);
    }
    Err(Error::answered(operand, status.as_u16(), &text(answer, operand).await?))
}

/// The whole body, as text.
async fn text(answer: Response<Incoming>, operand: &str) -> Result<String, Error> {
    let body = tokio::time::timeout(ANSWER, bounded(answer, MOST_TEXT, operand)).await;
    let bytes = body.map_err(|_| Error::late(operand))??;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// bollard writes the version into no path, so the transport under it does.
fn docker(pool: Pool, negotiated: &Negotiated) -> Result<Docker, Error> {
    let version = negotiated.used;
    let transport = move |request: BollardRequest| {
        let pool = pool.clone();
        async move {
            let (mut parts, body) = request.into_parts();
            let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
            parts.uri = format!("{HOST}/v{version}{path}").parse::<Uri>().map_err(http::Error::from)?;
            let body: Body = body.boxed_unsync();
            Ok(pool.request(Request::from_parts(parts, body)).await?)
        }
    };
    let spoken = ClientVersion { major_version: version.major.into(), minor_version: version.minor.into() };
    Docker::connect_with_custom_transport(transport, Some(HOST), ANSWER.as_secs(), &spoken)
        .map_err(|error| Error::new(ErrorKind::InvalidConfig, "the transport can't be set up").because(error))
}

#[cfg(test)]
pub(crate) mod tests;
