//! The one way out: every byte that this crate sends goes through here.

mod incoming;
mod pulse;
mod retry_after;
mod session;
mod tls;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, ETAG, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::multipart;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::config::Config;
use crate::error::{Error, ErrorKind};
use crate::judge::{self, Due, Reply};
use crate::request::{Body, Request};
use crate::secret::Secret;

pub(crate) use incoming::{Incoming, Part};
pub(crate) use pulse::Pulse;
pub(crate) use upgrade::{Upgrade, WebSocket};

/// Upload time comes on top of the request's: one second for each of these, the slowest link that is waited for.
const BYTES_PER_SECOND: u64 = 64 << 10;

#[derive(Clone, Debug)]
pub(crate) struct Transport(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    config: Config,
    session: session::Session,
}

impl Transport {
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        config.check()?;
        let failed = |cause| Error::transport(config.url(), cause);
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(&config)?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(config.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(30));
        if let Some(way) = &config.proxy {
            let mut proxy = reqwest::Proxy::all(way.address.as_str()).map_err(failed)?;
            if let Some((user, password)) = &way.login {
                proxy = proxy.basic_auth(user, password.expose());
            }
            builder = builder.proxy(proxy);
        }
        #[cfg(unix)]
        if let Some(path) = &config.unix_socket {
            builder = builder.unix_socket(path.as_path());
        }
        let http = builder.build().map_err(failed)?;
        Ok(Self(Arc::new(Inner { http, config, session: session::Session::default() })))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// The server's address as messages name it.
    pub(crate) fn base(&self) -> &str {
        self.0.config.url()
    }

    /// Sends, and waits for the head of the answer. The time for the whole is the caller's matter.
    ///
    /// A request that is refused because its session is over is sent again in a new one: the server did nothing with it.
    async fn send(&self, request: &Request) -> Result<reqwest::Response, Error> {
        let Some(session) = self.session(request).await? else {
            return self.send_in(request, None).await;
        };
        let answer = self.send_in(request, Some(&session)).await?;
        if !head_of(&answer).asks_for_login() {
            return Ok(answer);
        }
        let session = self.another_session(&session).await?;
        self.send_in(request, session.as_ref()).await
    }

    async fn send_in(&self, request: &Request, session: Option<&Secret>) -> Result<reqwest::Response, Error> {
        let mut head = request.head(&self.0.config)?;
        if let Some(cookie) = session.and_then(|cookie| HeaderValue::from_str(cookie.expose()).ok()) {
            head.headers.insert(COOKIE, sensitive(cookie));
        }
        let mut builder = self.0.http.request(request.method.clone(), head.url).headers(head.headers);
        match &request.body {
            Body::Empty => {}
            Body::Json(text) => builder = builder.body(text.clone()),
            Body::Form(secret) | Body::SecretJson(secret) => builder = builder.body(secret.expose().to_owned()),
            Body::Upload(upload) => {
                let part = multipart::Part::stream_with_length(upload.payload.body(), upload.payload.length());
                let part = part.file_name(upload.name.clone());
                let mut form = multipart::Form::new().part("image", part);
                for (key, value) in &upload.fields {
                    form = form.text(*key, value.clone());
                }
                builder = builder.multipart(form);
            }
        }
        let begun = Instant::now();
        let answer = builder.send().await.map_err(|cause| Error::transport(self.base(), cause));
        let elapsed = begun.elapsed();
        match &answer {
            Ok(answer) => tracing::debug!(request = request.name(), status = answer.status().as_u16(), ?elapsed, "answered"),
            Err(error) => {
                tracing::debug!(request = request.name(), %error, ?elapsed, "not answered");
            }
        }
        answer
    }

