//! `SolidMask`: a mask of one value.

use super::{Call, Node, Yield};
use crate::py::Raised;
use crate::tensor::Mask;

pub(crate) struct SolidMask;

impl Node for SolidMask {
    fn class(&self) -> &'static str {
        "SolidMask"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let mut mask = Mask::zeros(1, call.size("height", 512)?, call.size("width", 512)?)?;
        mask.values.fill(call.float("value", 1.0)? as f32);
        Ok(Yield::mask(mask))
    }
}
