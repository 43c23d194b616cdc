//! The node classes: what each says of itself, and what it does. A new class is one file here and one line in [`ALL`].

mod call;
mod empty_image;
mod facts;
mod functions;
mod get_image_size;
mod image_batch;
mod image_crop;
mod image_invert;
mod image_scale;
mod image_scale_by;
mod image_to_mask;
mod invert_mask;
mod load_image;
mod load_image_mask;
mod load_image_output;
mod mask_to_image;
mod numbers;
mod outcome;
mod preview_image;
mod save_image;
mod save_image_websocket;
mod simulated;
mod solid_mask;

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use crate::chance::Chance;
use crate::folders::Folders;
use crate::py::Raised;

pub(crate) use call::{Call, Use};
use facts::FACTS;
pub(crate) use facts::Facts;
pub(crate) use functions::function;
pub(crate) use numbers::Numbers;
pub(crate) use outcome::{Format, Preview, Slot, Steps, Yield};
pub(crate) use save_image::os_error;

/// Every class, in the order of `/object_info`.
static ALL: &[&dyn Node] = &[
    &simulated::KSampler,
    &simulated::CheckpointLoaderSimple,
    &simulated::ClipTextEncode,
    &simulated::VaeDecode,
    &simulated::VaeEncode,
    &simulated::VaeLoader,
    &simulated::EmptyLatentImage,
    &save_image::SaveImage,
    &preview_image::PreviewImage,
    &load_image::LoadImage,
    &load_image_mask::LoadImageMask,
    &load_image_output::LoadImageOutput,
    &image_scale::ImageScale,
    &image_scale_by::ImageScaleBy,
    &image_invert::ImageInvert,
    &image_batch::ImageBatch,
    &empty_image::EmptyImage,
    &simulated::KSamplerAdvanced,
    &simulated::LoraLoader,
    &simulated::ClipLoader,
    &simulated::UnetLoader,
    &simulated::DualClipLoader,
    &mask_to_image::MaskToImage,
    &image_to_mask::ImageToMask,
    &solid_mask::SolidMask,
    &invert_mask::InvertMask,
    &image_crop::ImageCrop,
    &get_image_size::GetImageSize,
    &simulated::EmptySd3LatentImage,
    &save_image_websocket::SaveImageWebsocket,
];

/// What the classes say of themselves: facts of ComfyUI 0.3.64's `/object_info`, without what depends on its files.
static INFO: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("nodes/object_info.json")).unwrap_or_default());

/// The classes that one server has.
#[derive(Clone, Copy)]
pub(crate) struct Registry(&'static [&'static dyn Node]);

impl Registry {
    pub(crate) const fn all() -> Self {
        Self(ALL)
    }

    #[cfg(test)]
    pub(crate) const fn of(nodes: &'static [&'static dyn Node]) -> Self {
        Self(nodes)
    }

    pub(crate) fn get(self, class: &str) -> Option<&'static dyn Node> {
        self.0.iter().copied().find(|node| node.class() == class)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'static dyn Node> {
        self.0.iter().copied()
    }
}

/// A node class.
pub(crate) trait Node: Send + Sync {
    fn class(&self) -> &'static str;

    /// The entry of `/object_info`.
    fn info(&self, folders: &Folders) -> Result<Value, Raised> {
        let _ = folders;
        Ok(INFO.get(self.class()).cloned().unwrap_or_default())
    }

    /// What the entry declares. It is worked out once, unless it depends on files.
    fn facts(&self, folders: &Folders) -> Result<Arc<Facts>, Raised> {
        match FACTS.get(self.class()).filter(|_| !self.reads_files()) {
            Some(facts) => Ok(facts.clone()),
            None => Ok(Arc::new(Facts::of(&self.info(folders)?))),
        }
    }

    /// Whether the entry or the checks of the class look at files.
    fn reads_files(&self) -> bool {
        self.watches()
    }

    /// What a new object of this class remembers for as long as its prompt node stays in the prompts.
    fn instance(&self, chance: &Chance) -> String {
        let _ = chance;
        String::new()
    }

    /// The inputs that [`Node::validate`] looks at itself, so that the rules of their type do not apply.
    fn validates(&self) -> &'static [&'static str] {
        &[]
    }

    /// A check of the class's own: `Ok(None)` is well, `Ok(Some(text))` is not, an error is an exception. `inputs`
    /// holds those of [`Node::validates`] that were given, `null` for a linked one.
    fn validate(&self, folders: &Folders, inputs: &[(String, Value)]) -> Result<Option<String>, Raised> {
        let _ = (folders, inputs);
        Ok(None)
    }

    /// Whether the class depends on more than its inputs, so that [`Node::fingerprint`] belongs into its cache key.
    fn watches(&self) -> bool {
        false
    }

    /// What stands for the outside world in the cache key; after an error the node runs anew every time.
    fn fingerprint(&self, folders: &Folders, inputs: &Map<String, Value>) -> Result<Value, Raised> {
        let _ = (folders, inputs);
        Ok(Value::Bool(false))
    }

    /// Whether the class is told its node's id, so that the same node under another id is another one.
    fn knows_its_id(&self) -> bool {
        FACTS.get(self.class()).is_some_and(|facts| facts.hidden.iter().any(|(_, kind)| kind == "UNIQUE_ID"))
    }

    /// Whether the class saves or shows something.
    fn is_output(&self) -> bool {
        FACTS.get(self.class()).is_some_and(|facts| facts.is_output)
    }

    /// Whether an input comes as the whole list of its values, in one call, instead of a call for each.
    fn takes_lists(&self) -> bool {
        false
    }

    /// Whether the class declares this input lazy: what is linked to it runs only if [`Node::needs`] names it.
    fn is_lazy(&self, input: &str) -> bool {
        let inputs = FACTS.get(self.class()).map(|facts| facts.inputs.as_slice()).unwrap_or_default();
        inputs.iter().any(|declared| declared.name == input && declared.options.get("lazy") == Some(&Value::Bool(true)))
    }

    /// The lazy inputs that the class needs before it can run.
    fn needs(&self, call: &Call<'_>) -> Vec<String> {
        let _ = call;
        Vec::new()
    }

    /// The steps of this call.
    fn steps(&self, call: &Call<'_>) -> Option<Steps> {
        let _ = call;
        None
    }

    /// The picture of the step with this value. It may block.
    fn preview(&self, call: &Call<'_>, value: u64) -> Option<Preview> {
        let _ = (call, value);
        None
    }

    /// Whether this call takes microseconds and touches no file, so that it need not leave the event loop.
    fn is_light(&self, call: &Call<'_>) -> bool {
        let _ = call;
        false
    }

    /// The work. It may block; it is called off the event loop, unless it is light.
    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_an_entry_of_its_own_name() {
        let dir = tempfile::tempdir().expect("a folder");
        let folders = Folders::make(dir.path()).expect("folders");
        for node in Registry::all().iter() {
            let info = node.info(&folders).expect("an entry");
            assert_eq!(info["name"], node.class());
            assert!(Registry::all().get(node.class()).is_some());
            assert!(node.reads_files() || Some(&info) == INFO.get(node.class()), "{} depends on files", node.class());
        }
        assert_eq!(INFO.as_object().map(Map::len), Some(ALL.len()));
        assert!(Registry::all().get("NoSuchNode").is_none());
    }
}
