//! The headers of a request, and the trailers of its body.

use std::ops::Range;

use super::cursor::{Cursor, Stop, is_token};
use super::refused::{MOST_BYTES, Refused};

/// Headers that a request may have once.
const SINGLE: &[&str] = &[
    "Content-Length",
    "Content-Location",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Host",
    "Max-Forwards",
    "Server",
    "Transfer-Encoding",
    "User-Agent",
];

const MOST_HEADERS: usize = 128;

/// What headers say so far.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) count: usize,
    single: Vec<&'static str>,
    /// The name of the last one: aiohttp takes the next one for a part of it where it asks for the length.
    former: Vec<u8>,
    pub(super) length: Option<u64>,
    /// Whether chunks are the last coding, where there is one.
    pub(super) chunked: Option<bool>,
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    /// Whether `Connection` names the upgrade.
    pub(super) upgrading: bool,
    pub(super) upgrade: Option<String>,
    pub(super) expects: Option<Range<usize>>,
}

impl Facts {
    /// Whether a header came that may come once.
    pub(super) fn has(&self, single: &str) -> bool {
        self.single.contains(&single)
    }
}

impl Cursor<'_> {
    /// Takes one line, and notes what it says once it is whole.
    pub(super) fn header(&mut self, facts: &mut Facts) -> Result<(), Stop> {
        let start = self.at;
        let room = MOST_BYTES.saturating_sub(facts.former.len());
        let name = self.within(room, is_token)?;
        if name.len() > room {
            let first: Vec<u8> = facts.former.iter().chain(name).take(100).copied().collect();
            return Err(Refused::too_long(&first, "b").into());
        }
        if name.is_empty() || self.peek()? != b':' {
            return self.wrong("Invalid header token");
        }
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        self.at += 1;
        if is("Transfer-Encoding") && facts.length.is_some() {
            return self.wrong("Transfer-Encoding can't be present with Content-Length");
        }
        if is("Content-Length") && facts.chunked.is_some() {
            return self.wrong("Content-Length can't be present with Transfer-Encoding");
        }
        self.while_(|byte| matches!(byte, b' ' | b'\t'))?;
        let from = self.at;
        let mut length = None;
        if is("Transfer-Encoding") {
            self.coding(facts)?;
            self.at = from;
        } else if is("Content-Length") {
            length = self.length(facts)?;
        }
        // aiohttp counts the name of the first one only.
        let counted = if facts.count == 0 { name.len() } else { 0 };
        let room = MOST_BYTES.saturating_sub(counted + self.at - from);
        let is_value = |byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
        if self.within(room, is_value)?.len() > room {
            return Err(Refused::too_long(&self.bytes[from..from + 100.min(self.at - from)], "b").into());
        }
        let value = self.bytes[from..self.at].trim_ascii_end();
        match self.peek()? {
            b'\r' => {}
            b'\n' => return self.wrong("Missing expected CR after header value"),
            _ => return self.wrong("Invalid header value char"),
        }
        self.at += 1;
        if self.peek()? != b'\n' {
            return self.wrong("Missing expected LF after header value");
        }
        self.at += 1;
        if is("Content-Length") && value.is_empty() {
            self.peek()?;
            return self.wrong("Empty Content-Length");
        }
        facts.count += 1;
        facts.former = name.to_vec();
        facts.length = facts.length.or(length);
        if let Some(known) = SINGLE.iter().find(|known| is(known)) {
            if facts.single.contains(known) {
                return Err(Refused::new(format!("Duplicate '{known}' header found.")).into());
            }
            facts.single.push(known);
        }
        if facts.count > MOST_HEADERS {
            return Err(Refused::new("Too many headers received").into());
        }
        let text = String::from_utf8_lossy(value).to_ascii_lowercase();
        let mut words = text.split(',').map(str::trim);
        if is("Connection") {
            for word in words {
                facts.close |= word == "close";
                facts.keep_alive |= word == "keep-alive";
                facts.upgrading |= word == "upgrade";
            }
        } else if is("Transfer-Encoding") {
            facts.chunked = Some(words.next_back() == Some("chunked"));
        } else if is("Upgrade") {
            facts.upgrade.get_or_insert(text);
        } else if is("Expect") && text == "100-continue" {
            facts.expects = Some(start..self.at);
        } else if is("Content-Encoding") {
            let lacks = match text.as_str() {
                "br" => "brotli (br). Please install `Brotli`",
                "zstd" => "zstandard (zstd). Please install `backports.zstd`",
                _ => return Ok(()),
            };
            return Err(Refused::new(format!("Can not decode content-encoding: {lacks}")).into());
        }
        Ok(())
    }

    /// Looks for a coding behind the chunks, which must be the last.
    fn coding(&mut self, facts: &Facts) -> Result<(), Stop> {
        let wrong = "Invalid `Transfer-Encoding` header value";
        if facts.chunked == Some(true) {
            return self.wrong_after(wrong);
        }
        loop {
            self.while_(|byte| matches!(byte, b' ' | b'\t'))?;
            let word = self.while_(|byte| byte != b',' && matches!(byte, b'!'..=b'~' | 0x80..))?;
            self.while_(|byte| matches!(byte, b' ' | b'\t'))?;
            match self.peek()? {
                b',' if word.eq_ignore_ascii_case(b"chunked") => return self.wrong_after(wrong),
                b',' => self.at += 1,
                b'!'..=b'~' | 0x80.. => {}
                _ => return Ok(()),
            }
        }
    }

    /// The digits of a length.
    fn length(&mut self, facts: &Facts) -> Result<Option<u64>, Stop> {
        if facts.length.is_some() {
            return self.wrong("Duplicate Content-Length");
        }
        let mut length: Option<u64> = None;
        while self.peek()?.is_ascii_digit() {
            let digit = u64::from(self.peek()? - b'0');
            self.at += 1;
            length = length.unwrap_or(0).checked_mul(10).and_then(|length| length.checked_add(digit));
            if length.is_none() {
                return self.wrong("Content-Length overflow");
            }
        }
        match self.peek()? {
            b'\r' | b' ' | b'\t' => Ok(length),
            _ => self.wrong("Invalid character in Content-Length"),
        }
    }
}
