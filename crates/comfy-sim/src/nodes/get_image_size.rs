//! `GetImageSize`: the figures of a batch, which it also writes on its own face in the front end.

use super::{Call, Node, Slot, Use, Yield};
use crate::py::Raised;

pub(crate) struct GetImageSize;

impl Node for GetImageSize {
    fn class(&self) -> &'static str {
        "GetImageSize"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let [batch, height, width, _] = call.images("image", Use::Attribute("shape"))?.shape();
        let slots = [width, height, batch].map(|n| Slot::Literal(n.into())).into();
        let text = Some(format!("width: {width}, height: {height}\n batch size: {batch}"));
        Ok(Yield { slots, text, ..Yield::default() })
    }
}
