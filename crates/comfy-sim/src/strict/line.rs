//! The first line of a request.

use std::ops::Range;

use super::cursor::{Cursor, Stop};
use super::refused::{MOST_BYTES, Refused};

/// What a method may be.
const METHODS: &[&str] = &[
    "DELETE",
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "SEARCH",
    "UNLOCK",
    "BIND",
    "REBIND",
    "UNBIND",
    "ACL",
    "REPORT",
    "MKACTIVITY",
    "CHECKOUT",
    "MERGE",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PATCH",
    "PURGE",
    "MKCALENDAR",
    "LINK",
    "UNLINK",
    "SOURCE",
    "QUERY",
];

/// Methods that are known, and none of HTTP.
const FOREIGN: &[&str] = &[
    "DESCRIBE",
    "ANNOUNCE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "REDIRECT",
    "RECORD",
    "FLUSH",
];

/// A first line that is well.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) method: &'static str,
    pub(super) minor: u8,
    address: Range<usize>,
    length: usize,
}

impl Line {
    /// The line as hyper takes it, and how long it is here, if it must be told in other words: without the characters that
    /// hyper refuses, or with another version.
    pub(super) fn for_hyper(&self, bytes: &[u8], lifted: bool) -> Option<(String, usize)> {
        let is_refused = |byte: &u8| b"\"<>\\^`{|}".contains(byte);
        let coded = |byte: &u8| if is_refused(byte) { format!("%{byte:02X}") } else { char::from(*byte).to_string() };
        let address: String = bytes[self.address.clone()].iter().map(coded).collect();
        let line = format!("{} {address} HTTP/1.{}\r\n", self.method, if lifted { 1 } else { self.minor });
        (bytes[..self.length] != *line.as_bytes()).then_some((line, self.length))
    }
}

impl Cursor<'_> {
    pub(super) fn line(&mut self) -> Result<Line, Stop> {
        let method = self.method()?;
        self.while_(|byte| byte == b' ')?;
        let from = self.at;
        self.address(method == "CONNECT")?;
        let address = from..self.at;
        let minor = self.version(method)?;
        Ok(Line { method, minor, address, length: self.at })
    }

    fn method(&mut self) -> Result<&'static str, Stop> {
        let known = || METHODS.iter().chain(FOREIGN).copied();
        let from = self.at;
        loop {
            let so_far = &self.bytes[from..self.at];
            let next = match self.peek() {
                Ok(next) => next,
                Err(_) if self.bytes[from..].starts_with(b"\x16\x03") => 0,
                Err(more) => return Err(more),
            };
            let goes_on =
                |method: &str| method.as_bytes().starts_with(so_far) && method.as_bytes().get(so_far.len()) == Some(&next);
            if known().any(goes_on) {
                self.at += 1;
                continue;
            }
            return match known().find(|method| method.as_bytes() == so_far) {
                Some(method) if next == b' ' => Ok(method),
                Some(_) => self.wrong("Expected space after method"),
                None if self.bytes[from..].starts_with(b"\x16\x03") => {
                    Err(Refused::new("Received HTTPS traffic on an HTTP port").into())
                }
                None => self.wrong("Invalid method encountered"),
            };
        }
    }

    /// The address, in one of its three forms.
    fn address(&mut self, is_authority: bool) -> Result<(), Stop> {
        let from = self.at;
        let start = self.peek()?;
        if is_authority {
            self.while_(|byte| byte.is_ascii_graphic())?;
        } else if start.is_ascii_alphabetic() {
            self.while_(|byte| byte.is_ascii_alphabetic())?;
            for wanted in *b"://" {
                match self.peek()? {
                    byte if byte == wanted => self.at += 1,
                    b' ' | b'\t' | b'\r' | b'\n' => {
                        self.at += 1;
                        return self.wrong("Invalid characters in url");
                    }
                    _ => return self.wrong("Unexpected char in url schema"),
                }
            }
        } else if !matches!(start, b'/' | b'*') {
            return self.wrong("Unexpected start char in url");
        }
        let mut place = "path";
        loop {
            match self.peek()? {
                b' ' | b'\r' => break,
                b'\t' | b'\n' | 0x0c => {
                    return self.wrong_after("Invalid characters in url");
                }
                b'?' if place == "path" => place = "query",
                b'#' if place != "fragment" => place = "fragment",
                b'!'..=b'~' => {}
                _ if place == "fragment" && self.bytes[self.at - 1] == b'#' => {
                    return self.wrong("Invalid char in url fragment start");
                }
                _ => return self.wrong(&format!("Invalid char in url {place}")),
            }
            self.at += 1;
            if self.at - from > MOST_BYTES {
                return Err(Refused::too_long(&self.bytes[from..from + 100], "bytearray").into());
            }
        }
        let address = &self.bytes[from..self.at];
        if address == b"*" && !self.bytes.starts_with(b"OPTIONS") {
            return Err(Refused::new("*").into());
        }
        Ok(())
    }

    /// The minor version, and the end of the line.
    fn version(&mut self, method: &str) -> Result<u8, Stop> {
        self.while_(|byte| byte == b' ')?;
        for wanted in *b"HTTP/" {
            if self.peek()? != wanted {
                return Err(Refused::bad_line(self.bytes, self.at, "Expected HTTP/, RTSP/ or ICE/").into());
            }
            self.at += 1;
        }
        let wrong = |at, reason: &str| Err(Refused::bad_line(self.bytes, at, reason).into());
        if FOREIGN.contains(&method) {
            return wrong(self.at - 1, "Invalid method for HTTP/x.x request");
        }
        let mut digits = [0; 2];
        for (digit, name) in digits.iter_mut().zip(["major", "minor"]) {
            *digit = self.peek()?;
            if !digit.is_ascii_digit() {
                return wrong(self.at, &format!("Invalid {name} version"));
            }
            self.at += 1;
            if name == "major" {
                if self.peek()? != b'.' {
                    return wrong(self.at, "Expected dot");
                }
                self.at += 1;
            }
        }
        if !matches!(&digits, b"09" | b"10" | b"11" | b"20") {
            return wrong(self.at, "Invalid HTTP version");
        }
        match self.peek()? {
            b'\r' => {}
            b'\n' => return wrong(self.at + 1, "Expected CRLF after version"),
            _ => return wrong(self.at, "Expected CRLF after version"),
        }
        self.at += 1;
        if self.peek()? != b'\n' {
            return Err(Refused::at(self.bytes, self.at, "Expected CRLF after version").into());
        }
        self.at += 1;
        Ok(if digits == *b"11" { 1 } else { 0 })
    }
}
