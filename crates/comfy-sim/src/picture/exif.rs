//! The orientation that a camera left in a picture.

use image::metadata::Orientation;

use super::Frame;

/// The orientation in a block of EXIF, or else in one of XMP; 1 if neither tells.
pub(super) fn orientation(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> u8 {
    let in_exif = exif.and_then(|block| {
        // JPEG files, and some writers of others, put a mark before the block.
        Orientation::from_exif_chunk(block.strip_prefix(b"Exif\0\0").unwrap_or(block)).map(Orientation::to_exif)
    });
    in_exif.or_else(|| xmp.and_then(in_xmp)).unwrap_or(1)
}

fn in_xmp(block: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    let at = block.windows(NAME.len()).position(|window| window == NAME)?;
    match block[at + NAME.len()..] {
        [b'=', b'"', digit, ..] | [b'>', digit, ..] if digit.is_ascii_digit() => Some(digit - b'0'),
        _ => None,
    }
}

/// The picture as it is meant to be seen.
pub(super) fn turned(frame: Frame, orientation: u8) -> Frame {
    let (w, h) = (frame.width, frame.height);
    // Where the pixel that shall stand at `x`, `y` stands now.
    let source: fn(usize, usize, usize, usize) -> (usize, usize) = match orientation {
        2 => |x, y, w, _| (w - 1 - x, y),
        3 => |x, y, w, h| (w - 1 - x, h - 1 - y),
        4 => |x, y, _, h| (x, h - 1 - y),
        5 => |x, y, _, _| (y, x),
        6 => |x, y, _, h| (y, h - 1 - x),
        7 => |x, y, w, h| (w - 1 - y, h - 1 - x),
        8 => |x, y, w, _| (w - 1 - y, x),
        _ => return frame,
    };
    let (width, height) = if orientation < 5 { (w, h) } else { (h, w) };
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let places: Vec<usize> = places.map(|(x, y)| source(x, y, w, h)).map(|(x, y)| y * w + x).collect();
    Frame {
        width,
        height,
        rgb: places.iter().flat_map(|at| &frame.rgb[at * 3..at * 3 + 3]).copied().collect(),
        alpha: frame.alpha.map(|alpha| places.iter().map(|at| alpha[*at]).collect()),
        transparency: frame.transparency,
    }
}
