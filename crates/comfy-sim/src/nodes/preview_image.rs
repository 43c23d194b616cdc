//! `PreviewImage`: `SaveImage` into the temporary folder, under a name drawn once per node.

use super::save_image::{is_light, save};
use super::{Call, Node, Yield};
use crate::chance::Chance;
use crate::py::Raised;

/// The letters that ComfyUI draws from, its doubled and missing ones included.
const LETTERS: &str = "abcdefghijklmnopqrstupvxyz";

pub(crate) struct PreviewImage;

impl Node for PreviewImage {
    fn class(&self) -> &'static str {
        "PreviewImage"
    }

    fn instance(&self, chance: &Chance) -> String {
        format!("_temp_{}", chance.letters(LETTERS, 5))
    }

    fn is_light(&self, call: &Call<'_>) -> bool {
        is_light(call, &call.folders.temp(), call.instance)
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        save(call, &call.folders.temp(), "temp", &format!("ComfyUI{}", call.instance))
    }
}
