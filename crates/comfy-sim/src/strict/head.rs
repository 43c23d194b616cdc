//! The head of a request, byte by byte, as llhttp and aiohttp read it.

use std::ops::Range;

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

/// The most bytes of an address, of a name or of a value.
const MOST_BYTES: usize = 8190;

/// The answer to what is no request.
#[derive(Debug, PartialEq)]
pub(super) struct Refused {
    pub(super) text: String,
}

/// A head that is well.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    pub(super) length: usize,
    /// The first line as hyper takes it, and how long it is here, where the two differ.
    pub(super) line: Option<(String, usize)>,
    pub(super) body: Body,
    /// Whether the connection ends, or changes, after the request.
    pub(super) last: bool,
    pub(super) upgrades: bool,
    /// The value of an `Expect` that is met with 100.
    pub(super) expects: Option<Range<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Body {
    Sized(u64),
    Chunked,
}

impl Refused {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// A reason, the line, and a mark below the byte that is wrong.
    fn at(bytes: &[u8], at: usize, reason: &str) -> Self {
        let start = bytes[..at].windows(2).rposition(|two| two == b"\r\n").map_or(0, |end| end + 2);
        let end = bytes[at..].windows(2).position(|two| two == b"\r\n").map_or(bytes.len(), |end| at + end);
        let mark = " ".repeat(repr(&bytes[start..at]).len() - 1);
        Self::new(format!("{reason}:\n\n  {}\n  {mark}^", repr(&bytes[start..end])))
    }

    fn bad_line(bytes: &[u8], at: usize, reason: &str) -> Self {
        Self::at(bytes, at, &format!("Bad status line:\n  {reason}"))
    }

    fn too_long(shown: &str) -> Self {
        Self::new(format!("Got more than {MOST_BYTES} bytes when reading: {shown}."))
    }

    /// More bytes behind a request that said it is the last.
    pub(super) fn after_the_last(bytes: &[u8]) -> Self {
        Self::at(bytes, 1, "Data after `Connection: close`")
    }
}

/// `repr()` of bytes.
fn repr(bytes: &[u8]) -> String {
    let mark = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut out = format!("b{mark}");
    for byte in bytes {
        match char::from(*byte) {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == mark || c == '\\' => out.extend(['\\', c]),
            c @ ' '..='~' => out.push(c),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push(mark);
    out
}

/// The head at the front; `None` if it goes on.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Head>, Refused> {
    let mut reader = Reader { bytes, at: 0 };
    match reader.head() {
        Ok(head) => Ok(Some(head)),
        Err(Stop::More) => Ok(None),
        Err(Stop::Wrong(refused)) => Err(refused),
    }
}

/// A chunk at the front with its size: how long it is, and whether it is the last; `None` if it goes on.
pub(super) fn chunk(bytes: &[u8]) -> Result<Option<(usize, bool)>, Refused> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let Some(after) = bytes.get(digits) else { return Ok(None) };
    if digits == 0 || !matches!(after, b'\r' | b';' | b' ' | b'\t') {
        return Err(Refused::at(bytes, digits, "Invalid character in chunk size"));
    }
    let Some(line) = bytes.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
    let size = std::str::from_utf8(&bytes[..digits]).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
    let end =
        size.and_then(|size| size.checked_add(line + 2)).ok_or_else(|| Refused::at(bytes, digits, "Chunk size overflow"))?;
    if size == Some(0) {
        return Ok(Some((end, true)));
    }
    match bytes.get(end..end + 2) {
        None => Ok(None),
        Some(b"\r\n") => Ok(Some((end + 2, false))),
        Some(_) => Err(Refused::at(bytes, end, "Expected LF after chunk data")),
    }
}

/// The address without the characters that hyper refuses; none if it has none of them.
fn encoded(address: &[u8]) -> Option<String> {
    let is_refused = |byte: &u8| b"\"<>\\^`{|}".contains(byte);
    let coded = |byte: &u8| if is_refused(byte) { format!("%{byte:02X}") } else { char::from(*byte).to_string() };
    address.iter().any(is_refused).then(|| address.iter().map(coded).collect())
}

/// Why a head has no end.
enum Stop {
    More,
    Wrong(Refused),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Wrong(refused)
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

/// What headers say so far.
#[derive(Default)]
struct Facts {
    count: usize,
    single: Vec<&'static str>,
    length: Option<u64>,
    chunked: Option<bool>,
    close: Option<bool>,
    upgrades: bool,
    expects: Option<Range<usize>>,
}

impl<'b> Reader<'b> {
    fn peek(&self) -> Result<u8, Stop> {
        self.bytes.get(self.at).copied().ok_or(Stop::More)
    }

