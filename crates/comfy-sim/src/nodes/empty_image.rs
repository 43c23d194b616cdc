//! `EmptyImage`: pictures of one colour.

use std::sync::Arc;

use super::{Call, Node, Slot, Yield};
use crate::py::Raised;
use crate::tensor::Images;

pub(crate) struct EmptyImage;

impl Node for EmptyImage {
    fn class(&self) -> &'static str {
        "EmptyImage"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let color = call.int("color", 0)?;
        // The quotient is a Python float, which the tensor then stores in 32 bits.
        let part = |shift: u64| (f64::from(u8::try_from(color >> shift & 0xFF).unwrap_or_default()) / 255.0) as f32;
        let images = Images::filled(
            call.int("batch_size", 1)?,
            call.int("height", 512)?,
            call.int("width", 512)?,
            [part(16), part(8), part(0)],
        )?;
        Ok(Yield { slots: vec![Slot::Images(Arc::new(images))], ..Yield::default() })
    }
}
