//! Text chunks in a PNG file, where ComfyUI keeps the workflow of a picture.

/// The signature and the header chunk: text goes right behind.
const HEAD: usize = 8 + 25;

/// The file with a `tEXt` chunk for each pair, in order; `None` where a text is not Latin-1 or `png` is no PNG file. As
/// Pillow does, it takes keywords of any length, which the format does not.
pub(crate) fn with_text(png: &[u8], pairs: &[(String, String)]) -> Option<Vec<u8>> {
    let mut out = png.get(..HEAD)?.to_vec();
    for (keyword, text) in pairs {
        let mut body = latin1(keyword)?;
        body.push(0);
        body.extend(latin1(text)?);
        let mut typed = b"tEXt".to_vec();
        typed.extend(&body);
        out.extend(u32::try_from(body.len()).ok()?.to_be_bytes());
        out.extend(&typed);
        out.extend(crc32(&typed).to_be_bytes());
    }
    out.extend(&png[HEAD..]);
    Some(out)
}

/// The `tEXt` chunks of a PNG file, in order.
pub(crate) fn texts(png: &[u8]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = png.get(8..).unwrap_or_default();
    while let Some((head, more)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some((body, after)) = more.split_at_checked(length) else { break };
        if &head[4..] == b"tEXt"
            && let Some(end) = body.iter().position(|byte| *byte == 0)
        {
            let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
            out.push((text(&body[..end]), text(&body[end + 1..])));
        }
        rest = after.get(4..).unwrap_or_default();
    }
    out
}

fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_png() {
        // The checksum of every IEND chunk, and the check value of CRC-32.
        assert_eq!(crc32(b"IEND"), 0xAE42_6082);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn text_goes_behind_the_header_in_latin_1() {
        let png: Vec<u8> = (0..40).collect();
        let pair = |k: &str| [(k.to_owned(), "v".to_owned())];
        let out = with_text(&png, &pair("prompt")).expect("a good keyword");
        assert_eq!(&out[..33], &png[..33]);
        assert_eq!(&out[33..49], b"\0\0\0\x08tEXtprompt\0v");
        assert_eq!(&out[53..], &png[33..]);
        for good in ["", &"k".repeat(80)] {
            assert!(with_text(&png, &pair(good)).is_some(), "{good:?}");
        }
        for bad in ["é\u{4e00}", "\u{100}"] {
            assert_eq!(with_text(&png, &pair(bad)), None, "{bad}");
        }
    }
}
