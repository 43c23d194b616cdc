//! `LoadImageOutput`: as `LoadImage`, with another list of files in the front end.

use serde_json::{Map, Value};

use super::load_image::{LoadImage, fingerprint, validate};
use super::{Call, Node, Yield};
use crate::folders::Folders;
use crate::py::Raised;

pub(crate) struct LoadImageOutput;

impl Node for LoadImageOutput {
    fn class(&self) -> &'static str {
        "LoadImageOutput"
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
        LoadImage.execute(call)
    }
}
