//! Is a file whole? Its length against what was announced, and the mark that PNG, JPEG and WebP end with.

use super::StoredFile;
use crate::error::{Error, ErrorKind};

const PNG_BEGIN: &[u8] = b"\x89PNG\r\n\x1a\n";
const PNG_END: &[u8] = b"\0\0\0\0IEND\xAE\x42\x60\x82";

/// The first and last bytes of what went by.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    first: Vec<u8>,
    last: Vec<u8>,
    length: u64,
}

impl Ends {
    pub(super) fn see(&mut self, piece: &[u8]) {
        let room = 12_usize.saturating_sub(self.first.len()).min(piece.len());
        self.first.extend_from_slice(&piece[..room]);
        self.last.extend_from_slice(&piece[piece.len().saturating_sub(12)..]);
        self.last.drain(..self.last.len().saturating_sub(12));
        self.length += u64::try_from(piece.len()).unwrap_or(u64::MAX);
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn check(&self, file: &StoredFile, announced: Option<u64>) -> Result<(), Error> {
        let cut = |why: String| {
            Err(Error::new(ErrorKind::Protocol, format!("`{file}` came incomplete: {why}"))
                .sent(true)
                .hint("fetch it again; if it stays so, the file is broken on the server"))
        };
        if let Some(announced) = announced.filter(|announced| *announced != self.length) {
            return cut(format!("{} of {announced} bytes", self.length));
        }
        match self.is_whole() {
            Some((kind, false)) => cut(format!("the {kind} has no end")),
            None if is_picture(&file.name) => {
                Err(Error::new(ErrorKind::Protocol, format!("`{file}` is not the picture that its name promises")).sent(true))
            }
            _ => Ok(()),
        }
    }

    /// The sort of picture, and whether its end is there; none for what has no mark.
    fn is_whole(&self) -> Option<(&'static str, bool)> {
        if self.first.starts_with(PNG_BEGIN) {
            return Some(("PNG", self.last == PNG_END));
        }
        if self.first.starts_with(b"\xFF\xD8\xFF") {
            return Some(("JPEG", self.last.ends_with(b"\xFF\xD9")));
        }
        if self.first.starts_with(b"RIFF") && self.first.get(8..12) == Some(b"WEBP") {
            let size = self.first.get(4..8).and_then(|size| size.try_into().ok()).map(u32::from_le_bytes)?;
            return Some(("WebP", self.length >= u64::from(size) + 8));
        }
        None
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

    fn png() -> Vec<u8> {
        [PNG_BEGIN, b"some chunks", PNG_END].concat()
    }

    fn jpeg() -> Vec<u8> {
        b"\xFF\xD8\xFF\xE0 pixels \xFF\xD9".to_vec()
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
        fn how_it_was_cut_into_pieces_changes_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..64), step in 1usize..40) {
            let picture = [png(), bytes].concat();
            prop_assert_eq!(check(&picture, step, None).is_ok(), check(&picture, picture.len(), None).is_ok());
        }
    }
}
