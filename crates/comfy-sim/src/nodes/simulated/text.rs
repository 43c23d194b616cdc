//! `CLIPTextEncode`: a text becomes a digest of it.

use crate::nodes::{Call, Node, Slot, Yield};
use crate::py::Raised;

pub(crate) struct ClipTextEncode;

impl Node for ClipTextEncode {
    fn class(&self) -> &'static str {
        "CLIPTextEncode"
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let mark = call.mark(self.class(), &["text", "clip"])?;
        Ok(Yield { slots: vec![Slot::StandIn("CONDITIONING", mark)], ..Yield::default() })
    }
}
