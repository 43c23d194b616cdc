//! `SaveImageWebsocket`: the pictures go to the client as previews, and nowhere else.

use serde_json::{Map, Value};

use super::{Call, Format, Node, Preview, Steps, Use, Yield};
use crate::folders::Folders;
use crate::py::Raised;

pub(crate) struct SaveImageWebsocket;

impl Node for SaveImageWebsocket {
    fn class(&self) -> &'static str {
        "SaveImageWebsocket"
    }

    fn watches(&self) -> bool {
        true
    }

    /// It asks for the time, so that it runs anew every time; that it cannot be known has the same effect.
    fn fingerprint(&self, _: &Folders, _: &Map<String, Value>) -> Result<Value, Raised> {
        Err(Raised::new("ValueError", "another time"))
    }

    fn steps(&self, call: &Call<'_>) -> Option<Steps> {
        let count = u64::try_from(call.images("images", Use::Attribute("shape")).ok()?.batch).ok()?;
        Some(Steps { first: 0, count, max: count, sampling: false })
    }

    fn preview(&self, call: &Call<'_>, value: u64) -> Option<Preview> {
        let images = call.images("images", Use::Attribute("shape")).ok()?;
        let pixels = images.rgb8_at(usize::try_from(value).ok()?)?;
        let side = |n: usize| u32::try_from(n).ok();
        let image = image::RgbImage::from_raw(side(images.width)?, side(images.height)?, pixels)?;
        Some(Preview { format: Format::Png, image })
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        call.images("images", Use::Attribute("shape")).map(|_| Yield::default())
    }
}
