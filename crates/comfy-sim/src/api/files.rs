//! A file as aiohttp sends it: entity tag, conditions and one range.

use std::fs::Metadata;
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
use crate::reply::{Answer, Response, called, empty, file_refusal, full, no_file, set};
use crate::request::{Request, header};

/// Sends the file, a part of it, or word that the client's copy is still good. What is no plain file is forbidden.
pub(super) async fn send(request: &Request, path: &Path, content_type: &'static str) -> Answer {
    let Ok(facts) = tokio::fs::metadata(path).await else {
        return Ok(no_file(&request.method));
    };
    if !facts.is_file() {
        return Ok(file_refusal(StatusCode::FORBIDDEN, &request.method));
    }
    let mut file = tokio::fs::File::open(path).await?;
    let (stamp, part) = match wanted(request, facts.modified()?, facts.len()) {
        Ok(wanted) => wanted,
        Err(early) => return Ok(*early),
    };
    let (from, length) = part.unwrap_or((0, facts.len()));
    file.seek(SeekFrom::Start(from)).await?;
    Ok(stamp.answer(content_type, part, Body::from_stream(ReaderStream::new(file.take(length)))))
}

/// The same with a text of the server's own, as old as the server.
pub(super) fn send_text(request: &Request, text: &str, modified: SystemTime, content_type: &'static str) -> Response {
    match wanted(request, modified, text.len() as u64) {
        Err(early) => *early,
        Ok((stamp, part)) => {
            let (from, length) = part.unwrap_or((0, text.len() as u64));
            let bytes = text.as_bytes().iter().skip(from as usize).take(length as usize);
            stamp.answer(content_type, part, Body::from(bytes.copied().collect::<Vec<_>>()))
        }
    }
}

/// A start and a length.
type Part = (u64, u64);

/// Which part of the file is wanted, none for all of it; or the answer to a condition that is not met.
fn wanted(request: &Request, modified: SystemTime, size: u64) -> Result<(Stamp, Option<Part>), Box<Response>> {
    let (headers, method) = (&request.headers, &request.method);
    let stamp = Stamp::of(modified, size);
    if let Some(early) = stamp.condition(headers) {
        return Err(Box::new(early));
    }
    // What is no date, such as a tag, counts as no condition.
    let ranged = header(headers, IF_RANGE).and_then(|text| parse_http_date(&text)).is_none_or(|at| stamp.is_by(at));
    match header(headers, RANGE).filter(|_| ranged) {
        None => Ok((stamp, None)),
        Some(text) => match range(&text, size) {
            Some(part) => Ok((stamp, Some(part))),
            None => {
                let refusal = file_refusal(StatusCode::RANGE_NOT_SATISFIABLE, method);
                let mut response = called(refusal, "Requested Range Not Satisfiable");
                set(&mut response, CONTENT_RANGE, &format!("bytes */{size}"));
                Err(Box::new(response))
            }
        },
    }
}

/// `os.path.relpath` of what lies below the folder; `.` for the folder itself.
pub(super) fn relative(path: &Path, folder: &Path) -> String {
    match path.strip_prefix(folder) {
        Ok(rest) if !rest.as_os_str().is_empty() => rest.to_string_lossy().into_owned(),
        _ => ".".to_owned(),
    }
}

/// A time as Python's `getmtime` gives it.
pub(super) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// `getctime`: on Unix when the file was last changed in any way.
#[cfg(unix)]
pub(super) fn created(facts: &Metadata) -> f64 {
    use std::os::unix::fs::MetadataExt;
    facts.ctime() as f64 + facts.ctime_nsec() as f64 * 1e-9
}

/// `getctime`: on Windows when the file was made.
#[cfg(not(unix))]
pub(super) fn created(facts: &Metadata) -> f64 {
    facts.created().map_or(0.0, seconds)
}

/// Start and length of the one range asked for; `None` if it cannot be had.
fn range(text: &str, size: u64) -> Option<Part> {
    let (unit, places) = text.split_once('=')?;
    let (start, end) = places.split_once('-').filter(|_| unit.eq_ignore_ascii_case("bytes"))?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok());
    let (start, end) = (number(start)?, number(end)?);
    let (start, length) = match (start, end) {
        (None, None) => return None,
        // Python cuts from the end, and `-0` is the start.
        (None, Some(0)) => (0, size),
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
    size: u64,
    /// The whole second at or after the change.
    seconds: u64,
}

impl Stamp {
    fn of(modified: SystemTime, size: u64) -> Self {
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            size,
            tag: format!("{:x}-{size:x}", since.as_nanos()),
            seconds: since.as_secs() + u64::from(since.subsec_nanos() > 0),
        }
    }

    /// Whether the file changed no later than that.
    fn is_by(&self, at: u64) -> bool {
        self.seconds <= at
    }

    fn answer(&self, content_type: &'static str, part: Option<Part>, body: Body) -> Response {
        let (from, length) = part.unwrap_or((0, self.size));
        let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let mut response = full(status, content_type, body);
        self.mark(&mut response);
        set(&mut response, ACCEPT_RANGES, "bytes");
        set(&mut response, CONTENT_LENGTH, &length.to_string());
        if part.is_some() {
            set(&mut response, CONTENT_RANGE, &format!("bytes {from}-{}/{}", from + length - 1, self.size));
        }
        response
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
            let mut response = empty(StatusCode::PRECONDITION_FAILED);
            set(&mut response, CONTENT_LENGTH, "0");
            return Some(response);
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
            ("BYTES=0-3", Some((0, 4))),
            ("bytes=4-", Some((4, 6))),
            ("bytes=-3", Some((7, 3))),
            ("bytes=-99", Some((0, 10))),
            ("bytes=-0", Some((0, 10))),
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
