//! `/view`: a picture as it is, as a preview, or one of its channels.

use std::io::Cursor;
use std::sync::Arc;

use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use image::ImageFormat;
use image::codecs::jpeg::JpegEncoder;

use super::files::send;
use crate::app::App;
use crate::mime;
use crate::picture::{Frame, Opened, Transparency};
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
    let made = tokio::task::spawn_blocking(move || form.make(Opened::new(&bytes, &path)?));
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

    fn make(self, picture: Opened) -> Result<Vec<u8>, Raised> {
        let mut out = Cursor::new(Vec::new());
        match self {
            Self::Beyond => return Err(Raised::new("ValueError", "encoding error")),
            Self::Jpeg { quality } => {
                let encoder = JpegEncoder::new_with_quality(&mut out, quality);
                picture.loaded()?.image(false).write_with_encoder(encoder)
            }
            Self::Webp { rgb } => return webp(&picture.loaded()?, rgb),
            Self::Rgb => return png(&picture.loaded()?),
            Self::Alpha => picture.shadow()?.image(true).write_to(&mut out, ImageFormat::Png),
        }
        .map_err(|e| Raised::new("OSError", e.to_string()))?;
        Ok(out.into_inner())
    }
}

/// The picture, or its colours alone. Pillow leaves colours as they are, makes colours with alpha of all else that is
/// transparent, and drops an alpha that hides nothing.
pub(super) fn webp(picture: &Frame, rgb: bool) -> Result<Vec<u8>, Raised> {
    let seen = |alpha: &Vec<u8>| alpha.iter().any(|alpha| *alpha < 255);
    let is_key = matches!(picture.transparency, Transparency::Key(_));
    let mut out = Cursor::new(Vec::new());
    let written =
        picture.image(!rgb && !is_key && picture.alpha.as_ref().is_some_and(seen)).write_to(&mut out, ImageFormat::WebP);
    written.map_err(|e| Raised::new("OSError", e.to_string()))?;
    Ok(out.into_inner())
}

/// The colours of a picture. One that stands for transparency still does.
fn png(picture: &Frame) -> Result<Vec<u8>, Raised> {
    let key = match picture.transparency {
        Transparency::Key(color) | Transparency::Index(color) => Some(color),
        Transparency::GreyKey(grey) => Some([grey; 3]),
        // Pillow forgets to make a colour of it.
        Transparency::BitKey => return Err(Raised::type_error("cannot unpack non-iterable int object")),
        Transparency::None | Transparency::Alpha | Transparency::Rgba => None,
    };
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, side(picture.width), side(picture.height));
    encoder.set_color(png::ColorType::Rgb);
    if let Some(color) = key {
        encoder.set_trns(color.map(|part| [0, part]).concat());
    }
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&picture.rgb));
    written.map_err(|e| Raised::new("OSError", e.to_string()))?;
    Ok(out)
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
}
