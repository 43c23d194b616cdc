//! The one way out: every byte that this crate sends goes through here.

mod tls;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::config::Config;
use crate::error::{Error, ErrorKind};
use crate::judge::{Due, Reply};
use crate::request::{Body, Request};

pub(crate) use upgrade::{Upgrade, WebSocket};

/// Upload time comes on top of the request's: one second for each of these, the slowest link that is waited for.
const BYTES_PER_SECOND: usize = 64 << 10;

#[derive(Clone, Debug)]
pub(crate) struct Transport(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    config: Config,
}

impl Transport {
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        config.check()?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(&config.address)?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(config.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(|cause| Error::transport(config.url(), cause))?;
        Ok(Self(Arc::new(Inner { http, config })))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// The server's address as messages name it.
    pub(crate) fn base(&self) -> &str {
        self.0.config.url()
    }

    /// Sends, and waits for the head of the answer. The time for the whole is the caller's matter.
    async fn send(&self, request: &Request) -> Result<reqwest::Response, Error> {
        let head = request.head(&self.0.config)?;
        let mut builder = self.0.http.request(request.method.clone(), head.url).headers(head.headers);
        match &request.body {
            Body::Empty => {}
            Body::Json(text) => builder = builder.body(text.clone()),
            Body::Upload(upload) => {
                let length = u64::try_from(upload.bytes.len()).unwrap_or(u64::MAX);
                let part = Part::stream_with_length(upload.bytes.clone(), length).file_name(upload.name.clone());
                let mut form = Form::new().part("image", part);
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
            Body::Upload(upload) => upload.bytes.len() / BYTES_PER_SECOND,
            Body::Json(text) => text.len() / BYTES_PER_SECOND,
            Body::Empty => 0,
        };
        self.0.config.request_timeout.saturating_add(Duration::from_secs(u64::try_from(upload).unwrap_or(u64::MAX)))
    }

    /// An answer that must be ComfyUI's, and JSON.
    pub(crate) async fn json(&self, request: &Request) -> Result<Value, Error> {
        let reply = self.fetch(request, self.0.config.body_limit, false).await?;
        reply.judge(self.base(), &request.name(), Due::Json)?;
        reply.json(self.base(), &request.name())
    }

    /// An order that ComfyUI carries out without a word.
    pub(crate) async fn order(&self, request: &Request) -> Result<(), Error> {
        let reply = self.fetch(request, self.0.config.body_limit, false).await?;
        reply.judge(self.base(), &request.name(), Due::Nothing)
    }

    /// A file, judged by its head; its pieces are still to be read.
    pub(crate) async fn file(&self, request: &Request) -> Result<Incoming, Error> {
        let time = self.0.config.request_timeout;
        let late = || Error::out_of_time(self.base(), time);
        let answer = timeout(time, self.send(request)).await.map_err(|_| late())??;
        let mut reply = head_of(&answer);
        let length = answer.content_length();
        let mut incoming = Incoming { answer, length, name: request.name(), transport: self.clone() };
        let page = reply.content_type.as_deref().is_some_and(|kind| kind.starts_with("text/html"));
        if !(200..300).contains(&reply.status) || page {
            // The first pieces are enough to tell a login page; a body that breaks changes nothing about the status.
            let mut body = BytesMut::new();
            while body.len() < 64 << 10 {
                match incoming.piece().await {
                    Ok(Some(piece)) => body.extend_from_slice(&piece),
                    Ok(None) | Err(_) => break,
                }
            }
            reply.body = body.freeze();
        }
        reply.judge(self.base(), &request.name(), Due::File)?;
        Ok(incoming)
    }
}

/// A file on its way.
pub(crate) struct Incoming {
    answer: reqwest::Response,
    name: String,
    transport: Transport,
    /// What the server announced, in bytes.
    pub(crate) length: Option<u64>,
}

impl Incoming {
    /// The next piece; none at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        let time = self.transport.0.config.request_timeout;
        let base = self.transport.base();
        match timeout(time, self.answer.chunk()).await {
            Err(_) => Err(Error::out_of_time(base, time)),
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(cause)) => {
                let message = format!("the answer of `{base}` to `{}` was cut short", self.name);
                Err(Error::new(ErrorKind::Unreachable, message).sent(true).because(cause.without_url()))
            }
        }
    }
}

fn head_of(answer: &reqwest::Response) -> Reply {
    let headers = answer.headers();
    Reply {
        status: answer.status().as_u16(),
        content_type: header(headers, &CONTENT_TYPE),
        location: header(headers, &LOCATION),
        retry_after: header(headers, &RETRY_AFTER).and_then(|text| text.trim().parse().ok()).map(Duration::from_secs),
        body: Bytes::new(),
    }
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
