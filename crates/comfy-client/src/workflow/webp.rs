//! The texts of a WebP file: ComfyUI writes `prompt:{…}` and `workflow:{…}` into the first tags of its EXIF data that
//! hold text. Which tags these are differs from writer to writer, so all of them are read.

use super::file::{KEYWORDS, ROOM};

/// The texts of the file's EXIF data that may be workflows: those with such a keyword before a colon, in the order of the file.
pub(super) fn texts(file: &[u8]) -> Vec<(&'static str, String)> {
    exif(file).map(tags).unwrap_or_default()
}

pub(super) fn is_webp(file: &[u8]) -> bool {
    file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP")
}

/// The EXIF chunk, from its TIFF header on.
fn exif(file: &[u8]) -> Option<&[u8]> {
    let mut rest = file.get(12..)?;
    loop {
        let (kind, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let data = after.get(..length)?;
        if kind == b"EXIF" {
            return Some(data.strip_prefix(b"Exif\0\0").unwrap_or(data));
        }
        // A chunk of odd length is followed by one byte of padding.
        rest = after.get(length.checked_add(length % 2)?..)?;
    }
}

/// The bytes of a TIFF structure, in one of its two orders.
struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    fn short(&self, at: usize) -> Option<u16> {
        let two = *self.bytes.get(at..)?.first_chunk::<2>()?;
        Some(if self.little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    }

    fn long(&self, at: usize) -> Option<usize> {
        let four = *self.bytes.get(at..)?.first_chunk::<4>()?;
        usize::try_from(if self.little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) }).ok()
    }

    /// The text of the tag whose entry of twelve bytes stands at `at`.
    fn text(&self, at: usize) -> Option<&'a [u8]> {
        const ASCII: u16 = 2;
        if self.short(at.checked_add(2)?)? != ASCII {
            return None;
        }
        let length = self.long(at.checked_add(4)?)?;
        let value = at.checked_add(8)?;
        // Up to four bytes stand in the entry itself.
        let start = if length <= 4 { value } else { self.long(value)? };
        self.bytes.get(start..start.checked_add(length)?)
    }
}

fn tags(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let tiff = Tiff { bytes, little: bytes.starts_with(b"II") };
    let Some(start) = tiff.long(4) else { return Vec::new() };
    let count = tiff.short(start).unwrap_or_default();
    // Many entries may share the same bytes.
    let mut room = ROOM;
    (0..usize::from(count))
        .map_while(|nth| start.checked_add(2 + 12 * nth))
        .filter_map(|at| tiff.text(at))
        .filter_map(keyed)
        .filter_map(|(keyword, text)| {
            room = room.checked_sub(text.len())?;
            Some((keyword, String::from_utf8_lossy(text).trim_end_matches('\0').to_owned()))
        })
        .collect()
}

fn keyed(text: &[u8]) -> Option<(&'static str, &[u8])> {
    KEYWORDS.into_iter().find_map(|keyword| {
        let (begin, rest) = text.split_at_checked(keyword.len())?;
        let rest = rest.strip_prefix(b":").filter(|_| begin.eq_ignore_ascii_case(keyword.as_bytes()))?;
        Some((keyword, rest))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A WebP file with these texts in its EXIF data, from tag 0x0110 downwards, as ComfyUI writes them.
    pub(in super::super) fn file(texts: &[&str], little: bool) -> Vec<u8> {
        let short = |value: usize| {
            let value = u16::try_from(value).unwrap();
            if little { value.to_le_bytes() } else { value.to_be_bytes() }
        };
        let long = |value: usize| {
            let value = u32::try_from(value).unwrap();
            if little { value.to_le_bytes() } else { value.to_be_bytes() }
        };
        let mut head = if little { b"II".to_vec() } else { b"MM".to_vec() };
        head.extend([&short(42)[..], &long(8), &short(texts.len())].concat());
        let (mut values, begin) = (Vec::new(), 8 + 2 + 12 * texts.len() + 4);
        for (nth, text) in texts.iter().enumerate() {
            head.extend([&short(0x110 - nth)[..], &short(2), &long(text.len() + 1), &long(begin + values.len())].concat());
            values.extend([text.as_bytes(), b"\0"].concat());
        }
        let exif = [b"Exif\0\0".as_slice(), &head, &[0; 4], &values].concat();
        let chunk = |kind: &[u8], data: &[u8]| {
            let length = u32::try_from(data.len()).unwrap().to_le_bytes();
            [kind, &length, data, &vec![0; data.len() % 2]].concat()
        };
        let body = [b"WEBP".to_vec(), chunk(b"VP8 ", b"odd"), chunk(b"EXIF", &exif)].concat();
        [b"RIFF".as_slice(), &u32::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
    }

    #[test]
    fn the_tags_are_read_in_both_byte_orders() {
        for little in [true, false] {
            let file = file(&["prompt:{\"1\": 2}", "Workflow:{}", "no keyword"], little);
            assert!(is_webp(&file));
            let expected = [("prompt", "{\"1\": 2}"), ("workflow", "{}")];
            assert_eq!(texts(&file), expected.map(|(keyword, text)| (keyword, text.to_owned())), "{little}");
        }
    }

    #[test]
    fn entries_that_share_a_text_are_not_read_without_end() {
        let (count, length): (u16, u32) = (500, 1 << 20);
        let begin = u32::from(8 + 2 + 12 * count);
        let entry = [&[0, 0, 2, 0][..], &length.to_le_bytes(), &begin.to_le_bytes()].concat();
        let head = [&b"II*\0\x08\0\0\0"[..], &count.to_le_bytes(), &entry.repeat(count.into())].concat();
        for (keyword, fits) in [("prompt:", 64), ("others:", 0)] {
            let text = [keyword.as_bytes(), &vec![b' '; length as usize]].concat();
            assert_eq!(tags(&[head.clone(), text].concat()).len(), fits, "{keyword}");
        }
    }
}
