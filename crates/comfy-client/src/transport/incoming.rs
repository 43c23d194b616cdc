//! A file on its way: what its head promises, then its pieces.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_RANGE, RANGE};
use tokio::time::timeout;

use super::{Transport, head_of, header};
use crate::error::{Error, ErrorKind};
use crate::judge::Due;
use crate::request::Request;

/// How much of an answer is read to tell a login page.
const PAGE: usize = 64 << 10;

/// A file on its way.
pub(crate) struct Incoming {
    answer: reqwest::Response,
    name: String,
    transport: Transport,
    /// What the server announced, in bytes: of the whole file, or of the part.
    pub(crate) length: Option<u64>,
    /// The file's tag, if two files of one tag are equal byte by byte.
    pub(crate) etag: Option<String>,
    /// Which part of the file this is; none for all of it.
    pub(crate) part: Option<Part>,
}

/// Where a part begins, and how long the whole is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) from: u64,
    pub(crate) total: Option<u64>,
}

impl Part {
    /// Reads a `Content-Range`, as in `bytes 7-9/10`.
    fn read(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        Some(Self { from: range.split_once('-')?.0.parse().ok()?, total: total.parse().ok() })
    }
}

impl Transport {
    /// A file, judged by its head; its pieces are still to be read.
    pub(crate) async fn file(&self, request: &Request) -> Result<Incoming, Error> {
        let time = self.config().request_timeout;
        let late = || Error::out_of_time(self.base(), time);
        let answer = timeout(time, self.send(request)).await.map_err(|_| late())??;
        let mut reply = head_of(&answer);
        let part = match reply.status {
            206 if !request.headers.iter().any(|(name, _)| name == RANGE) => {
                let message = format!("`{}` sent a part of the file, and nobody asked for one", self.base());
                return Err(Error::new(ErrorKind::Protocol, message).with_status(206));
            }
            206 => {
                let part = header(answer.headers(), &CONTENT_RANGE).and_then(|text| Part::read(&text));
                let nameless = || Error::new(ErrorKind::Protocol, format!("`{}` sent a part without a place", self.base()));
                Some(part.ok_or_else(|| nameless().with_status(206))?)
            }
            _ => None,
        };
        let mut incoming = Incoming {
            length: reply.length,
            etag: reply.etag.clone().filter(|etag| !etag.starts_with("W/")),
            part,
            name: request.name(),
            transport: self.clone(),
            answer,
        };
        let page = reply.content_type.as_deref().is_some_and(|kind| kind.starts_with("text/html"));
        if !(200..300).contains(&reply.status) || page {
            // The first pieces are enough to tell a login page; a body that breaks changes nothing about the status.
            let mut body = BytesMut::new();
            while body.len() < PAGE {
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

impl Incoming {
    /// The next piece; none at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        let time = self.transport.config().request_timeout;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_where_it_belongs() {
        assert_eq!(Part::read("bytes 7-9/10"), Some(Part { from: 7, total: Some(10) }));
        assert_eq!(Part::read("bytes 7-9/*"), Some(Part { from: 7, total: None }));
        for odd in ["", "bytes */10", "bytes -9/10", "lines 7-9/10", "bytes 7"] {
            assert_eq!(Part::read(odd), None, "{odd}");
        }
    }
}
