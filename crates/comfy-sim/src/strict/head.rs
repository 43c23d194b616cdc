//! The head of a request, line by line, as llhttp and aiohttp read it.

use std::ops::Range;

use super::cursor::{Cursor, Stop, whole};
use super::headers::Facts;
use super::line::Line;
use super::refused::Refused;

/// A head that is well.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    pub(super) length: usize,
    /// The first line as hyper takes it, and how long it is here, where the two differ.
    pub(super) line: Option<(String, usize)>,
    pub(super) body: Body,
    /// Whether the request says that it is the last.
    pub(super) last: bool,
    pub(super) upgrade: Upgrade,
    /// The line of an `Expect` that is met with 100.
    pub(super) expects: Option<Range<usize>>,
    /// Whether hyper is told of HTTP/1.1, since it refuses in HTTP/1.0 what this request asks for.
    pub(super) lifted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Body {
    Sized(u64),
    Chunked,
}

/// What a request says of another protocol behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Upgrade {
    No,
    /// One that aiohttp does not know: it loses what it read behind the request.
    Foreign,
    /// The answer decides.
    Asked,
}

/// A head that is read as it comes. It goes on where the line begins that was not whole.
#[derive(Debug, Default)]
pub(super) struct Reader {
    at: usize,
    line: Option<Line>,
    facts: Facts,
}

impl Reader {
    /// Whether nothing is read yet.
    pub(super) fn is_new(&self) -> bool {
        self.line.is_none()
    }

    /// The head at the front of what came so far; `None` if it goes on.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Option<Head>, Refused> {
        whole(self.head(bytes))
    }

    /// How long the trailers at the front are; `None` if they go on.
    pub(super) fn trailers(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refused> {
        whole(self.headers(bytes))
    }

    fn head(&mut self, bytes: &[u8]) -> Result<Head, Stop> {
        if self.line.is_none() {
            let mut cursor = Cursor { bytes, at: 0 };
            self.line = Some(cursor.line()?);
            self.at = cursor.at;
        }
        let length = self.headers(bytes)?;
        let (facts, Some(line)) = (&self.facts, &self.line) else { return Err(Stop::More) };
        if line.minor == 1 && !facts.has("Host") {
            return Err(Refused::new("Missing 'Host' header in request.").into());
        }
        if facts.chunked == Some(false) {
            return Cursor { bytes, at: length }.wrong("Request has invalid `Transfer-Encoding`");
        }
        let upgrade = match facts.upgrade.as_deref() {
            _ if line.method == "CONNECT" => Upgrade::Asked,
            Some("websocket" | "tcp") if facts.upgrading => Upgrade::Asked,
            Some(_) if facts.upgrading => Upgrade::Foreign,
            _ => Upgrade::No,
        };
        let lifted = line.minor == 0 && (facts.chunked.is_some() || upgrade == Upgrade::Asked);
        Ok(Head {
            length,
            line: line.for_hyper(bytes, lifted),
            body: if facts.chunked.is_some() { Body::Chunked } else { Body::Sized(facts.length.unwrap_or(0)) },
            last: if line.minor == 1 { facts.close } else { !facts.keep_alive },
            upgrade,
            expects: facts.expects.clone().filter(|_| line.minor == 1),
            lifted,
        })
    }

    /// The place behind the empty line.
    fn headers(&mut self, bytes: &[u8]) -> Result<usize, Stop> {
        let mut cursor = Cursor { bytes, at: self.at };
        loop {
            match cursor.peek()? {
                b'\r' => break,
                b' ' | b'\t' if self.facts.count == 0 => return cursor.wrong_after("Unexpected space after start line"),
                b' ' | b'\t' => return cursor.wrong("Unexpected whitespace after header value"),
                _ => cursor.header(&mut self.facts)?,
            }
            self.at = cursor.at;
        }
        cursor.at += 1;
        if cursor.peek()? != b'\n' {
            return cursor.wrong("Expected LF after headers");
        }
        Ok(cursor.at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Head>, Refused> {
        Reader::default().read(bytes)
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes: Vec<u8>, text in "(GET|POST|PUT) /[a-z]{0,3} HTTP/1.[01]\r\n([A-Z][a-z]{0,3}: ?[ -~]{0,4}\r\n){0,3}\r\n.{0,5}") {
            let _ = (read(&bytes), Reader::default().trailers(&bytes));
            if let Ok(Some(head)) = read(text.as_bytes()) {
                assert!(head.length <= text.len());
            }
        }
    }

    #[test]
    fn a_head_says_what_follows() {
        let head = |text: &str| read(text.as_bytes()).map(|head| head.map(|head| (head.length, head.body, head.last)));
        for (text, read) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", Some((27, Body::Sized(0), false))),
            ("POST / HTTP/1.0\r\nContent-Length: 3 \r\n\r\n", Some((39, Body::Sized(3), true))),
            (
                "POST / HTTP/1.1\r\nhost:\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n",
                Some((73, Body::Chunked, true)),
            ),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r", None),
            ("GE", None),
        ] {
            assert_eq!(head(text), Ok(read), "{text:?}");
        }
    }

    #[test]
    fn a_first_line_that_hyper_refuses_is_told_in_other_words() {
        for (text, line) in [
            ("GET /a|b HTTP/1.1\r\nHost: a\r\n\r\n", Some(("GET /a%7Cb HTTP/1.1\r\n".to_owned(), 19))),
            ("GET  / HTTP/1.0\r\n\r\n", Some(("GET / HTTP/1.0\r\n".to_owned(), 17))),
            ("GET / HTTP/1.0\r\n\r\n", None),
        ] {
            assert_eq!(read(text.as_bytes()).map(|head| head.and_then(|head| head.line)), Ok(line), "{text:?}");
        }
    }
}
