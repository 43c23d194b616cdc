//! `/view`: a picture as it is, as a preview, or one of its channels.

use std::io::Cursor;
use std::sync::Arc;

use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use image::codecs::jpeg::JpegEncoder;
use image::{ColorType, DynamicImage, GrayImage, ImageFormat, ImageReader, RgbaImage};

use super::files::send;
use crate::app::App;
use crate::mime;
use crate::py::path::{basename, inside};
use crate::py::{self, Raised};
use crate::reply::{Answer, Response, empty, full, set};
use crate::request::Request;
use crate::router::{Route, get};

pub(super) fn routes() -> Vec<Route> {
    vec![get("/view", view)]
}

async fn view(app: Arc<App>, request: Request) -> Answer {
    let Some(asked) = request.query("filename") else {
        return Ok(empty(StatusCode::NOT_FOUND));
    };
    let (name, folder) = app.folders.annotated(asked);
    if name.is_empty() || name.starts_with('/') || name.contains("..") {
        return Ok(empty(StatusCode::BAD_REQUEST));
    }
    let folder = folder.or_else(|| app.folders.of_type(request.query("type").unwrap_or("output")));
    let Some(mut folder) = folder else {
        return Ok(empty(StatusCode::BAD_REQUEST));
    };
    if let Some(subfolder) = request.query("subfolder") {
        let Some(below) = inside(&folder, subfolder) else {
            return Ok(empty(StatusCode::FORBIDDEN));
        };
        folder = below;
    }
    let name = basename(name).to_owned();
    let path = folder.join(&name);
    if name.is_empty() || !path.is_file() {
        return Ok(empty(StatusCode::NOT_FOUND));
    }
    let channel = request.query("channel").unwrap_or_default();
    let Some(form) = Form::of(request.query("preview"), channel)? else {
        let kind = mime::for_view(&name);
        let mut response = send(&request, &path, kind).await?;
        set(&mut response, CONTENT_TYPE, kind);
        disposition(&mut response, &name);
        return Ok(response);
    };
    let bytes = tokio::fs::read(&path).await?;
    let made = tokio::task::spawn_blocking(move || form.make(&bytes));
    let made = made.await.unwrap_or_else(|_| Err(Raised::new("RuntimeError", "the picture was not made")))?;
    let mut response = full(StatusCode::OK, form.content_type(), made);
    disposition(&mut response, &name);
    Ok(response)
}

fn disposition(response: &mut Response, name: &str) {
    set(response, CONTENT_DISPOSITION, &format!("filename=\"{name}\""));
}

/// What a picture is made into.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    /// `quality` from 1 to 100.
    Jpeg {
        quality: u8,
    },
    /// Without loss whatever the quality: the encoder here knows no other WebP.
    Webp {
        rgb: bool,
    },
    /// WebP of a quality that there is not.
    Beyond,
    Rgb,
    Alpha,
}

impl Form {
    /// By the `preview` and `channel` parameters; `None` for the file itself.
    fn of(preview: Option<&str>, channel: &str) -> Result<Option<Self>, Raised> {
        let Some(preview) = preview else {
            return Ok(match channel {
                "rgb" => Some(Self::Rgb),
                "a" => Some(Self::Alpha),
                _ => None,
            });
        };
        let parts: Vec<&str> = preview.split(';').collect();
        // A raised digit is one too, for Python, until it counts.
        let digits = parts.last().filter(|last| !last.is_empty() && last.chars().all(char::is_numeric));
        let number = |digits: &&str| py::small_int(digits).ok_or_else(|| py::no_int(digits));
        let quality = digits.map(number).transpose()?.unwrap_or(90);
        if parts.first() == Some(&"jpeg") && !channel.contains('a') {
            return Ok(Some(Self::Jpeg { quality: u8::try_from(quality.clamp(1, 100)).unwrap_or(90) }));
        }
        Ok(Some(if quality > 100 { Self::Beyond } else { Self::Webp { rgb: channel == "rgb" } }))
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg { .. } => "image/jpeg",
            Self::Webp { .. } | Self::Beyond => "image/webp",
            Self::Rgb | Self::Alpha => "image/png",
        }
    }

    fn make(self, bytes: &[u8]) -> Result<Vec<u8>, Raised> {
        let broken = |e: image::ImageError| Raised::new("PIL.UnidentifiedImageError", e.to_string());
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
        let picture = reader.map_err(|e| Raised::new("OSError", e.to_string()))?.decode().map_err(broken)?;
        let mut out = Cursor::new(Vec::new());
        match self {
            Self::Beyond => return Err(Raised::new("ValueError", "encoding error")),
            Self::Jpeg { quality } => picture.into_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut out, quality)),
            Self::Webp { rgb } if rgb || !picture.color().has_alpha() => {
                picture.into_rgb8().write_to(&mut out, ImageFormat::WebP)
            }
            Self::Webp { .. } => picture.into_rgba8().write_to(&mut out, ImageFormat::WebP),
            Self::Rgb => picture.into_rgb8().write_to(&mut out, ImageFormat::Png),
            Self::Alpha => alpha(&picture, is_rgba(bytes, &picture)).write_to(&mut out, ImageFormat::Png),
        }
        .map_err(broken)?;
        Ok(out.into_inner())
    }
}

