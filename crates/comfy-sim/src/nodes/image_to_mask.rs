//! `ImageToMask`: one channel of the pictures as masks.

use super::{Call, Node, Use, Yield};
use crate::py::Raised;

pub(crate) struct ImageToMask;

impl Node for ImageToMask {
    fn class(&self) -> &'static str {
        "ImageToMask"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let images = call.images("image", Use::Part)?;
        let channel = match call.text("channel", "red")?.as_str() {
            "red" => 0,
            "green" => 1,
            "blue" => 2,
            // No class of this server makes pictures with an alpha channel, and few of ComfyUI's do.
            _ => return Err(Raised::new("IndexError", "index 3 is out of bounds for dimension 3 with size 3")),
        };
        Ok(Yield::mask(images.channel(channel)?))
    }
}
