//! What a client is told whose request is none.

/// The most bytes of an address, of a name, or of a value.
pub(super) const MOST_BYTES: usize = 8190;

/// The answer to what is no request.
#[derive(Debug, PartialEq)]
pub(super) struct Refused {
    pub(super) text: String,
}

impl Refused {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// A reason, the line, and a mark below the byte that is wrong.
    pub(super) fn at(bytes: &[u8], at: usize, reason: &str) -> Self {
        let start = bytes[..at].windows(2).rposition(|two| two == b"\r\n").map_or(0, |end| end + 2);
        let end = bytes[at..].windows(2).position(|two| two == b"\r\n").map_or(bytes.len(), |end| at + end);
        let mark = " ".repeat(repr(&bytes[start..at]).len() - 1);
        Self::new(format!("{reason}:\n\n  {}\n  {mark}^", repr(&bytes[start..end])))
    }

    pub(super) fn bad_line(bytes: &[u8], at: usize, reason: &str) -> Self {
        Self::at(bytes, at, &format!("Bad status line:\n  {reason}"))
    }

    /// The first bytes of what is too long, as Python shows a value of that kind.
    pub(super) fn too_long(first: &[u8], kind: &str) -> Self {
        let (open, close) = if kind == "b" { (String::new(), "") } else { (format!("{kind}("), ")") };
        let shown = repr(first);
        let (shown, mark) = shown.split_at(shown.len() - 1);
        Self::new(format!("Got more than {MOST_BYTES} bytes when reading: {open}{shown}...{mark}{close}."))
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
