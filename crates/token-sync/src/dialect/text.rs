//! A file's bytes as text, and the way back from a place in the text to the bytes.
//!
//! Most readers pass bytes that are not UTF-8 through. We show each run of them as U+FFFD, which no token holds, and never
//! touch them: a span in the text is turned back into a span of the file before anything is written.

use std::{borrow::Cow, ops::Range};

use super::ReadFault;

/// The decoded file.
pub(super) struct Text<'a> {
    text: Cow<'a, str>,
    /// For each run that is not UTF-8: where the text goes on behind it, and where the bytes do.
    gaps: Vec<(usize, usize)>,
}

impl<'a> Text<'a> {
    /// Decodes `bytes`; never fails.
    pub(super) fn lossy(bytes: &'a [u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Self { text: Cow::Borrowed(text), gaps: Vec::new() };
        }
        let (mut text, mut gaps, mut at) = (String::with_capacity(bytes.len()), Vec::new(), 0);
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            at += chunk.valid().len() + chunk.invalid().len();
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                gaps.push((text.len(), at));
            }
        }
        Self { text: Cow::Owned(text), gaps }
    }

    /// The same for a reader that refuses such bytes.
    pub(super) fn strict(bytes: &'a [u8]) -> Result<Self, ReadFault> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { text: Cow::Borrowed(text), gaps: Vec::new() }),
            Err(error) => {
                let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
                Err(ReadFault { line, what: "bytes that are not UTF-8".to_owned() })
            }
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The bytes of the file that a span of the text stands for.
    pub(super) fn bytes_of(&self, span: Range<usize>) -> Range<usize> {
        let back = |at: usize| {
            let before = self.gaps.partition_point(|(text, _)| *text <= at);
            before.checked_sub(1).map_or(at, |gap| self.gaps[gap].1 + (at - self.gaps[gap].0))
        };
        back(span.start)..back(span.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_find_their_bytes_behind_what_is_not_utf_8() {
        let bytes = b"A=\xff\xfe\nB=\xc3x\nC=1";
        let text = Text::lossy(bytes);
        let at = text.as_str().find("C=1").unwrap();
        assert_eq!(&bytes[text.bytes_of(at..at + 3)], b"C=1");
        let at = text.as_str().find("B=").unwrap();
        assert_eq!(&bytes[text.bytes_of(at..at + 2)], b"B=");
        assert_eq!(Text::strict(bytes).err().map(|fault| fault.line), Some(1));
        assert_eq!(Text::lossy(b"plain").bytes_of(1..3), 1..3);
    }
}
