//! Latents: made empty, encoded from pictures, and decoded.

use std::sync::Arc;

use crate::latent::{Latent, Paint, SCALE};
use crate::nodes::{Call, Node, Slot, Use, Yield};
use crate::py::Raised;
use crate::tensor::Images;

pub(crate) struct EmptyLatentImage;

impl Node for EmptyLatentImage {
    fn class(&self) -> &'static str {
        "EmptyLatentImage"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        empty(call, 4)
    }
}

pub(crate) struct EmptySd3LatentImage;

impl Node for EmptySd3LatentImage {
    fn class(&self) -> &'static str {
        "EmptySD3LatentImage"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        empty(call, 16)
    }
}

fn empty(call: &Call<'_>, channels: usize) -> Result<Yield, Raised> {
    let scale = SCALE as u64;
    let (batch, height, width) = (call.int("batch_size", 1)?, call.int("height", 512)? / scale, call.int("width", 512)? / scale);
    Ok(given(Latent { batch, channels, height, width, paint: Paint::Empty }))
}

pub(super) fn given(latent: Latent) -> Yield {
    Yield { slots: vec![Slot::Latent(Arc::new(latent))], ..Yield::default() }
}

pub(crate) struct VaeEncode;

impl Node for VaeEncode {
    fn class(&self) -> &'static str {
        "VAEEncode"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let images = whole(call.images("pixels", Use::Attribute("shape"))?)?;
        let side = |n: usize| u64::try_from(n / SCALE).unwrap_or_default();
        let (height, width) = (side(images.height), side(images.width));
        let batch = u64::try_from(images.batch).unwrap_or_default();
        Ok(given(Latent { batch, channels: 4, height, width, paint: Paint::Picture(images) }))
    }
}

/// The middle of the pictures, cut to whole latent pixels.
fn whole(images: &Arc<Images>) -> Result<Arc<Images>, Raised> {
    let (height, width) = (images.height / SCALE * SCALE, images.width / SCALE * SCALE);
    if (height, width) == images.size() {
        return Ok(images.clone());
    }
    let (top, left) = (images.height % SCALE / 2, images.width % SCALE / 2);
    Ok(Arc::new(images.cropped(left, top, width, height)?))
}

pub(crate) struct VaeDecode;

impl Node for VaeDecode {
    fn class(&self) -> &'static str {
        "VAEDecode"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        Ok(Yield::images(call.latent("samples")?.decode()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_kept() {
        let mut images = Images::filled(2, 11, 8, [0.0; 3]).expect("fits");
        images.values[8 * 3] = 0.25;
        let cut = whole(&Arc::new(images)).expect("fits");
        assert_eq!((cut.batch, cut.height, cut.width, cut.values.len()), (2, 8, 8, 2 * 8 * 8 * 3));
        assert_eq!(cut.values[0], 0.25);
    }
}
