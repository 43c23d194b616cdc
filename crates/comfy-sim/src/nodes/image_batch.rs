//! `ImageBatch`: two batches as one, the second in the size of the first.

use super::image_scale::{centre, upscale};
use super::{Call, Node, Use, Yield};
use crate::py::Raised;
use crate::tensor::resize::Method;

pub(crate) struct ImageBatch;

impl Node for ImageBatch {
    fn class(&self) -> &'static str {
        "ImageBatch"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let shape = Use::Attribute("shape");
        let (first, second) = (call.images("image1", shape)?, call.images("image2", shape)?);
        if first.size() == second.size() {
            return Ok(Yield::images(first.followed_by(second)?));
        }
        let fitting = upscale(&centre(second, first.size())?, Method::Bilinear, first.size())?;
        Ok(Yield::images(first.followed_by(&fitting)?))
    }
}
