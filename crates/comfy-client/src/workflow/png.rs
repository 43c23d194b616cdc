//! The texts of a PNG file: `tEXt`, `zTXt`, `iTXt`, and the chunk of ComfyUI's own in animated files.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::file::{KEYWORDS, ROOM};

pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The texts of the file that may be workflows, with their keywords, in the order of the file. A broken chunk ends the reading
/// or is left out. Checksums are not looked at: JSON that came out whole was not damaged.
pub(super) fn texts(file: &[u8]) -> Vec<(&'static str, String)> {
    let mut rest = file.strip_prefix(SIGNATURE).unwrap_or_default();
    let (mut found, mut room) = (Vec::new(), ROOM);
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let Some((kind, after)) = after.split_first_chunk::<4>() else { break };
        let length = u32::from_be_bytes(*length) as usize;
        let Some((data, after)) = after.split_at_checked(length) else { break };
        found.extend(text(kind, data, &mut room));
        rest = after.get(4..).unwrap_or_default();
    }
    found
}

fn text(kind: &[u8; 4], data: &[u8], room: &mut usize) -> Option<(&'static str, String)> {
    if !matches!(kind, b"tEXt" | b"zTXt" | b"iTXt" | b"comf") {
        return None;
    }
    let (keyword, data) = cut(data)?;
    let keyword = KEYWORDS.into_iter().find(|known| known.as_bytes() == keyword)?;
    let text = match kind {
        b"zTXt" => unpack(data.strip_prefix(&[0])?, room)?,
        b"iTXt" => {
            let ([packed, _method], data) = data.split_first_chunk::<2>()?;
            let (_language, data) = cut(data)?;
            let (_translated, data) = cut(data)?;
            if *packed == 0 { data.to_vec() } else { unpack(data, room)? }
        }
        _ => data.to_vec(),
    };
    Some((keyword, latin(text)))
}

/// What stands before the first NUL, and after it.
fn cut(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = data.iter().position(|byte| *byte == 0)?;
    Some((&data[..end], &data[end + 1..]))
}

/// The text, if there is room for it. What is left out took its room all the same: unpacking it took its time.
fn unpack(data: &[u8], room: &mut usize) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let read = ZlibDecoder::new(data).take(*room as u64 + 1).read_to_end(&mut text);
    let left = room.checked_sub(text.len());
    *room = left.unwrap_or_default();
    (read.is_ok() && left.is_some()).then_some(text)
}

/// The standard says Latin-1; many a writer puts UTF-8 there all the same.
fn latin(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    pub(in super::super) fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        [&length.to_be_bytes(), kind.as_slice(), data, &[0; 4]].concat()
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn every_kind_of_text_is_read_also_after_the_pixels() {
        let file = [
            SIGNATURE.to_vec(),
            chunk(b"IHDR", &[0; 13]),
            chunk(b"tEXt", b"prompt\0caf\xe9"),
            chunk(b"IDAT", b"x\0y"),
            chunk(b"zTXt", &[b"workflow\0\0".as_slice(), &packed(b"{}")].concat()),
            chunk(b"iTXt", "prompt\0\0\0en\0A\0é".as_bytes()),
            chunk(b"iTXt", &[b"workflow\0\x01\0\0\0".as_slice(), &packed(b"long")].concat()),
            chunk(b"comf", b"prompt\0[]"),
            chunk(b"zTXt", b"prompt\0\0nonsense"),
            chunk(b"tEXt", b"parameters\0no workflow"),
            chunk(b"IEND", b""),
        ]
        .concat();
        let expected = [("prompt", "café"), ("workflow", "{}"), ("prompt", "é"), ("workflow", "long"), ("prompt", "[]")];
        assert_eq!(texts(&file), expected.map(|(keyword, text)| (keyword, text.to_owned())));
    }

    #[test]
    fn texts_that_unpack_without_end_are_left_out_also_where_many_share_it() {
        let text = |keyword: &str| chunk(b"zTXt", &[keyword.as_bytes(), &[0, 0], &packed(&vec![b' '; 40 << 20])].concat());
        let file = [SIGNATURE, &text("parameters"), &text("prompt"), &text("workflow"), &text("prompt")].concat();
        let lengths: Vec<_> = texts(&file).iter().map(|(keyword, text)| (*keyword, text.len())).collect();
        assert_eq!(lengths, [("prompt", 40 << 20)]);
    }
}
