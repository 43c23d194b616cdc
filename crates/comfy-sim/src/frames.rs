//! The binary messages of the WebSocket, to the byte: a type, a header of that type, a body. Numbers are big-endian.

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbImage, imageops};
use serde_json::json;

use crate::nodes::{Format, Preview};
use crate::py::json::dumps;

const PREVIEW_IMAGE: u32 = 1;
const TEXT: u32 = 3;
const PREVIEW_IMAGE_WITH_METADATA: u32 = 4;

/// The side of the square that a sampler's preview fills, small ones included.
const SIDE: u32 = 512;

impl Format {
    fn number(self) -> u32 {
        match self {
            Self::Jpeg => 1,
            Self::Png => 2,
        }
    }

    fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// A picture for who did not ask for metadata.
pub(crate) fn preview(format: Format, picture: &[u8]) -> Bytes {
    [&PREVIEW_IMAGE.to_be_bytes(), &format.number().to_be_bytes(), picture].concat().into()
}

/// A picture for who did.
pub(crate) fn preview_with_metadata(format: Format, picture: &[u8], node: &str, prompt_id: &str) -> Bytes {
    let metadata = dumps(&json!({
        "node_id": node,
        "prompt_id": prompt_id,
        "display_node_id": node,
        "parent_node_id": null,
        "real_node_id": node,
        "image_type": format.mime(),
    }));
    [&PREVIEW_IMAGE_WITH_METADATA.to_be_bytes(), &length(&metadata), metadata.as_bytes(), picture].concat().into()
}

/// A text for a node's face in the front end. It names no prompt.
pub(crate) fn text(node: &str, text: &str) -> Bytes {
    [&TEXT.to_be_bytes(), &length(node), node.as_bytes(), text.as_bytes()].concat().into()
}

fn length(text: &str) -> [u8; 4] {
    u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// The picture as a file. It takes long enough to be called off the event loop.
pub(crate) fn encode(preview: &Preview) -> Vec<u8> {
    let mut out = Vec::new();
    let image = &preview.image;
    let written = match preview.format {
        Format::Jpeg => {
            let image = fitted(image);
            let (width, height) = image.dimensions();
            JpegEncoder::new_with_quality(&mut out, 95).write_image(&image, width, height, ExtendedColorType::Rgb8)
        }
        Format::Png => PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive).write_image(
            image,
            image.width(),
            image.height(),
            ExtendedColorType::Rgb8,
        ),
    };
    // Only a picture without pixels fails; it goes out as an empty file.
    written.map_or_else(|_| Vec::new(), |()| out)
}

/// Scaled so that the longer side is [`SIDE`].
fn fitted(image: &RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let scaled = |side: u32, of: u32| (f64::from(side) / f64::from(of.max(1)) * f64::from(SIDE)).round_ties_even() as u32;
    let (to_width, to_height) = if width < height { (scaled(width, height), SIDE) } else { (SIDE, scaled(height, width)) };
    imageops::resize(image, to_width.max(1), to_height.max(1), imageops::FilterType::Triangle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_the_real_server() {
        assert_eq!(preview(Format::Jpeg, b"JJ").as_ref(), b"\0\0\0\x01\0\0\0\x01JJ");
        assert_eq!(preview(Format::Png, b"PP").as_ref(), b"\0\0\0\x01\0\0\0\x02PP");
        assert_eq!(text("12", "width: 4").as_ref(), b"\0\0\0\x03\0\0\0\x0212width: 4");
        let metadata = br#"{"node_id": "3", "prompt_id": "p", "display_node_id": "3", "parent_node_id": null, "real_node_id": "3", "image_type": "image/jpeg"}"#;
        let head = b"\0\0\0\x04\0\0\0\x83".as_slice();
        assert_eq!(preview_with_metadata(Format::Jpeg, b"JJ", "3", "p"), [head, metadata, b"JJ"].concat());
    }

    #[test]
    fn a_preview_fills_its_square_and_a_saved_picture_keeps_its_size() {
        for (width, height, fits) in [(8, 8, (512, 512)), (96, 64, (512, 341)), (64, 96, (341, 512)), (1024, 2, (512, 1))] {
            assert_eq!(fitted(&RgbImage::new(width, height)).dimensions(), fits);
        }
        for (format, size) in [(Format::Jpeg, (512, 512)), (Format::Png, (8, 8))] {
            let bytes = encode(&Preview { format, image: RgbImage::new(8, 8) });
            let read = image::load_from_memory(&bytes).expect("a picture");
            assert_eq!((read.width(), read.height()), size);
        }
    }
}
