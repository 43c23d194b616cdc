//! Answers as aiohttp writes them.

use axum::body::Body;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{Method, Response as HttpResponse, StatusCode};
use hyper::ext::ReasonPhrase;
use serde_json::Value;

use crate::py::{Raised, json::dumps};
use crate::request::MAX_BODY;

pub(crate) type Response = HttpResponse<Body>;

/// What a handler gives back; the error becomes an answer of its own.
pub(crate) type Answer = Result<Response, Fault>;

/// Why a handler has no answer of its own.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The handler raised: 500.
    Raised(Raised),
    /// The request body is over the limit: 413.
    TooLarge,
    /// A status that was raised, with its own name as text.
    Status(StatusCode),
    /// The method is none of the path's: 405, with those that are.
    NotAllowed(String),
    /// It expects what the server does not know: 417.
    Expected(String),
    /// A redirect that was raised, not returned, so that no outer layer adds to it: 302.
    Found(&'static str),
    /// The client went away while it sent its body: nobody reads the answer.
    Gone,
}

impl From<Raised> for Fault {
    fn from(raised: Raised) -> Self {
        Self::Raised(raised)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Raised(Raised::new("OSError", error.to_string()))
    }
}

impl Fault {
    /// The answer that aiohttp gives for the fault; an exception is told in HTML to those who accept it.
    pub(crate) fn into_response(self, accepts_html: bool) -> Response {
        match self {
            Self::Raised(raised) => {
                tracing::debug!(kind = raised.kind, text = %raised.text, "handler raised");
                let title = "500 Internal Server Error";
                let mut response = if accepts_html {
                    html(format!(
                        "<html><head><title>{title}</title></head><body>\n<h1>{title}</h1>\nServer got itself in trouble\n</body></html>\n"
                    ))
                } else {
                    text(StatusCode::OK, format!("{title}\n\nServer got itself in trouble"))
                };
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                // Nobody knows what of the request was read, so the connection ends.
                set(&mut response, CONNECTION, "close");
                response
            }
            Self::TooLarge => {
                let body = format!("Maximum request body size {MAX_BODY} exceeded.");
                called(text(StatusCode::PAYLOAD_TOO_LARGE, body), "Request Entity Too Large")
            }
            Self::Status(status) => {
                text(status, format!("{}: {}", status.as_u16(), status.canonical_reason().unwrap_or_default()))
            }
            Self::NotAllowed(allow) => {
                let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed".to_owned());
                set(&mut response, ALLOW, &allow);
                response
            }
            Self::Expected(what) => text(StatusCode::EXPECTATION_FAILED, format!("Unknown Expect: {what}")),
            Self::Found(location) => found(location),
            Self::Gone => text(StatusCode::BAD_REQUEST, "400: Bad Request".to_owned()),
        }
    }
}

/// A status with a body of this type.
pub(crate) fn full(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A status without body, and so without type.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    full(status, "application/json; charset=utf-8", dumps(value))
}

pub(crate) fn ok(value: &Value) -> Answer {
    Ok(json(StatusCode::OK, value))
}

pub(crate) fn text(status: StatusCode, body: String) -> Response {
    full(status, "text/plain; charset=utf-8", body)
}

pub(crate) fn html(body: String) -> Response {
    full(StatusCode::OK, "text/html; charset=utf-8", body)
}

/// 302 with aiohttp's body.
pub(crate) fn found(location: &'static str) -> Response {
    let mut response = text(StatusCode::FOUND, "302: Found".to_owned());
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(location));
    response
}

/// The answer of aiohttp's file handler for what is no file: an empty stream of unknown length.
pub(crate) fn no_file(method: &Method) -> Response {
    file_refusal(StatusCode::NOT_FOUND, method)
}

/// The same with another status.
pub(crate) fn file_refusal(status: StatusCode, method: &Method) -> Response {
    if method == Method::HEAD {
        return empty(status);
    }
    let nothing = futures_util::stream::empty::<std::io::Result<bytes::Bytes>>();
    full(status, "application/octet-stream", Body::from_stream(nothing))
}

/// The answer with another name for its status than hyper's.
pub(crate) fn called(mut response: Response, reason: &'static str) -> Response {
    response.extensions_mut().insert(ReasonPhrase::from_static(reason.as_bytes()));
    response
}

/// Sets a header from text; text that no header can carry is left out.
pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Sets a header unless the handler did.
pub(crate) fn set_default(response: &mut Response, name: HeaderName, value: &'static str) {
    response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
}
