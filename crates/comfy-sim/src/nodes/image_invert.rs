//! `ImageInvert`: one minus every value.

use super::{Call, Node, Use, Yield};
use crate::py::Raised;

pub(crate) struct ImageInvert;

impl Node for ImageInvert {
    fn class(&self) -> &'static str {
        "ImageInvert"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        if let Some(inverted) = call.inverted_literal("image") {
            return Ok(inverted);
        }
        let images = call.images("image", Use::Minus)?;
        Ok(Yield::images(images.inverted()?))
    }
}
