//! `ImageScale`: pictures in a size that is given.

use super::{Call, Node, Use, Yield};
use crate::py::Raised;
use crate::tensor::resize::Method;
use crate::tensor::{CHANNELS, Images};

pub(crate) struct ImageScale;

impl Node for ImageScale {
    fn class(&self) -> &'static str {
        "ImageScale"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let (width, height) = (call.size("width", 512)?, call.size("height", 512)?);
        if (width, height) == (0, 0) {
            // Whatever came in goes out.
            return Ok(Yield { slots: call.input("image").cloned().into_iter().collect(), ..Yield::default() });
        }
        let images = call.images("image", Use::Attribute("movedim"))?;
        let (old_height, old_width) = images.size();
        // A side of zero follows the other one.
        let follow = |side: usize, other: usize, given: usize| ((side * given) as f64 / other as f64).round_ties_even().max(1.0);
        let size = match (height, width) {
            (_, 0) => (height, follow(old_width, old_height, height) as usize),
            (0, _) => (follow(old_height, old_width, width) as usize, width),
            given => given,
        };
        let method = method(call)?;
        let scaled = match call.text("crop", "disabled")?.as_str() {
            "center" => upscale(&centre(images, size)?, method, size),
            _ => upscale(images, method, size),
        };
        Ok(Yield::images(scaled?))
    }
}

pub(super) fn method(call: &Call<'_>) -> Result<Method, Raised> {
    let name = call.text("upscale_method", "")?;
    Method::named(&name).ok_or_else(|| Raised::new("NotImplementedError", format!("no interpolation `{name}`")))
}

/// The middle of the pictures, as large as it can be in the shape of `size`.
pub(super) fn centre(images: &Images, (height, width): (usize, usize)) -> Result<Images, Raised> {
    let (old_width, old_height) = (images.width as f64, images.height as f64);
    let (old, new) = (old_width / old_height, width as f64 / height as f64);
    let margin = |side: f64, kept: f64| ((side - side * kept) / 2.0).round_ties_even() as usize;
    let left = if old > new { margin(old_width, new / old) } else { 0 };
    let top = if old < new { margin(old_height, old / new) } else { 0 };
    images.cropped(left, top, images.width.saturating_sub(2 * left), images.height.saturating_sub(2 * top))
}

/// The pictures in this size, and what torch and Pillow say where a side is zero.
pub(super) fn upscale(images: &Images, method: Method, (height, width): (usize, usize)) -> Result<Images, Raised> {
    let (old_height, old_width) = images.size();
    let (from_none, to_none) = (old_height * old_width == 0, height == 0 || width == 0);
    match method {
        Method::Area if from_none => Err(Raised::new(
            "RuntimeError",
            format!(
                "adaptive_avg_pool2d(): Expected input to have non-zero size for non-batch dimensions, but input has sizes \
                 [{}, {CHANNELS}, {old_height}, {old_width}] with dimension {} being empty",
                images.batch,
                if old_height == 0 { 2 } else { 3 }
            ),
        )),
        Method::Lanczos if to_none => Err(Raised::new("ValueError", "height and width must be > 0")),
        Method::Area if to_none => Images::zeros(images.batch, height, width),
        Method::Lanczos if from_none => Images::zeros(images.batch, height, width),
        _ if from_none || to_none => Err(Raised::new(
            "RuntimeError",
            format!(
                "Input and output sizes should be greater than 0, but got input (H: {old_height}, W: {old_width}) output \
                 (H: {height}, W: {width})"
            ),
        )),
        _ => images.scaled(method, (height, width)),
    }
}
