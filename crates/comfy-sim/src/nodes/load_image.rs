//! `LoadImage`: a file of the input folder as picture and mask.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use image::{DynamicImage, ImageDecoder, ImageReader};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::save_image::os_error;
use super::{Call, INFO, Node, Slot, Yield};
use crate::folders::Folders;
use crate::mime;
use crate::png_text::color_type;
use crate::py::{self, Raised};
use crate::tensor::{Images, Mask};

/// Pillow refuses larger pictures.
const MAX_PIXELS: u64 = 178_956_970;

pub(crate) struct LoadImage;

impl Node for LoadImage {
    fn class(&self) -> &'static str {
        "LoadImage"
    }

    fn info(&self, folders: &Folders) -> Result<Value, Raised> {
        let mut info = INFO.get(self.class()).cloned().unwrap_or_default();
        info["input"]["required"]["image"][0] = json!(pictures(folders)?);
        Ok(info)
    }

    fn validates(&self) -> &'static [&'static str] {
        &["image"]
    }

    fn validate(&self, folders: &Folders, inputs: &[(String, Value)]) -> Result<Option<String>, Raised> {
        let Some((_, image)) = inputs.iter().find(|(name, _)| name == "image") else {
            return Err(Raised::type_error("LoadImage.VALIDATE_INPUTS() missing 1 required positional argument: 'image'"));
        };
        let Value::String(name) = image else {
            return Err(py::no_attribute(image, "endswith"));
        };
        let there = folders.named_input(name).is_some_and(|path| path.exists());
        Ok((!there).then(|| format!("Invalid image file: {name}")))
    }

    fn watches(&self) -> bool {
        true
    }

    fn fingerprint(&self, folders: &Folders, inputs: &Map<String, Value>) -> Result<Value, Raised> {
        let bytes = read(folders, inputs.get("image").and_then(Value::as_str).unwrap_or_default())?;
        let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(json!([hex]))
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let name = call.text("image", "")?;
        let bytes = read(call.folders, &name)?;
        let path = call.folders.named_input(&name).unwrap_or_default();
        let (images, mask) = decode(&bytes, &path)?;
        Ok(Yield { slots: vec![Slot::Images(Arc::new(images)), Slot::Mask(Arc::new(mask))], ..Yield::default() })
    }
}

/// The files of the input folder whose names say that they are pictures, sorted.
fn pictures(folders: &Folders) -> Result<Vec<String>, Raised> {
    let input = folders.input();
    let entries = fs::read_dir(&input).map_err(|e| os_error(&e, &input))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| mime::guess(name).is_some_and(|kind| kind.starts_with("image/")))
        .collect();
    names.sort();
    Ok(names)
}

fn read(folders: &Folders, name: &str) -> Result<Vec<u8>, Raised> {
    let path = folders.named_input(name).ok_or_else(|| Raised::new("ValueError", "the path leaves its folder"))?;
    fs::read(&path).map_err(|e| os_error(&e, &path))
}

fn decode(bytes: &[u8], path: &Path) -> Result<(Images, Mask), Raised> {
    let unknown = || {
        let shown = py::quote(&path.to_string_lossy());
        Raised::new("PIL.UnidentifiedImageError", format!("cannot identify image file {shown}"))
    };
    let broken = |error: image::ImageError| Raised::new("OSError", error.to_string());
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| unknown())?;
    let mut decoder = reader.into_decoder().map_err(|_| unknown())?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS {
        return Err(Raised::new(
            "PIL.Image.DecompressionBombError",
            format!("Image size ({pixels} pixels) exceeds limit of {MAX_PIXELS} pixels, could be decompression bomb DOS attack."),
        ));
    }
    let turned = decoder.orientation().map_err(broken)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    picture.apply_orientation(turned);

    let (width, height) = (picture.width() as usize, picture.height() as usize);
    // Pillow gives a transparent colour of a PNG without palette no alpha channel; the decoder here does.
    let keyed = matches!(color_type(bytes), Some(0 | 2));
    let mask = if picture.color().has_alpha() && !keyed {
        Mask::from_alpha(width, height, eight_bits(&picture).into_rgba8().pixels().map(|pixel| pixel.0[3]))
    } else {
        Mask::none()
    };
    let rgb = eight_bits(&picture).into_rgb8();
    Ok((Images::from_rgb8(width, height, rgb.as_raw()), mask))
}

/// The picture in 8 bits as Pillow makes it: the high byte of a colour, and a 16-bit grey over 255.
fn eight_bits(picture: &DynamicImage) -> DynamicImage {
    let high = |value: &u16| value.to_be_bytes()[0];
    let grey = |value: &u16| u8::try_from(value / 255).unwrap_or(u8::MAX);
    let (w, h) = (picture.width(), picture.height());
    let made = match picture {
        DynamicImage::ImageLuma16(p) => image::GrayImage::from_raw(w, h, p.iter().map(grey).collect()).map(DynamicImage::from),
        DynamicImage::ImageLumaA16(p) => {
            image::GrayAlphaImage::from_raw(w, h, p.iter().map(high).collect()).map(DynamicImage::from)
        }
        DynamicImage::ImageRgb16(p) => image::RgbImage::from_raw(w, h, p.iter().map(high).collect()).map(DynamicImage::from),
        DynamicImage::ImageRgba16(p) => image::RgbaImage::from_raw(w, h, p.iter().map(high).collect()).map(DynamicImage::from),
        _ => None,
    };
    made.unwrap_or_else(|| picture.clone())
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, LumaA, Rgb, Rgba};

    use super::*;

    fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        picture.into().write_to(&mut out, ImageFormat::Png).expect("encodes");
        out.into_inner()
    }

    #[test]
    fn pixels_and_masks_are_those_of_pillow() {
        let path = Path::new("x.png");
        let rgb = image::RgbImage::from_pixel(2, 1, Rgb([0, 51, 255]));
        let rgba = image::RgbaImage::from_pixel(1, 2, Rgba([10, 20, 30, 0]));
        let grey = image::GrayAlphaImage::from_pixel(1, 1, LumaA([102, 255]));
        let deep = image::ImageBuffer::<Rgb<u16>, Vec<u16>>::from_pixel(1, 1, Rgb([0x00FF, 0x80FF, 0xFFFF]));
        for (bytes, pixel, mask) in [
            (png(rgb), [0, 51, 255], vec![0.0; 64 * 64]),
            (png(rgba), [10, 20, 30], vec![1.0, 1.0]),
            (png(grey), [102, 102, 102], vec![0.0]),
            (png(deep), [0, 0x80, 255], vec![0.0; 64 * 64]),
        ] {
            let (images, made) = decode(&bytes, path).expect("decodes");
            assert_eq!(images.rgb8().next().map(|p| p[..3].to_vec()), Some(pixel.to_vec()));
            assert_eq!(made.values, mask);
        }
    }

    #[test]
    fn what_is_no_picture_is_not_identified() {
        let raised = decode(b"this is no picture", Path::new("/in/broken.png")).map(|_| ());
        assert_eq!(raised, Err(Raised::new("PIL.UnidentifiedImageError", "cannot identify image file '/in/broken.png'")));
        let whole = png(image::RgbImage::new(8, 8));
        assert!(decode(&whole[..whole.len() / 2], Path::new("cut.png")).is_err());
    }
}
