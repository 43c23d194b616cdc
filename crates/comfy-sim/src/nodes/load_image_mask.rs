//! `LoadImageMask`: one channel of a file of the input folder as mask.

use serde_json::{Map, Value, json};

use super::load_image::{files, fingerprint, validate};
use super::{Call, INFO, Node, Yield};
use crate::folders::Folders;
use crate::picture;
use crate::py::Raised;
use crate::tensor::Mask;

pub(crate) struct LoadImageMask;

impl Node for LoadImageMask {
    fn class(&self) -> &'static str {
        "LoadImageMask"
    }

    fn info(&self, folders: &Folders) -> Result<Value, Raised> {
        let mut info = INFO.get(self.class()).cloned().unwrap_or_default();
        info["input"]["required"]["image"][0] = json!(files(folders, |_| true)?);
        Ok(info)
    }

    fn validates(&self) -> &'static [&'static str] {
        &["image"]
    }

    fn validate(&self, folders: &Folders, inputs: &[(String, Value)]) -> Result<Option<String>, Raised> {
        validate(self.class(), folders, inputs)
    }

    fn watches(&self) -> bool {
        true
    }

    fn fingerprint(&self, folders: &Folders, inputs: &Map<String, Value>) -> Result<Value, Raised> {
        fingerprint(folders, inputs)
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let frame = picture::first(call.folders, &call.text("image", "")?)?;
        let channel = call.text("channel", "alpha")?;
        let mut mask = Mask::zeros(1, frame.height, frame.width)?;
        let at = ["red", "green", "blue"].iter().position(|name| *name == channel);
        for (at_pixel, value) in mask.values.iter_mut().enumerate() {
            *value = match at {
                Some(at) => f32::from(frame.rgb[at_pixel * 3 + at]) / 255.0,
                None => frame.alpha.as_ref().map_or(0.0, |alpha| 1.0 - f32::from(alpha[at_pixel]) / 255.0),
            };
        }
        Ok(Yield::mask(mask))
    }
}
