//! A request as the handlers see it: decoded path, query, and a body that is read at most once and up to a limit.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use futures_util::StreamExt;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method, Version};
use hyper::upgrade::OnUpgrade;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::py::Raised;
use crate::py::json::loads;
use crate::reply::Fault;

/// The most bytes a request body may have: ComfyUI's `--max-upload-size` of 100 MB.
pub(crate) const MAX_BODY: usize = 100 * 1024 * 1024;

/// How long is still read what a client sends that was refused.
pub(crate) const LINGER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) version: Version,
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
            version: parts.version,
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
            return Err(Fault::TooLarge);
        }
        let mut read = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            read.extend_from_slice(&chunk.map_err(|_| Fault::Gone)?);
            if read.len() > MAX_BODY {
                return Err(Fault::TooLarge);
            }
        }
        let coding = self.header(CONTENT_ENCODING).unwrap_or_default().to_ascii_lowercase();
        if read.is_empty() || !matches!(coding.as_str(), "gzip" | "deflate") {
            return Ok(read.freeze());
        }
        let inflated = tokio::task::spawn_blocking(move || inflated(&read, coding == "gzip")).await;
        inflated.unwrap_or_else(|_| Err(Raised::new("ContentEncodingError", "Can not decode content-encoding").into()))
    }

    /// The body as JSON, whatever its announced type; what is no JSON raises, as `request.json()` does.
    pub(crate) async fn json(&mut self) -> Result<Value, Fault> {
        let bytes = self.bytes().await?;
        let text = decode(&bytes, &self.header(CONTENT_TYPE).unwrap_or_default())?;
        Ok(loads(&text)?)
    }
}

/// The text of a compressed body: a gzip that is cut short gives what there is, a deflate may lack its header.
fn inflated(body: &[u8], is_gzip: bool) -> Result<Bytes, Fault> {
    let bare = body.first().is_some_and(|byte| byte & 0xf != 8);
    let mut reader: Box<dyn Read + '_> = match (is_gzip, bare) {
        (true, _) => Box::new(MultiGzDecoder::new(body)),
        (false, true) => Box::new(DeflateDecoder::new(body)),
        (false, false) => Box::new(ZlibDecoder::new(body)),
    };
    let mut out = Vec::new();
    let read = reader.by_ref().take(MAX_BODY as u64 + 1).read_to_end(&mut out);
    if out.len() > MAX_BODY {
        return Err(Fault::TooLarge);
    }
    match read {
        Ok(_) => Ok(out.into()),
        Err(error) if is_gzip && error.kind() == ErrorKind::UnexpectedEof && body.starts_with(b"\x1f\x8b") => Ok(out.into()),
        Err(_) => Err(Raised::new("ContentEncodingError", "Can not decode content-encoding").into()),
    }
}

/// The text of a body in the encoding that its type names.
pub(crate) fn decode<'b>(bytes: &'b [u8], kind: &str) -> Result<Cow<'b, str>, Raised> {
    let kind = kind.to_ascii_lowercase();
    let charset = kind.split(';').find_map(|part| part.trim().strip_prefix("charset="));
    let charset = charset.unwrap_or("utf-8").trim_matches('"').replace('_', "-");
    let is_wide =
        ["latin-1", "latin1", "iso-8859", "iso8859", "cp125", "windows-125"].iter().any(|name| charset.starts_with(name));
    match charset.as_str() {
        "utf-8" | "utf8" => Ok(utf8(bytes)?.into()),
        "ascii" | "us-ascii" if bytes.is_ascii() => Ok(utf8(bytes)?.into()),
        // One byte, one character; all are read as the first of them.
        _ if is_wide => Ok(bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into()),
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
    use std::io::Write;

    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_body_is_inflated_up_to_the_limit() {
        fn packed<W: Write>(mut encoder: W, finish: impl Fn(W) -> Vec<u8>) -> Vec<u8> {
            encoder.write_all(b"{}").expect("a Vec takes all");
            finish(encoder)
        }
        let level = flate2::Compression::default();
        let gzip = packed(GzEncoder::new(Vec::new(), level), |encoder| encoder.finish().expect("a Vec"));
        let zlib = packed(ZlibEncoder::new(Vec::new(), level), |encoder| encoder.finish().expect("a Vec"));
        let raw = packed(DeflateEncoder::new(Vec::new(), level), |encoder| encoder.finish().expect("a Vec"));
        for (body, is_gzip) in [(&gzip[..], true), (&gzip[..gzip.len() - 6], true), (&zlib[..], false), (&raw[..], false)] {
            assert_eq!(inflated(body, is_gzip).ok().as_deref(), Some(&b"{}"[..]));
        }
        for (body, is_gzip) in [(&b"no gzip"[..], true), (&zlib[..5], false), (&b"xx"[..], false)] {
            assert!(matches!(inflated(body, is_gzip), Err(Fault::Raised(_))), "{body:?}");
        }
        let mut bomb = GzEncoder::new(Vec::new(), level);
        std::io::copy(&mut std::io::repeat(b'0').take(MAX_BODY as u64 + 1), &mut bomb).expect("a Vec takes all");
        assert!(matches!(inflated(&bomb.finish().expect("a Vec"), true), Err(Fault::TooLarge)));
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
