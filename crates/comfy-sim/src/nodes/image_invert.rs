//! `ImageInvert`: one minus every value.

use std::sync::Arc;

use super::{Call, Node, Slot, Yield};
use crate::py::Raised;
use crate::tensor::Images;

pub(crate) struct ImageInvert;

impl Node for ImageInvert {
    fn class(&self) -> &'static str {
        "ImageInvert"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let images = call.images("image")?;
        let values = images.values.iter().map(|value| 1.0 - value).collect();
        let inverted = Images { values, ..*images.as_ref() };
        Ok(Yield { slots: vec![Slot::Images(Arc::new(inverted))], ..Yield::default() })
    }
}