    fn wrong<T>(&self, reason: &str) -> Result<T, Stop> {
        Err(Refused::at(self.bytes, self.at, reason).into())
    }

    /// Takes bytes as long as they are of a kind; the first one that is not must be there.
    fn while_(&mut self, is: impl Fn(u8) -> bool) -> Result<&'b [u8], Stop> {
        let from = self.at;
        while is(self.peek()?) {
            self.at += 1;
        }
        Ok(&self.bytes[from..self.at])
    }

    fn head(&mut self) -> Result<Head, Stop> {
        self.while_(|byte| matches!(byte, b'\r' | b'\n'))?;
        let method = self.method()?;
        self.while_(|byte| byte == b' ')?;
        let from = self.at;
        self.address(method == "CONNECT")?;
        let address = &self.bytes[from..self.at];
        let minor = self.version(method)?;
        let line = encoded(address).map(|address| (format!("{method} {address} HTTP/1.{minor}\r\n"), self.at));
        let line = line.or_else(|| {
            let plain = format!("{method} {} HTTP/1.{minor}\r\n", String::from_utf8_lossy(address));
            (!self.bytes[..self.at].ends_with(plain.as_bytes())).then_some((plain, self.at))
        });
        let mut facts = Facts::default();
        loop {
            match self.peek()? {
                b'\r' => break,
                b' ' | b'\t' if facts.count == 0 => {
                    self.at += 1;
                    return self.wrong("Unexpected space after start line");
                }
                b' ' | b'\t' => return self.wrong("Unexpected whitespace after header value"),
                _ => self.header(&mut facts)?,
            }
        }
        self.at += 2;
        if self.at > self.bytes.len() {
            return Err(Stop::More);
        }
        if minor == 1 && !facts.single.contains(&"Host") {
            return Err(Refused::new("Missing 'Host' header in request.").into());
        }
        if facts.chunked == Some(false) {
            return if self.at < self.bytes.len() {
                self.wrong("Request has invalid `Transfer-Encoding`")
            } else {
                Err(Stop::More)
            };
        }
        let body = if facts.chunked == Some(true) { Body::Chunked } else { Body::Sized(facts.length.unwrap_or(0)) };
        let upgrades = facts.upgrades || method == "CONNECT";
        let last = facts.close.unwrap_or(minor == 0);
        Ok(Head { length: self.at, line, body, last, upgrades, expects: facts.expects.filter(|_| minor == 1) })
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
                    self.at += 1;
                    return self.wrong("Invalid characters in url");
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
        }
        let address = &self.bytes[from..self.at];
        if address.len() > MOST_BYTES {
            let shown = repr(&address[..100]);
            let shown = shown.strip_suffix('\'').unwrap_or(&shown);
            return Err(Refused::too_long(&format!("bytearray({shown}...')")).into());
        }
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

    fn header(&mut self, facts: &mut Facts) -> Result<(), Stop> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let name = self.while_(is_token)?;
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
        if is("Transfer-Encoding") && facts.chunked == Some(true) {
            self.at += 1;
            return self.wrong("Invalid `Transfer-Encoding` header value");
        }
        if is("Content-Length") {
            self.length(facts)?;
        }
        self.while_(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))?;
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
        if name.len() > MOST_BYTES || value.len() > MOST_BYTES {
            let long = if value.len() > MOST_BYTES { value } else { name };
            return Err(Refused::too_long(&format!("{}...'", repr(&long[..100]).trim_end_matches('\''))).into());
        }
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
            facts.close = words.clone().find_map(|word| match word {
                "close" => Some(true),
                "keep-alive" => Some(false),
                _ => None,
            });
        } else if is("Transfer-Encoding") {
            facts.chunked = Some(words.next_back() == Some("chunked"));
        } else if is("Upgrade") {
            facts.upgrades = true;
        } else if is("Expect") && text == "100-continue" {
            facts.expects = Some(from..from + value.len());
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

    /// The digits of a length.
    fn length(&mut self, facts: &mut Facts) -> Result<(), Stop> {
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
        facts.length = length;
        match self.peek()? {
            b'\r' | b' ' | b'\t' => Ok(()),
            _ => self.wrong("Invalid character in Content-Length"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes: Vec<u8>, text in "(GET|POST|PUT) /[a-z]{0,3} HTTP/1.[01]\r\n([A-Z][a-z]{0,3}: ?[ -~]{0,4}\r\n){0,3}\r\n.{0,5}") {
            let _ = (read(&bytes), chunk(&bytes));
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
            ("\r\nPOST / HTTP/1.0\r\nContent-Length: 3 \r\n\r\n", Some((41, Body::Sized(3), true))),
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
