//! `--enable-compress-response-body`: which answers are compressed, and how.

use std::io::Write;

use axum::body::{Body, to_bytes};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::{Fault, Faults};
use crate::reply::{Response, set};

impl Faults {
    /// Compresses an answer that a handler returned; those that it raised pass this by. The case of `accepted` counts,
    /// weights do not, and deflate is preferred, as in the real server.
    pub(crate) async fn compress(&self, accepted: Option<&str>, response: Response) -> Response {
        let Some(accepted) = accepted.filter(|accepted| accepted.contains("gzip")) else {
            return response;
        };
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        if !matches!(kind, "application/json" | "text/plain") || !self.is_due(&Fault::Compress) {
            return response;
        }
        let (parts, body) = response.into_parts();
        // JSON and text are whole in memory already.
        let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let (coding, bytes) = if accepted.contains("deflate") {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            ("deflate", encoder.write_all(&bytes).and_then(|()| encoder.finish()))
        } else {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            ("gzip", encoder.write_all(&bytes).and_then(|()| encoder.finish()))
        };
        // A `Vec` takes every write.
        let mut response = Response::from_parts(parts, Body::from(bytes.unwrap_or_default()));
        set(&mut response, CONTENT_ENCODING, coding);
        response
    }
}
