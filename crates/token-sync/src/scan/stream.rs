//! Reads a source of any length through one buffer and finds every secret in it once, with its line and column.

use std::io::{self, Read};

use zeroize::Zeroizing;

use super::{
    engine::{Engine, Hit},
    found::Region,
};

/// So many bytes are looked at in one go; small enough for the second cache.
const CHUNK: usize = 256 << 10;
/// So many matches are listed of one file; the rest are counted.
pub(super) const MOST_MATCHES: u32 = 1_000;
/// At a file's start it is no part of the text: editors don't count it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A buffer that is used again for source after source, and wiped at its end.
pub(super) struct Stream {
    buffer: Zeroizing<Vec<u8>>,
    hits: Vec<Hit>,
    window: usize,
}

/// How a source ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// Bytes read.
    pub(super) bytes: u64,
    /// Matches found beyond [`MOST_MATCHES`].
    pub(super) further: u64,
    /// Whether it was read to its end.
    pub(super) complete: bool,
}

/// Where the buffer stands in its source.
#[derive(Default, Clone, Copy)]
struct Place {
    /// Offset of the buffer's first byte.
    base: u64,
    /// Line ends before the buffer.
    lines: u64,
    /// UTF-16 code units between the start of the line and the buffer.
    column: u64,
}

impl Stream {
    pub(super) fn new(engine: &Engine) -> Self {
        Self::with_chunk(engine, CHUNK)
    }

    fn with_chunk(engine: &Engine, chunk: usize) -> Self {
        let window = engine.window();
        Self { buffer: Zeroizing::new(vec![0; chunk.max(4 * window)]), hits: Vec::new(), window }
    }

    /// Searches `source` to its end, or until `go_on` (asked with each chunk's bytes) says no.
    pub(super) fn search(
        &mut self,
        engine: &Engine,
        source: &mut dyn Read,
        mut go_on: impl FnMut(u64) -> bool,
        mut found: impl FnMut(&Hit, Region),
    ) -> io::Result<End> {
        let mut place = Place::default();
        let mut filled = 0;
        let mut listed = 0;
        // Hits that start before this offset were given already.
        let mut done = 0;
        let mut end = End { bytes: 0, further: 0, complete: true };
        loop {
            let (read, ended) = fill(source, &mut self.buffer[filled..]);
            filled += read;
            let at_end = ended.is_some();
            end.bytes += read as u64;
            let hay = &self.buffer[..filled];
            // What starts in the last window may go on beyond the buffer.
            let sure = if at_end { filled } else { filled - self.window };
            engine.search(hay, &mut self.hits);
            let mut lines = place;
            for hit in &self.hits {
                let start = place.base + hit.range.start as u64;
                if start < done || hit.range.start >= sure && !at_end {
                    continue;
                }
                if listed == MOST_MATCHES {
                    end.further += 1;
                    continue;
                }
                listed += 1;
                let region = lines.region(hay, place.base, hit);
                found(hit, region);
            }
            match ended {
                Some(Ok(())) => return Ok(end),
                // What came before the error was searched.
                Some(Err(error)) => return Err(error),
                None => {}
            }
            if !go_on(read as u64) {
                return Ok(End { complete: false, ..end });
            }
            done = place.base + sure as u64;
            let gone = sure - self.window;
            place.pass(&hay[..gone]);
            self.buffer.copy_within(gone..filled, 0);
            filled -= gone;
        }
    }
}

impl Place {
    /// Moves on over `bytes`, which stand at this place.
    fn pass(&mut self, bytes: &[u8]) {
        let shown = if self.base == 0 { bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes) } else { bytes };
        let line = match memchr::memrchr(b'\n', shown) {
            Some(end) => {
                self.lines += memchr::memchr_iter(b'\n', shown).count() as u64;
                self.column = 0;
                &shown[end + 1..]
            }
            None => shown,
        };
        self.column += utf16_units(line);
        self.base += bytes.len() as u64;
    }

    /// Where `hit` stands. Hits come first to last, so that each line end is counted once.
    fn region(&mut self, hay: &[u8], hay_base: u64, hit: &Hit) -> Region {
        let at = (self.base - hay_base) as usize;
        self.pass(&hay[at..hit.range.start]);
        let mut end = *self;
        end.pass(&hay[hit.range.clone()]);
        Region {
            line: self.lines + 1,
            column: self.column + 1,
            end_line: end.lines + 1,
            end_column: end.column + 1,
            offset: self.base,
            length: hit.range.len() as u64,
        }
    }
}

/// How long UTF-8 text is in UTF-16. A sign counts at its first byte, so that text may be cut anywhere; bytes that are no text
/// count in some way that ends.
fn utf16_units(text: &[u8]) -> u64 {
    text.iter().map(|byte| u64::from(byte & 0xc0 != 0x80) + u64::from(*byte >= 0xf0)).sum()
}

/// Reads until `buffer` is full or the source ends, by its end or by an error: the bytes read, and how it ended.
fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Result<()>>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => return (filled, Some(Ok(()))),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(Err(error))),
        }
    }
    (filled, None)
}

