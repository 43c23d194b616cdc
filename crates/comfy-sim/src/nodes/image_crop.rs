//! `ImageCrop`: a part of the pictures.

use super::{Call, Node, Use, Yield};
use crate::py::Raised;

pub(crate) struct ImageCrop;

impl Node for ImageCrop {
    fn class(&self) -> &'static str {
        "ImageCrop"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let images = call.images("image", Use::Attribute("shape"))?;
        // The part begins within the picture, and ends with it.
        let left = call.size("x", 0)?.min(images.width.saturating_sub(1));
        let top = call.size("y", 0)?.min(images.height.saturating_sub(1));
        Ok(Yield::images(images.cropped(left, top, call.size("width", 512)?, call.size("height", 512)?)?))
    }
}
