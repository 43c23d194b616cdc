//! `InvertMask`: one minus every value.

use super::{Call, Node, Use, Yield};
use crate::py::Raised;

pub(crate) struct InvertMask;

impl Node for InvertMask {
    fn class(&self) -> &'static str {
        "InvertMask"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        if let Some(inverted) = call.inverted_literal("mask") {
            return Ok(inverted);
        }
        Ok(Yield::mask(call.mask("mask", Use::Minus)?.inverted()?))
    }
}
