//! Reads what `git cat-file --batch` prints: a heading per object, then its bytes.

use std::io::{self, BufRead, Read};

use super::super::found::{ObjectId, ObjectKind};

/// A longer heading is none.
const LONGEST_HEADING: u64 = 512;

/// The heading of one object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Object {
    Found { object: ObjectId, kind: ObjectKind, size: u64 },
    Missing(ObjectId),
}

/// The heading that comes next; `None` at the end.
pub(super) fn next(source: &mut impl BufRead) -> io::Result<Option<Object>> {
    let mut line = Vec::new();
    if source.by_ref().take(LONGEST_HEADING).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    heading(&line).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn heading(line: &[u8]) -> Option<Object> {
    let mut words = line.strip_suffix(b"\n")?.split(|byte| *byte == b' ');
    let object = ObjectId::parse(words.next()?)?;
    let kind = match words.next()? {
        b"missing" => return Some(Object::Missing(object)),
        b"blob" => ObjectKind::Blob,
        b"commit" => ObjectKind::Commit,
        b"tag" => ObjectKind::Tag,
        b"tree" => ObjectKind::Tree,
        _ => return None,
    };
    let size = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    words.next().is_none().then_some(Object::Found { object, kind, size })
}

/// The bytes of one object. A source that ends within them is an error.
pub(super) struct Body<'a, R> {
    source: &'a mut R,
    left: u64,
}

impl<'a, R: BufRead> Body<'a, R> {
    pub(super) fn new(source: &'a mut R, size: u64) -> Self {
        Self { source, left: size }
    }

    /// Passes over what was not read, and the line end after it.
    pub(super) fn finish(mut self) -> io::Result<()> {
        io::copy(&mut self, &mut io::sink())?;
        let mut end = [0];
        self.source.read_exact(&mut end)?;
        if end == *b"\n" { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

impl<R: BufRead> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.by_ref().take(self.left).read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn headings_and_bodies_follow_each_other() {
        let text = format!("{ID} blob 5\na\nb\nc\n{ID} missing\n{ID} tree 0\n\n");
        let mut source = text.as_bytes();
        let object = ObjectId::parse(ID.as_bytes()).unwrap();
        assert_eq!(next(&mut source).unwrap(), Some(Object::Found { object: object.clone(), kind: ObjectKind::Blob, size: 5 }));
        Body::new(&mut source, 5).finish().unwrap();
        assert_eq!(next(&mut source).unwrap(), Some(Object::Missing(object)));
        assert!(matches!(next(&mut source).unwrap(), Some(Object::Found { kind: ObjectKind::Tree, size: 0, .. })));
        Body::new(&mut source, 0).finish().unwrap();
        assert_eq!(next(&mut source).unwrap(), None);
    }

    #[test]
    fn a_source_that_ends_early_is_an_error() {
        assert!(Body::new(&mut &b"abc"[..], 5).finish().is_err());
        assert!(Body::new(&mut &b"abc"[..], 3).finish().is_err());
        assert!(Body::new(&mut &b"abcx"[..], 3).finish().is_err());
        for line in ["x", "\n", "zz blob 1\n", "blob 1\n"] {
            assert!(next(&mut line.as_bytes()).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = next(&mut bytes.as_slice());
        }
    }
}