/// Whether Pillow's mode of the picture is RGBA. The decoder turns a palette, or a colour, that is transparent into it too.
fn is_rgba(bytes: &[u8], picture: &DynamicImage) -> bool {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => bytes.get(25) == Some(&6),
        _ => matches!(picture.color(), ColorType::Rgba8 | ColorType::Rgba16),
    }
}

/// A black picture with the transparency of this one; opaque for a picture of another mode than RGBA.
fn alpha(picture: &DynamicImage, is_rgba: bool) -> RgbaImage {
    let (width, height) = (picture.width(), picture.height());
    let alpha = if is_rgba {
        picture.to_rgba8().pixels().map(|pixel| pixel.0[3]).collect()
    } else {
        vec![255; width as usize * height as usize]
    };
    let alpha = GrayImage::from_raw(width, height, alpha).unwrap_or_default();
    RgbaImage::from_fn(width, height, |x, y| image::Rgba([0, 0, 0, alpha.get_pixel(x, y).0[0]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_choose_the_form() {
        for (preview, channel, form) in [
            (None, "", None),
            (None, "rgba", None),
            (None, "rgb", Some(Form::Rgb)),
            (None, "a", Some(Form::Alpha)),
            (Some("jpeg"), "", Some(Form::Jpeg { quality: 90 })),
            (Some("jpeg;50"), "rgb", Some(Form::Jpeg { quality: 50 })),
            (Some("jpeg;50"), "a", Some(Form::Webp { rgb: false })),
            (Some("jpeg;\u{665}\u{660}"), "", Some(Form::Jpeg { quality: 50 })),
            (Some("webp;101"), "", Some(Form::Beyond)),
            (Some("webp;90"), "rgb", Some(Form::Webp { rgb: true })),
            (Some(""), "", Some(Form::Webp { rgb: false })),
        ] {
            assert_eq!(Form::of(preview, channel), Ok(form), "{preview:?} {channel:?}");
        }
    }

    #[test]
    fn the_alpha_of_a_picture_is_seen_in_rgba_only() {
        let mut grey = Cursor::new(Vec::new());
        image::GrayAlphaImage::from_raw(1, 1, vec![9, 100])
            .expect("a pixel")
            .write_to(&mut grey, ImageFormat::Png)
            .expect("made");
        let mut color = Cursor::new(Vec::new());
        RgbaImage::from_raw(1, 1, vec![9, 9, 9, 100]).expect("a pixel").write_to(&mut color, ImageFormat::Png).expect("made");
        let mut palette = Vec::new();
        let mut encoder = png::Encoder::new(&mut palette, 1, 1);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(vec![9, 9, 9]);
        encoder.set_trns(vec![100]);
        encoder.write_header().expect("made").write_image_data(&[0]).expect("made");
        for (file, alpha) in [(grey.into_inner(), 255), (palette, 255), (color.into_inner(), 100)] {
            let made = image::load_from_memory(&Form::Alpha.make(&file).expect("made")).expect("a picture");
            assert_eq!(made.into_rgba8().into_raw(), [0, 0, 0, alpha]);
        }
    }
}
