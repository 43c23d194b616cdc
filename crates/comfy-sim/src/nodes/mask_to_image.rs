//! `MaskToImage`: masks as grey pictures.

use super::{Call, Node, Use, Yield};
use crate::py::Raised;

pub(crate) struct MaskToImage;

impl Node for MaskToImage {
    fn class(&self) -> &'static str {
        "MaskToImage"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        Ok(Yield::images(call.mask("mask", Use::Attribute("reshape"))?.pictures()?))
    }
}