    /// Sends, and waits for the whole answer, whatever its status, up to `limit` bytes of it.
    /// What comes after the limit is left unread if `cut`, else it is an error.
    pub(crate) async fn fetch(&self, request: &Request, limit: usize, cut: bool) -> Result<Reply, Error> {
        let time = self.time_for(request);
        let whole = async {
            let mut answer = self.send(request).await?;
            let mut reply = head_of(&answer);
            let mut body = BytesMut::new();
            while let Some(piece) = answer.chunk().await.map_err(|cause| self.broken_body(request, cause))? {
                body.extend_from_slice(&piece);
                if body.len() > limit {
                    if cut {
                        body.truncate(limit);
                        break;
                    }
                    return Err(Error::new(
                        ErrorKind::Protocol,
                        format!("the answer to `{}` is longer than {limit} bytes", request.name()),
                    )
                    .sent(true));
                }
            }
            reply.body = body.freeze();
            Ok(reply)
        };
        timeout(time, whole).await.unwrap_or_else(|_| Err(Error::out_of_time(self.base(), time)))
    }

    fn broken_body(&self, request: &Request, cause: reqwest::Error) -> Error {
        let cause = cause.without_url();
        Error::new(ErrorKind::Unreachable, format!("the answer of `{}` to `{}` was cut short", self.base(), request.name()))
            .sent(true)
            .because(cause)
    }

    fn time_for(&self, request: &Request) -> Duration {
        let upload = match &request.body {
            Body::Upload(upload) => upload.payload.length() / BYTES_PER_SECOND,
            Body::Json(text) => text.len() as u64 / BYTES_PER_SECOND,
            Body::SecretJson(secret) => secret.expose().len() as u64 / BYTES_PER_SECOND,
            Body::Empty | Body::Form(_) => 0,
        };
        self.0.config.request_timeout.saturating_add(Duration::from_secs(upload))
    }

    /// An answer that must be ComfyUI's, and JSON.
    pub(crate) async fn json(&self, request: &Request) -> Result<Value, Error> {
        self.json_as(request).await
    }

    /// The same, read into what is wanted of it.
    pub(crate) async fn json_as<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Error> {
        let reply = self.fetch(request, self.0.config.body_limit, false).await?;
        self.judge(&reply, request, Due::Json)?;
        reply.json(self.base(), &request.name())
    }

    /// An order that ComfyUI carries out without a word.
    pub(crate) async fn order(&self, request: &Request) -> Result<(), Error> {
        let reply = self.fetch(request, self.0.config.body_limit, false).await?;
        self.judge(&reply, request, Due::Nothing)
    }

    pub(crate) fn judge(&self, reply: &Reply, request: &Request, due: Due) -> Result<(), Error> {
        let credential = request.credential.as_ref().unwrap_or(&self.0.config.credential);
        // No GET of ours is malformed but in this, and ComfyUI-Login splits it before anything else looks at the request.
        if reply.status == 500 && request.method == Method::GET && credential.is_malformed() {
            return Err(judge::refused(self.base(), 500).hint("an `Authorization` that is not two words makes the server fail"));
        }
        reply.judge(self.base(), &request.name(), due)
    }

    /// What would be the head of a file's answer.
    pub(crate) async fn head(&self, request: &Request) -> Result<Reply, Error> {
        let request = Request { method: Method::HEAD, ..request.clone() };
        let reply = self.fetch(&request, 0, true).await?;
        reply.judge(self.base(), &request.name(), Due::File)?;
        Ok(reply)
    }
}

fn head_of(answer: &reqwest::Response) -> Reply {
    let headers = answer.headers();
    Reply {
        status: answer.status().as_u16(),
        content_type: header(headers, &CONTENT_TYPE),
        location: header(headers, &LOCATION),
        retry_after: retry_after::retry_after(headers),
        length: header(headers, &CONTENT_LENGTH).and_then(|text| text.parse().ok()),
        etag: header(headers, &ETAG),
        cookies: cookies(headers),
        body: Bytes::new(),
    }
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// The cookies that an answer sets, as a request shows them.
fn cookies(headers: &HeaderMap) -> Option<Secret> {
    let pairs = headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    let kept: Vec<&str> =
        pairs.map(str::trim).filter(|pair| pair.split_once('=').is_some_and(|(_, value)| !value.is_empty())).collect();
    (!kept.is_empty()).then(|| kept.join("; ").into())
}
