//! `ImageScaleBy`: pictures so many times as large.

use super::image_scale::{method, upscale};
use super::{Call, Node, Use, Yield};
use crate::py::json::of_float;
use crate::py::{Raised, int_of};

pub(crate) struct ImageScaleBy;

impl Node for ImageScaleBy {
    fn class(&self) -> &'static str {
        "ImageScaleBy"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let images = call.images("image", Use::Attribute("movedim"))?;
        let factor = call.float("scale_by", 1.0)?;
        if !factor.is_finite() {
            return Err(int_of(&of_float(factor)).err().unwrap_or_else(|| Raised::new("ValueError", "no number")));
        }
        let side = |side: usize| (side as f64 * factor).round_ties_even() as usize;
        Ok(Yield::images(upscale(images, method(call)?, (side(images.height), side(images.width)))?))
    }
}
