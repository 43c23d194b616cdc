//! Is a file whole? Its length against what was announced, and the end that PNG, JPEG and WebP have.

use super::StoredFile;
use crate::error::{Error, ErrorKind};

/// Enough to tell the pictures apart.
const HEAD: usize = 12;
const PNG_BEGIN: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What is known of the bytes that went by.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    first: Vec<u8>,
    length: u64,
    walk: Option<Walk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Png,
    Jpeg,
    WebP,
}

/// A walk along a picture's parts, each of which says how long it is: what lies inside of one, such as a small picture
/// with an end of its own, is stepped over.
#[derive(Clone, Debug)]
struct Walk {
    sort: Sort,
    /// The bytes of this part that are still to come.
    skip: u64,
    /// What there is of the next part's head.
    head: Vec<u8>,
    /// Whether this part is the last one.
    last: bool,
    /// Whether something came behind it.
    behind: bool,
}

impl Ends {
    pub(super) fn see(&mut self, mut piece: &[u8]) {
        self.length += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let room = HEAD.saturating_sub(self.first.len()).min(piece.len());
        if room > 0 {
            self.first.extend_from_slice(&piece[..room]);
            piece = &piece[room..];
            if self.first.len() == HEAD {
                self.walk = sort(&self.first).map(|sort| Walk::begin(sort, &self.first));
            }
        }
        if let Some(walk) = &mut self.walk {
            walk.go(piece);
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Bytes behind a picture's end belong to the file (phones write there); but only an announced length tells whether
    /// all of them came.
    pub(super) fn check(&self, file: &StoredFile, announced: Option<u64>) -> Result<(), Error> {
        let cut = |why: String| {
            Err(Error::new(ErrorKind::Protocol, format!("`{file}` came incomplete: {why}"))
                .sent(true)
                .hint("fetch it again; if it stays so, the file is broken on the server"))
        };
        if let Some(announced) = announced.filter(|announced| *announced != self.length) {
            return cut(format!("{} of {announced} bytes", self.length));
        }
        let Some(sort) = sort(&self.first) else {
            if is_picture(&file.name) {
                let message = format!("`{file}` is not the picture that its name promises");
                return Err(Error::new(ErrorKind::Protocol, message).sent(true));
            }
            return Ok(());
        };
        match &self.walk {
            Some(walk) if walk.is_over() && (!walk.behind || announced.is_some()) => Ok(()),
            Some(walk) if walk.is_over() => cut(format!("the {} goes on behind its end, who knows how far", sort.name())),
            _ => cut(format!("the {} has no end", sort.name())),
        }
    }
}

impl Sort {
    fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
        }
    }
}

/// The sort of picture that begins so; none for what has no end that is known here.
fn sort(first: &[u8]) -> Option<Sort> {
    if first.starts_with(PNG_BEGIN) {
        return Some(Sort::Png);
    }
    if first.starts_with(b"\xFF\xD8\xFF") {
        return Some(Sort::Jpeg);
    }
    (first.starts_with(b"RIFF") && first.get(8..12) == Some(b"WEBP")).then_some(Sort::WebP)
}

impl Walk {
    fn begin(sort: Sort, first: &[u8]) -> Self {
        let skip = match sort {
            Sort::Png => 8,
            Sort::Jpeg => 2,
            // The whole is one part.
            Sort::WebP => match *first {
                [_, _, _, _, a, b, c, d, ..] => u64::from(u32::from_le_bytes([a, b, c, d])) + 8,
                _ => 0,
            },
        };
        let mut walk = Self { sort, skip, head: Vec::with_capacity(8), last: sort == Sort::WebP, behind: false };
        walk.go(first);
        walk
    }

    fn is_over(&self) -> bool {
        self.last && self.skip == 0
    }

    fn go(&mut self, mut bytes: &[u8]) {
        while let Some(first) = bytes.first() {
            if self.skip > 0 {
                let step = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
                self.skip -= step as u64;
                bytes = &bytes[step..];
            } else if self.last {
                self.behind = true;
                return;
            } else if self.sort == Sort::Jpeg && self.head.is_empty() && *first != 0xFF {
                // Pixels.
                let step = bytes.iter().position(|byte| *byte == 0xFF).unwrap_or(bytes.len());
                bytes = &bytes[step..];
            } else {
                self.head.push(*first);
                bytes = &bytes[1..];
                self.read_head();
            }
        }
    }

