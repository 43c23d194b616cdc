//! BMP, ICO, PNM, TGA and TIFF: of each the one picture that the decoder finds, and all pages of a TIFF file.
//!
//! Known differences: Pillow shows what there is of a file that is cut off, reads TIFF files with a palette or with floats,
//! and makes other colours of a CMYK TIFF by one level. `docs/reference/sim.md` lists the formats that are not read at all.

use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::{Decoded, Fault, Frame, Rgba, Transparency, broken, check, check_frames};

/// The format that a file begins like.
pub(super) fn format(bytes: &[u8]) -> Option<ImageFormat> {
    match *bytes {
        [b'B', b'M', ..] => Some(ImageFormat::Bmp),
        [b'P', b'1'..=b'6', ..] => Some(ImageFormat::Pnm),
        [0, 0, 1, 0, ..] => Some(ImageFormat::Ico),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Some(ImageFormat::Tiff),
        // A TGA file has no mark: its kind, its size and its depth must make sense.
        [_, 0 | 1, 1..=3 | 9..=11, _, _, _, _, _, _, _, _, _, w0, w1, h0, h1, 8 | 16 | 24 | 32, ..]
            if (w0 | w1) != 0 && (h0 | h1) != 0 =>
        {
            Some(ImageFormat::Tga)
        }
        _ => None,
    }
}

pub(super) fn decode(bytes: &[u8], format: ImageFormat) -> Result<Decoded, Fault> {
    let mut decoded = page(bytes, format)?;
    let (width, height) = (decoded.frames[0].width, decoded.frames[0].height);
    let pages = if format == ImageFormat::Tiff { pages(bytes) } else { Vec::new() };
    for start in pages.into_iter().skip(1) {
        check_frames(&decoded.frames, width * height)?;
        // The same file, where it begins with that page.
        let file = [&bytes[..4], &start, &bytes[8..]].concat();
        let Ok(next) = page(&file, format) else { break };
        decoded.frames.extend(next.frames.into_iter().filter(|frame| (frame.width, frame.height) == (width, height)));
    }
    Ok(decoded)
}

/// Where the pages of a TIFF file begin, in the bytes that its head has for it.
fn pages(bytes: &[u8]) -> Vec<[u8; 4]> {
    let little = bytes.starts_with(b"II");
    let at = |place: [u8; 4]| if little { u32::from_le_bytes(place) } else { u32::from_be_bytes(place) } as usize;
    let mut pages: Vec<[u8; 4]> = Vec::new();
    let mut next = bytes.get(4..).and_then(|rest| rest.first_chunk().copied());
    while let Some(start) = next.filter(|start| at(*start) > 0 && !pages.contains(start)) {
        pages.push(start);
        // The number of its entries, of twelve bytes each, and then where the next one is.
        next = bytes.get(at(start)..).and_then(<[u8]>::split_first_chunk).and_then(|(count, entries)| {
            let count = if little { u16::from_le_bytes(*count) } else { u16::from_be_bytes(*count) };
            entries.get(usize::from(count) * 12..)?.first_chunk().copied()
        });
    }
    pages
}

fn page(bytes: &[u8], format: ImageFormat) -> Result<Decoded, Fault> {
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Fault::Unknown);
    }
    check(width as usize, height as usize)?;
    let orientation = decoder.orientation().map_err(broken)?.to_exif();
    let picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    let transparency = match picture.color() {
        ColorType::Rgba8 | ColorType::Rgba16 => Transparency::Rgba,
        color if color.has_alpha() => Transparency::Alpha,
        _ => Transparency::None,
    };
    let frame = Frame::new(width as usize, &pixels(picture, format), transparency);
    Ok(Decoded { frames: vec![frame], whole: true, orientation })
}

