//! The leak scan: any bytes, cut anywhere; and a known token is found in each of its spellings, wherever it stands.
#![no_main]

use std::{
    io::{self, Read},
    sync::LazyLock,
};

use auth_core::{FingerprintKey, LoginToken};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use token_sync::scan::{Control, Match, Scanner, Secret};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    before: &'a [u8],
    after: &'a [u8],
    spelling: u8,
    offset: u8,
    piece: u8,
}

/// A source that gives its bytes in pieces of this size.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(buffer.len()).min(self.0.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fn find(scanner: &Scanner, bytes: &[u8], piece: usize) -> Vec<Match> {
    let scan = scanner.stream("text", &mut Pieces(bytes, piece), &Control::silent());
    assert!(scan.is_complete() && scan.counts.bytes == bytes.len() as u64);
    for found in &scan.matches {
        let (start, end) = (found.region.offset as usize, (found.region.offset + found.region.length) as usize);
        assert!(start < end && end <= bytes.len(), "a place outside of the text");
        let lines = |until: usize| bytes[..until].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        assert_eq!((found.region.line, found.region.end_line), (lines(start), lines(end)));
        if let Ok(text) = std::str::from_utf8(&bytes[..start]) {
            let line = text.strip_prefix('\u{feff}').unwrap_or(text).rsplit('\n').next().unwrap_or_default();
            assert_eq!(found.region.column, line.encode_utf16().count() as u64 + 1);
        }
    }
    scan.matches
}

/// Put together here, so that no file holds a whole line.
static TOKEN: LazyLock<String> =
    LazyLock::new(|| ["$2b$12$", "T0kenOfTheFuzzTarget..", "madeUpDigestOf31Signs/./abcdefO"].concat());
static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    let secret = Secret::token("ours", &LoginToken::new(&**TOKEN).expect("a token"));
    Scanner::new(&[secret], &FingerprintKey::new(b"fuzz"))
});

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let (token, scanner) = (&*TOKEN, &*SCANNER);
    let piece = usize::from(input.piece) + 1;
    let noise = find(scanner, input.before, piece);
    assert_eq!(noise, find(scanner, input.before, usize::MAX), "the sizes of the pieces change nothing");

    let inside = [&b"0123456789"[..usize::from(input.offset) % 10], token.as_bytes(), b"'"].concat();
    let spelled = match input.spelling % 8 {
        0 => token.clone(),
        1 => token.replace('$', "$$"),
        2 => token.replace('$', "\\$"),
        3 => token.replace('$', "%24").replace('/', "%2F"),
        4 => token.replace('$', "\\u0024"),
        5 => token.replace('$', "&#36;"),
        6 => data_encoding::HEXLOWER.encode(&inside),
        _ => data_encoding::BASE64.encode(&inside),
    };
    let text = [input.before, b"\n ", spelled.as_bytes(), b" \n", input.after].concat();
    let (from, to) = (input.before.len() as u64 + 2, (input.before.len() + 2 + spelled.len()) as u64);
    let found = find(scanner, &text, piece);
    let ours = |found: &&Match| {
        let end = found.region.offset + found.region.length;
        found.owner.labels() == ["ours"] && (from..to).contains(&found.region.offset) && end <= to
    };
    assert!(found.len() >= 1_000 || found.iter().filter(ours).count() == 1, "{spelled} in {found:?}");
});