    /// Reads the head of a part, if it is there.
    fn read_head(&mut self) {
        match (self.sort, self.head.as_slice()) {
            // Length and name; four bytes of a checksum follow the content.
            (Sort::Png, &[a, b, c, d, ref name @ ..]) if name.len() == 4 => {
                self.last = name == b"IEND";
                self.skip = u64::from(u32::from_be_bytes([a, b, c, d])) + 4;
            }
            (Sort::Jpeg, [0xFF, 0xD9]) => self.last = true,
            // Filling before a name.
            (Sort::Jpeg, [0xFF, 0xFF]) => {
                self.head.pop();
                return;
            }
            // What is no part: a byte of the pixels, a mark between them.
            (Sort::Jpeg, [0xFF, 0 | 1 | 0xD0..=0xD8]) => {}
            // Name and length; the length counts itself.
            (Sort::Jpeg, &[0xFF, _, a, b]) => self.skip = u64::from(u16::from_be_bytes([a, b])).saturating_sub(2),
            _ => return,
        }
        self.head.clear();
    }
}

/// Whether a file of this name is one of the pictures whose marks are known.
fn is_picture(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg" | "webp"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::FileKind;
    use proptest::prelude::*;

    /// With the end of another in it.
    fn png() -> Vec<u8> {
        let end = b"\0\0\0\0IEND\xAE\x42\x60\x82";
        [PNG_BEGIN, b"\0\0\0\x0CiTXt", end, b"sum.", b"\0\0\0\x01IDATxsum.", end].concat()
    }

    /// With a small one in it, whose end is the first that stands there; pixels, a filled mark, a second scan.
    fn jpeg() -> Vec<u8> {
        b"\xFF\xD8\xFF\xE1\0\x06\xFF\xD8\xFF\xD9\xFF\xDA\0\x03\x01pix\xFF\0els\xFF\xD7\xFF\xFF\xDA\0\x02more\xFF\xD9".to_vec()
    }

    fn webp() -> Vec<u8> {
        b"RIFF\x10\0\0\0WEBPVP8 1234567".to_vec().into_iter().chain([0]).collect()
    }

    fn check(bytes: &[u8], step: usize, announced: Option<u64>) -> Result<(), Error> {
        let mut ends = Ends::default();
        bytes.chunks(step.max(1)).for_each(|piece| ends.see(piece));
        ends.check(&StoredFile::new(FileKind::Output, "", "a"), announced)
    }

    #[test]
    fn a_picture_without_its_end_is_found_in_every_cut() {
        for whole in [png(), jpeg(), webp()] {
            check(&whole, 5, Some(whole.len() as u64)).unwrap();
            for length in 12..whole.len() {
                assert!(check(&whole[..length], 5, None).is_err(), "{length} of {}", whole.len());
            }
        }
        check(b"just text", 3, None).unwrap();
        check(b"", 3, None).unwrap();
    }

    #[test]
    fn what_lies_behind_the_end_is_taken_where_its_length_was_announced() {
        for whole in [png(), jpeg(), webp()] {
            let longer = [&whole[..], b"SEFHk\0\0\0SEFT"].concat();
            for step in 1..longer.len() {
                check(&longer, step, Some(longer.len() as u64)).unwrap();
                assert!(check(&longer, step, None).is_err());
                assert!(check(&longer[..longer.len() - 1], step, Some(longer.len() as u64)).is_err());
            }
        }
    }

    #[test]
    fn a_length_that_was_not_kept_is_an_error_for_every_file() {
        let error = check(b"just text", 3, Some(10)).unwrap_err();
        assert_eq!(error.to_string(), "`output/a` came incomplete: 9 of 10 bytes");
        let error = check(&png()[..20], 3, None).unwrap_err();
        assert_eq!(error.to_string(), "`output/a` came incomplete: the PNG has no end");
    }

    #[test]
    fn what_is_no_picture_is_not_taken_for_one() {
        let kind = |name: &str, bytes: &[u8]| {
            let mut ends = Ends::default();
            ends.see(bytes);
            ends.check(&StoredFile::new(FileKind::Output, "", name), None).map_err(|error| error.kind())
        };
        let refusal = br#"{"error": "Authentication required."}"#;
        for name in ["a.png", "b.JPG", "c.jpeg", "d.webp"] {
            assert_eq!(kind(name, refusal), Err(ErrorKind::Protocol), "{name}");
            assert_eq!(kind(name, b""), Err(ErrorKind::Protocol), "{name}");
            assert_eq!(kind(name, &jpeg()), Ok(()), "{name}: some nodes save one format under the name of another");
        }
        assert_eq!(kind("a.json", refusal), Ok(()));
    }

    proptest! {
        #[test]
        fn how_it_was_cut_into_pieces_changes_nothing(
            which in 0usize..3, keep in 12usize..64, bytes in proptest::collection::vec(any::<u8>(), 0..64), step in 1usize..40,
        ) {
            let mut picture = [png(), jpeg(), webp()][which].clone();
            picture.truncate(keep);
            picture.extend(bytes);
            let length = Some(picture.len() as u64);
            prop_assert_eq!(check(&picture, step, length).is_ok(), check(&picture, picture.len(), length).is_ok());
        }
    }
}