/// The pixels in eight bits. Of 16 bits of grey Pillow keeps what is left above 255, but `ComfyUI` divides first what comes
/// from a PNM file; of 16 bits of colour in a TIFF file it takes the higher byte.
fn pixels(picture: DynamicImage, format: ImageFormat) -> Vec<Rgba> {
    let grey = |value: u16| [value.min(255) as u8; 3];
    let high = |value: u16| (value >> 8) as u8;
    let opaque = |[r, g, b]: [u8; 3]| [r, g, b, 255];
    match (picture, format) {
        (DynamicImage::ImageLuma16(picture), ImageFormat::Pnm) => picture.iter().map(|v| opaque(grey(v / 255))).collect(),
        (DynamicImage::ImageLuma16(picture), _) => picture.iter().map(|v| opaque(grey(*v))).collect(),
        (DynamicImage::ImageRgb16(picture), ImageFormat::Tiff) => picture.pixels().map(|p| opaque(p.0.map(high))).collect(),
        (DynamicImage::ImageRgba16(picture), ImageFormat::Tiff) => picture.pixels().map(|p| p.0.map(high)).collect(),
        (picture, _) => picture.into_rgba8().pixels().map(|pixel| pixel.0).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture;

    /// What is read of a picture that was written in that format.
    fn read(picture: &DynamicImage, format: ImageFormat) -> Frame {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, format).expect("written");
        picture::decode(file.get_ref()).expect("read").frames.swap_remove(0)
    }

    #[test]
    fn each_format_comes_back_as_it_was_written() {
        let colors = [[255, 0, 0, 255], [0, 255, 0, 128], [0, 0, 255, 0], [1, 2, 3, 255], [9, 8, 7, 6], [0, 0, 0, 255]];
        let rgba = image::RgbaImage::from_raw(3, 2, colors.concat()).expect("six pixels");
        let rgb = Frame::new(3, &colors.map(|[r, g, b, _]| [r, g, b, 255]), Transparency::None);
        for format in [ImageFormat::Bmp, ImageFormat::Ico, ImageFormat::Tga, ImageFormat::Tiff] {
            assert_eq!(read(&rgba.clone().into(), format), Frame::new(3, &colors, Transparency::Rgba), "{format:?}");
        }
        for format in [ImageFormat::Bmp, ImageFormat::Tga, ImageFormat::Tiff] {
            assert_eq!(read(&DynamicImage::from(rgba.clone()).into_rgb8().into(), format), rgb, "{format:?}");
        }
    }

    #[test]
    fn a_head_without_pixels_is_no_picture() {
        for file in [&b"P3 3 0 255\n"[..], b"P1 0 2\n", b"P6 0 0 255\n"] {
            assert!(matches!(picture::decode(file), Err(Fault::Unknown)), "{file:?}");
        }
    }

    #[test]
    fn sixteen_bits_become_eight_as_in_pillow() {
        let grey =
            image::ImageBuffer::<image::Luma<u16>, _>::from_raw(4, 1, vec![100, 300, 30_000, 65_535]).expect("four pixels");
        let reds = |format| read(&grey.clone().into(), format).rgb.into_iter().step_by(3).collect::<Vec<_>>();
        assert_eq!(reds(ImageFormat::Tiff), [100, 255, 255, 255]);
        let pgm = [&b"P5 4 1 65535\n"[..], &[0, 100, 1, 44, 117, 48, 255, 255]].concat();
        let rgb = picture::decode(&pgm).expect("read").frames.swap_remove(0).rgb;
        assert_eq!(rgb.into_iter().step_by(3).collect::<Vec<_>>(), [0, 1, 117, 255]);
        let color = image::ImageBuffer::<image::Rgb<u16>, _>::from_raw(1, 1, vec![0x12FF, 0xFF00, 0x00FF]).expect("a pixel");
        assert_eq!(read(&color.into(), ImageFormat::Tiff).rgb, [0x12, 0xFF, 0]);
    }

    #[test]
    fn pnm_is_a_text_or_bytes() {
        for (file, reds) in [
            (&b"P1 3 1\n1 0 1\n"[..], [0, 255, 0]),
            (b"P2 3 1 255\n0 7 255\n", [0, 7, 255]),
            (b"P3 3 1 255\n0 0 0 7 7 7 255 0 0\n", [0, 7, 255]),
            (b"P4 3 1\n\xA0", [0, 255, 0]),
            (b"P5 3 1 255\n\x00\x07\xFF", [0, 7, 255]),
            (b"P6 3 1 255\n\x00\x00\x00\x07\x07\x07\xFF\x00\x00", [0, 7, 255]),
        ] {
            let rgb = picture::decode(file).expect("read").frames.swap_remove(0).rgb;
            assert_eq!(rgb.into_iter().step_by(3).collect::<Vec<_>>(), reds, "{}", file.escape_ascii());
        }
    }
}
