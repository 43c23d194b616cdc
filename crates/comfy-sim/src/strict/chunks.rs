//! The line before each chunk of a body.

use super::cursor::{Cursor, Stop, is_token, whole};
use super::refused::{MOST_BYTES, Refused};

/// How long the line at the front is, and which size it tells; `None` if it goes on. A line may not be longer than a header,
/// where llhttp reads on.
pub(super) fn size(bytes: &[u8]) -> Result<Option<(usize, u64)>, Refused> {
    let mut cursor = Cursor { bytes, at: 0 };
    let size = whole(cursor.chunk_size())?;
    if size.is_none() && bytes.len() > MOST_BYTES {
        return Err(Refused::too_long(&bytes[..100], "b"));
    }
    Ok(size.map(|size| (cursor.at, size)))
}

impl Cursor<'_> {
    fn chunk_size(&mut self) -> Result<u64, Stop> {
        let wrong = "Invalid character in chunk size";
        let mut size: Option<u64> = None;
        while let Some(digit) = char::from(self.peek()?).to_digit(16) {
            size = size.unwrap_or(0).checked_mul(16).map(|size| size + u64::from(digit));
            if size.is_none() {
                return self.wrong_after("Chunk size overflow");
            }
            self.at += 1;
        }
        let Some(size) = size else { return self.wrong(wrong) };
        match self.peek()? {
            b'\r' => {}
            b';' => self.extensions()?,
            b'\n' => return self.wrong_after("Missing expected CR after chunk size"),
            b' ' => return self.wrong_after(wrong),
            _ => return self.wrong(wrong),
        }
        self.at += 1;
        if self.peek()? != b'\n' {
            return self.wrong("Expected LF after chunk size");
        }
        self.at += 1;
        Ok(size)
    }

    /// `;name=value` and `;name="value"`, up to the end of the line.
    fn extensions(&mut self) -> Result<(), Stop> {
        while self.peek()? == b';' {
            self.at += 1;
            if matches!(self.peek()?, b' ' | b'\r') {
                return self.wrong_after("Invalid character in chunk extensions");
            }
            let mut part = "name";
            self.while_(is_token)?;
            if self.peek()? == b'=' {
                self.at += 1;
                part = "value";
                if self.peek()? == b'"' {
                    part = "quote value";
                    self.quoted()?;
                } else {
                    self.while_(is_token)?;
                }
            }
            if !matches!(self.peek()?, b';' | b'\r') {
                return self.wrong_after(&format!("Invalid character in chunk extensions {part}"));
            }
        }
        Ok(())
    }

    fn quoted(&mut self) -> Result<(), Stop> {
        self.at += 1;
        let is_plain = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        loop {
            self.while_(|byte| is_plain(byte) && !matches!(byte, b'"' | b'\\'))?;
            if self.peek()? == b'\\' {
                self.at += 1;
            } else if self.peek()? == b'"' {
                self.at += 1;
                return Ok(());
            }
            if !is_plain(self.peek()?) {
                return self.wrong_after("Invalid character in chunk extensions quoted value");
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_size_of_its_chunk() {
        for (line, read) in [
            ("2\r\n{}", Some((3, 2))),
            ("00000000000000000000000aF\r\n", Some((27, 175))),
            ("2;a\r\n", Some((5, 2))),
            ("2;a=b;c=\"\\\" ;\"\r\n", Some((16, 2))),
            ("2;a=\"b", None),
            ("2\r", None),
            ("", None),
        ] {
            assert_eq!(size(line.as_bytes()), Ok(read), "{line:?}");
        }
    }

    #[test]
    fn a_line_that_llhttp_refuses_is_refused_in_its_words() {
        for (line, words, mark) in [
            ("2 \r\n", "Invalid character in chunk size", 6),
            ("-2\r\n", "Invalid character in chunk size", 4),
            ("2\n", "Missing expected CR after chunk size", 7),
            ("2;a=\"b\r\n", "Invalid character in chunk extensions quoted value", 12),
            ("fffffffffffffffff\r\n", "Chunk size overflow", 21),
        ] {
            let refused = size(line.as_bytes()).expect_err(line).text;
            assert!(refused.starts_with(&format!("{words}:")), "{line:?} {refused}");
            assert_eq!(refused.rsplit('\n').next(), Some(&*format!("{:mark$}^", "")), "{refused}");
        }
    }
}
