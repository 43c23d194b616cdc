//! `EmptyImage`: pictures of one colour.

use super::{Call, Node, Yield};
use crate::py::Raised;
use crate::tensor::{Images, LIMIT, too_much};

/// How many pixels are made on the event loop.
const LIGHT: u64 = 128 * 128;

pub(crate) struct EmptyImage;

impl Node for EmptyImage {
    fn class(&self) -> &'static str {
        "EmptyImage"
    }

    fn is_light(&self, call: &Call<'_>) -> bool {
        let sides = [("batch_size", 1), ("height", 512), ("width", 512)];
        let pixels = sides.iter().try_fold(1_u64, |pixels, (name, default)| pixels.checked_mul(call.int(name, *default).ok()?));
        pixels.is_some_and(|pixels| pixels <= LIGHT)
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let color = call.int("color", 0)?;
        // The quotient is a Python float, which the tensor then stores in 32 bits.
        let part = |shift: u64| (f64::from(u8::try_from(color >> shift & 0xFF).unwrap_or_default()) / 255.0) as f32;
        let (batch, height, width) = (call.int("batch_size", 1)?, call.int("height", 512)?, call.int("width", 512)?);
        // The channels are made one by one, so it is one of them that does not fit.
        let bytes = [batch, height, width].into_iter().fold(4, u64::saturating_mul);
        if bytes > LIMIT / 3 {
            return Err(too_much(bytes));
        }
        Ok(Yield::images(Images::filled(batch, height, width, [part(16), part(8), part(0)])?))
    }
}
