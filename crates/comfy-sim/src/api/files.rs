//! A file as aiohttp sends it: entity tag, conditions and one range.

use std::io::SeekFrom;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::clock::{http_date, parse_http_date};
use crate::reply::{Answer, Response, empty, full, set};
use crate::request::header;

/// Sends the file, a part of it, or word that the client's copy is still good.
pub(super) async fn send(headers: &HeaderMap, path: &Path, content_type: &'static str) -> Answer {
    let mut file = tokio::fs::File::open(path).await?;
    let facts = file.metadata().await?;
    let stamp = Stamp::of(facts.modified()?, facts.len());
    if let Some(early) = stamp.condition(headers) {
        return Ok(early);
    }
    let size = facts.len();
    let ranged = header(headers, IF_RANGE).is_none_or(|text| parse_http_date(&text).is_some_and(|at| stamp.is_by(at)));
    let part = match header(headers, RANGE).filter(|_| ranged) {
        None => None,
        Some(text) => match range(&text, size) {
            Some(part) => Some(part),
            None => {
                let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
                set(&mut response, CONTENT_RANGE, &format!("bytes */{size}"));
                return Ok(response);
            }
        },
    };
    let (from, length) = part.unwrap_or((0, size));
    file.seek(SeekFrom::Start(from)).await?;
    let body = Body::from_stream(ReaderStream::new(file.take(length)));
    let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = full(status, content_type, body);
    stamp.mark(&mut response);
    set(&mut response, ACCEPT_RANGES, "bytes");
    set(&mut response, CONTENT_LENGTH, &length.to_string());
    if part.is_some() {
        set(&mut response, CONTENT_RANGE, &format!("bytes {from}-{}/{size}", from + length - 1));
    }
    Ok(response)
}

/// Start and length of the one range asked for; `None` if it cannot be had.
fn range(text: &str, size: u64) -> Option<(u64, u64)> {
    let (start, end) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok());
    let (start, end) = (number(start)?, number(end)?);
    let (start, length) = match (start, end) {
        (None, None) => return None,
        (None, Some(last)) => (size.saturating_sub(last), size.min(last)),
        (Some(start), None) => (start, size.saturating_sub(start)),
        (Some(start), Some(end)) if start <= end => (start, end.saturating_add(1).min(size).saturating_sub(start)),
        (Some(_), Some(_)) => return None,
    };
    (start < size && length > 0).then_some((start, length))
}

/// What tells one state of a file from another.
struct Stamp {
    tag: String,
    /// The whole second at or after the change.
    seconds: u64,
}

impl Stamp {
    fn of(modified: SystemTime, size: u64) -> Self {
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { tag: format!("{:x}-{size:x}", since.as_nanos()), seconds: since.as_secs() + u64::from(since.subsec_nanos() > 0) }
    }

    /// Whether the file changed no later than that.
    fn is_by(&self, at: u64) -> bool {
        self.seconds <= at
    }

    fn mark(&self, response: &mut Response) {
        set(response, ETAG, &format!("\"{}\"", self.tag));
        set(response, LAST_MODIFIED, &http_date(self.seconds));
    }

    /// 304 or 412, where the request's conditions ask for it.
    fn condition(&self, headers: &HeaderMap) -> Option<Response> {
        let date = |name: HeaderName| header(headers, name).and_then(|text| parse_http_date(&text));
        let (wanted, unwanted) = (header(headers, IF_MATCH), header(headers, IF_NONE_MATCH));
        let failed = match &wanted {
            Some(tags) => !self.matches(tags, false),
            None => date(IF_UNMODIFIED_SINCE).is_some_and(|at| !self.is_by(at)),
        };
        if failed {
            return Some(empty(StatusCode::PRECONDITION_FAILED));
        }
        let unchanged = match &unwanted {
            Some(tags) => self.matches(tags, true),
            None => date(IF_MODIFIED_SINCE).is_some_and(|at| self.is_by(at)),
        };
        unchanged.then(|| {
            let mut response = empty(StatusCode::NOT_MODIFIED);
            self.mark(&mut response);
            response
        })
    }

    fn matches(&self, tags: &str, weak: bool) -> bool {
        tags.trim() == "*"
            || tags.split(',').map(str::trim).any(|tag| {
                let bare = tag.strip_prefix("W/").filter(|_| weak).unwrap_or(tag);
                bare.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(&self.tag)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_range_leaves_the_file(text in "bytes=[0-9]{0,21}-[0-9]{0,21}|.*", size: u64) {
            if let Some((from, length)) = range(&text, size) {
                assert!(length > 0 && from.checked_add(length).is_some_and(|end| end <= size));
            }
        }
    }

    #[test]
    fn ranges_are_cut_to_the_file() {
        for (text, part) in [
            ("bytes=0-3", Some((0, 4))),
            ("bytes=4-", Some((4, 6))),
            ("bytes=-3", Some((7, 3))),
            ("bytes=-99", Some((0, 10))),
            ("bytes=8-99", Some((8, 2))),
            ("bytes=10-", None),
            ("bytes=5-2", None),
            ("bytes=-", None),
            ("bytes=a-b", None),
            ("bytes=0-1,3-4", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(range(text, 10), part, "{text}");
        }
    }
}
