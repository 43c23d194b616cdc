//! A request as the handlers see it: decoded path, query, and a body that is read at most once and up to a limit.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method};
use hyper::upgrade::OnUpgrade;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::py::Raised;
use crate::reply::Fault;

/// The most bytes a request body may have: ComfyUI's `--max-upload-size` of 100 MB.
pub(crate) const MAX_BODY: usize = 100 * 1024 * 1024;

/// How long is still read what a client sends that was refused.
pub(crate) const LINGER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The whole path, percent-decoded.
    pub(crate) path: String,
    /// The path as it came, for the router.
    pub(crate) raw_path: String,
    query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// The variable segments of the route, filled by the router.
    pub(crate) segments: Vec<String>,
    pub(crate) upgrade: Option<OnUpgrade>,
    /// Never locked: it makes a request that many may look at out of a body that only one may read.
    body: Mutex<Body>,
}

impl Request {
    pub(crate) fn new(mut request: http::Request<Body>) -> Self {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>();
        let (parts, body) = request.into_parts();
        let raw_path = parts.uri.path().to_owned();
        Self {
            method: parts.method,
            path: percent_decode_str(&raw_path).decode_utf8_lossy().into_owned(),
            raw_path,
            query: parse_form(parts.uri.query().unwrap_or_default()),
            headers: parts.headers,
            segments: Vec::new(),
            upgrade,
            body: Mutex::new(body),
        }
    }

    /// The first value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first header of that name, as text.
    pub(crate) fn header(&self, name: HeaderName) -> Option<String> {
        header(&self.headers, name)
    }

    /// The variable segment at `index` of the route.
    pub(crate) fn segment(&self, index: usize) -> &str {
        self.segments.get(index).map_or("", String::as_str)
    }

    /// The whole body, refused as soon as it is known to pass the limit.
    pub(crate) async fn bytes(&mut self) -> Result<Bytes, Fault> {
        let body = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut stream = std::mem::take(body).into_data_stream();
        let announced = self.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
        if announced.is_some_and(|length| length > MAX_BODY) {
            linger(stream);
            return Err(Fault::TooLarge);
        }
        let mut read = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            read.extend_from_slice(&chunk.map_err(|_| Fault::Gone)?);
            if read.len() > MAX_BODY {
                linger(stream);
                return Err(Fault::TooLarge);
            }
        }
        Ok(read.freeze())
    }

    /// The `charset` of the body's type.
    fn charset(&self) -> String {
        let kind = self.header(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        let charset = kind.split(';').find_map(|part| part.trim().strip_prefix("charset="));
        charset.map_or("utf-8", |charset| charset.trim_matches('"')).to_owned()
    }

    /// The body as JSON, whatever its announced type; what is no JSON raises, as `request.json()` does.
    pub(crate) async fn json(&mut self) -> Result<Value, Fault> {
        let bytes = self.bytes().await?;
        let text = decode(&bytes, &self.charset())?;
        serde_json::from_str(&text).map_err(|error| Fault::Raised(Raised::new("json.decoder.JSONDecodeError", error.to_string())))
    }
}

/// Reads on for a while and drops what comes, as aiohttp does: a client that writes all before it reads gets its answer.
fn linger(mut rest: BodyDataStream) {
    tokio::spawn(tokio::time::timeout(LINGER, async move {
        let mut left = MAX_BODY;
        while let Some(Ok(chunk)) = rest.next().await
            && chunk.len() <= left
        {
            left -= chunk.len();
        }
    }));
}

/// The text of a body in the encoding that its type names.
fn decode<'b>(bytes: &'b [u8], charset: &str) -> Result<Cow<'b, str>, Raised> {
    match charset {
        "utf-8" | "utf8" => Ok(utf8(bytes)?.into()),
        "latin-1" | "latin1" | "iso-8859-1" => Ok(bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into()),
        "ascii" | "us-ascii" if bytes.is_ascii() => Ok(utf8(bytes)?.into()),
        other => Err(Raised::new("LookupError", format!("unknown encoding: {other}"))),
    }
}

/// The first header of that name, as text.
pub(crate) fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The body as text, or the exception that Python raises.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Raised> {
    std::str::from_utf8(bytes).map_err(|error| Raised::new("UnicodeDecodeError", error.to_string()))
}

/// `name=value&…` with `+` for a blank; a name alone has an empty value.
pub(crate) fn parse_form(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn forms_are_read_as_pythons_parse_qsl_does() {
        for (text, read) in [
            ("token=%24a%2Fb&token=2", pairs(&[("token", "$a/b"), ("token", "2")])),
            ("token", pairs(&[("token", "")])),
            ("a+b=c+d&&x=", pairs(&[("a b", "c d"), ("x", "")])),
            ("", Vec::new()),
        ] {
            assert_eq!(parse_form(text), read, "{text}");
        }
    }
}
