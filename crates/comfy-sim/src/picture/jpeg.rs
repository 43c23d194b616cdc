//! JPEG. An MPO file is several of them, of which ComfyUI takes the first.
//!
//! A known difference: the decoder here rounds otherwise than libjpeg-turbo, which Pillow uses. Of 300 files of noise those
//! with colours at full size were up to three levels apart, those with halved colours up to five; and of the latter the last
//! column of a picture whose width is no whole number of blocks was up to 55 apart, since the two make up its right
//! neighbour in other ways. A file that is cut off is refused, where Pillow shows what there is.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::{DynamicImage, ImageDecoder};

use super::{Decoded, Fault, Frame, Rgba, Transparency, broken, check, exif};

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(broken)?;
    let (width, height) = decoder.dimensions();
    check(width as usize, height as usize)?;
    let (exif, xmp) = (decoder.exif_metadata().map_err(broken)?, decoder.xmp_metadata().map_err(broken)?);
    let orientation = exif::orientation(exif.as_deref(), xmp.as_deref());
    let pixels = DynamicImage::from_decoder(decoder).map_err(broken)?.into_rgba8();
    let pixels: Vec<Rgba> = pixels.pixels().map(|pixel| pixel.0).collect();
    Ok(Decoded { frames: vec![Frame::new(width as usize, &pixels, Transparency::None)], orientation })
}