#[cfg(test)]
mod tests {
    use auth_core::{BcryptHash, FingerprintKey, LoginToken, Password};
    use proptest::prelude::*;

    use super::*;
    use crate::scan::secret::Secret;

    fn token(salt: u8) -> LoginToken {
        LoginToken::from(BcryptHash::of(&Password::new("made up").unwrap(), 4, [salt; 16]).unwrap())
    }

    fn engine() -> Engine {
        Engine::new(&[Secret::token("a", &token(1))], &FingerprintKey::new(b"test"))
    }

    /// A source that gives its bytes in pieces of these sizes, over and over.
    struct Pieces<'a>(&'a [u8], std::iter::Cycle<std::vec::IntoIter<usize>>);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.next().unwrap_or(1).min(buffer.len()).min(self.0.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn regions(engine: &Engine, chunk: usize, source: &mut dyn Read) -> (Vec<Region>, End) {
        let mut all = Vec::new();
        let end = Stream::with_chunk(engine, chunk).search(engine, source, |_| true, |_, region| all.push(region)).unwrap();
        (all, end)
    }

    #[test]
    fn lines_and_columns_are_counted_from_one_over_all_chunks() {
        let engine = engine();
        let line = format!("{}\n", "é".repeat(20));
        let text = format!("{}  {}\n", line.repeat(2_000), token(1).expose());
        let (all, end) = regions(&engine, 0, &mut text.as_bytes());
        assert_eq!(end, End { bytes: text.len() as u64, further: 0, complete: true });
        let offset = 2_000 * line.len() as u64 + 2;
        assert_eq!(all, [Region { line: 2_001, column: 3, end_line: 2_001, end_column: 63, offset, length: 60 }]);
    }

    #[test]
    fn columns_count_as_editors_do() {
        let engine = engine();
        let token = token(1).expose().to_owned();
        for (before, column) in [("", 1), ("é ", 3), ("日本: ", 5), ("🔑=", 4), ("\u{feff}K=", 3), ("🔑\n\u{feff}K=", 4)] {
            let (all, _) = regions(&engine, 0, &mut format!("{before}{token} 🔑\n").as_bytes());
            assert_eq!(
                (all[0].column, all[0].end_column, all[0].offset),
                (column, column + 60, before.len() as u64),
                "{before:?}"
            );
        }
    }

    #[test]
    fn a_flood_of_matches_is_counted_and_not_listed() {
        let text = format!("{}\n", token(1).expose()).repeat(1_500);
        let (all, end) = regions(&engine(), 0, &mut text.as_bytes());
        assert_eq!((all.len(), end.further), (1_000, 500));
    }

    #[test]
    fn what_comes_before_an_error_is_searched() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::TimedOut.into())
            }
        }
        let (engine, text, mut count) = (engine(), token(1), 0);
        let mut source = text.expose().as_bytes().chain(Failing);
        let end = Stream::with_chunk(&engine, 0).search(&engine, &mut source, |_| true, |_, _| count += 1);
        assert_eq!((end.unwrap_err().kind(), count), (io::ErrorKind::TimedOut, 1));
    }

    #[test]
    fn a_stopped_search_says_that_it_is_not_complete() {
        let engine = engine();
        let mut stream = Stream::with_chunk(&engine, 0);
        let end = stream.search(&engine, &mut io::repeat(b'x'), |_| false, |_, _| {}).unwrap();
        assert!(!end.complete && end.bytes > 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn secrets_anywhere_over_the_ends_of_chunks_are_found_once(
            gaps in prop::collection::vec(0_usize..9_000, 1..8),
            sizes in prop::collection::vec(1_usize..5_000, 1..5),
            spelling in 0_usize..7,
            unknown in any::<bool>(),
        ) {
            let engine = engine();
            let plain = if unknown { token(7) } else { token(1) };
            let core = &plain.expose().as_bytes()[7..];
            let spelled = match spelling {
                0 => plain.expose().to_owned(),
                5 if !unknown => data_encoding::HEXLOWER.encode(core),
                6 if !unknown => data_encoding::BASE64.encode(core),
                _ => plain.expose().replace('$', ["$$", "\\$", "%24", "\\u0024"][spelling % 4]),
            };
            let mut text = String::new();
            let mut starts = Vec::new();
            for gap in &gaps {
                let filler = "sömé $text, 🔑 of it;\n".repeat(gap / 26 + 1);
                text.extend(filler.chars().take(*gap));
                text.push(' ');
                starts.push(text.len() as u64);
                text.push_str(&spelled);
                text.push('"');
            }
            let (all, end) = regions(&engine, 0, &mut Pieces(text.as_bytes(), sizes.into_iter().cycle()));
            prop_assert_eq!(all.iter().map(|region| region.offset).collect::<Vec<_>>(), starts);
            prop_assert_eq!(end.bytes, text.len() as u64);
            for region in all {
                let before = &text[..region.offset as usize];
                prop_assert_eq!(region.line, before.matches('\n').count() as u64 + 1);
                let line = before.rsplit('\n').next().unwrap_or_default();
                prop_assert_eq!(region.column, line.encode_utf16().count() as u64 + 1);
            }
        }
    }
}
