//! WebP, still and animated.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, DynamicImage, ImageDecoder};

use super::{Decoded, Fault, Frame, Rgba, Transparency, broken, check, check_frames, exif};

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    let closed = || Fault::Broken("could not create decoder object".to_owned());
    let length = bytes.get(4..8).and_then(|length| length.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    // Nothing is seen of a file that is cut off.
    if bytes.len() - 8 < length {
        return Err(closed());
    }
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|_| closed())?;
    let (width, height) = decoder.dimensions();
    check(width as usize, height as usize)?;
    let (exif, xmp) = (decoder.exif_metadata().map_err(broken)?, decoder.xmp_metadata().map_err(broken)?);
    let orientation = exif::orientation(exif.as_deref(), xmp.as_deref());
    let transparency = if decoder.color_type().has_alpha() { Transparency::Rgba } else { Transparency::None };
    let frame = |pixels: image::RgbaImage| {
        let width = pixels.width() as usize;
        let pixels: Vec<Rgba> = pixels.pixels().map(|pixel| pixel.0).collect();
        Frame::new(width, &pixels, transparency)
    };
    let unread = || Fault::Broken("failed to read next frame".to_owned());
    let mut frames = Vec::new();
    if decoder.has_animation() {
        for next in decoder.into_frames() {
            check_frames(&frames, width as usize * height as usize)?;
            frames.push(frame(next.map_err(|_| unread())?.into_buffer()));
        }
    } else {
        frames.push(frame(DynamicImage::from_decoder(decoder).map_err(|_| unread())?.into_rgba8()));
    }
    Ok(Decoded { frames, whole: true, orientation })
}
