//! The texts of a PNG file: `tEXt`, `zTXt`, `iTXt`, and the chunk of ComfyUI's own in animated files.

use std::io::Read;

use flate2::read::ZlibDecoder;

pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// No workflow is as long as this; a text that unpacks to more is left out.
const MAX_TEXT: u64 = 64 << 20;

/// Every text of the file, with its keyword, in the order of the file. A broken chunk ends the reading or is left out.
/// Checksums are not looked at: JSON that came out whole was not damaged.
pub(super) fn texts(file: &[u8]) -> Vec<(String, String)> {
    let mut rest = file.strip_prefix(SIGNATURE).unwrap_or_default();
    let mut found = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let Some((kind, after)) = after.split_first_chunk::<4>() else { break };
        let length = u32::from_be_bytes(*length) as usize;
        let Some((data, after)) = after.split_at_checked(length) else { break };
        found.extend(text(kind, data));
        rest = after.get(4..).unwrap_or_default();
    }
    found
}

fn text(kind: &[u8; 4], data: &[u8]) -> Option<(String, String)> {
    if !matches!(kind, b"tEXt" | b"zTXt" | b"iTXt" | b"comf") {
        return None;
    }
    let (keyword, data) = cut(data)?;
    let text = match kind {
        b"zTXt" => unpack(data.strip_prefix(&[0])?, MAX_TEXT)?,
        b"iTXt" => {
            let ([packed, _method], data) = data.split_first_chunk::<2>()?;
            let (_language, data) = cut(data)?;
            let (_translated, data) = cut(data)?;
            if *packed == 0 { data.to_vec() } else { unpack(data, MAX_TEXT)? }
        }
        _ => data.to_vec(),
    };
    Some((latin(keyword.to_vec()), latin(text)))
}

/// What stands before the first NUL, and after it.
fn cut(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = data.iter().position(|byte| *byte == 0)?;
    Some((&data[..end], &data[end + 1..]))
}

fn unpack(data: &[u8], most: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let length = ZlibDecoder::new(data).take(most + 1).read_to_end(&mut text).ok()?;
    (length as u64 <= most).then_some(text)
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
            chunk(b"iTXt", "a\0\0\0en\0A\0é".as_bytes()),
            chunk(b"iTXt", &[b"b\0\x01\0\0\0".as_slice(), &packed(b"long")].concat()),
            chunk(b"comf", b"prompt\0[]"),
            chunk(b"zTXt", b"broken\0\0nonsense"),
            chunk(b"IEND", b""),
        ]
        .concat();
        let expected = [("prompt", "café"), ("workflow", "{}"), ("a", "é"), ("b", "long"), ("prompt", "[]")];
        assert_eq!(texts(&file), expected.map(|(keyword, text)| (keyword.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_text_that_unpacks_without_end_is_left_out() {
        let text = packed(&[b' '; 1000]);
        assert_eq!(unpack(&text, 1000).unwrap().len(), 1000);
        assert!(unpack(&text, 999).is_none());
    }
}
