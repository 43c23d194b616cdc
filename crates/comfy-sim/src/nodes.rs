//! The node classes: what each says of itself, and what it does. A new class is one file here and one line in [`ALL`].

mod empty_image;
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
mod preview_image;
mod save_image;
mod solid_mask;

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use crate::chance::Chance;
use crate::clock::Clock;
use crate::folders::Folders;
use crate::py::Raised;
use crate::tensor::{Images, Mask};

pub(crate) use save_image::os_error;

/// Every class, in the order of `/object_info`.
static ALL: &[&dyn Node] = &[
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
    &mask_to_image::MaskToImage,
    &image_to_mask::ImageToMask,
    &solid_mask::SolidMask,
    &invert_mask::InvertMask,
    &image_crop::ImageCrop,
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

/// A value that goes from node to node.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    /// A literal of the prompt.
    Literal(Value),
    Images(Arc<Images>),
    Mask(Arc<Mask>),
}

impl Slot {
    /// The value as `execution_error` shows it. The real server prints the tensor's numbers; this one its shape.
    pub(crate) fn shown(&self) -> Value {
        match self {
            Self::Literal(value @ (Value::Array(_) | Value::Object(_))) => Value::from(crate::py::repr(value)),
            Self::Literal(value) => value.clone(),
            Self::Images(images) => Value::from(format!("tensor(shape={:?})", images.shape())),
            Self::Mask(mask) => Value::from(format!("tensor(shape={:?})", mask.shape())),
        }
    }
}

/// What a node is called with.
#[derive(Debug)]
pub(crate) struct Call<'c> {
    pub(crate) folders: &'c Folders,
    pub(crate) clock: &'c Clock,
    /// What the node's object got when it was made.
    pub(crate) instance: &'c str,
    /// The inputs by name, those that were not given left out.
    pub(crate) inputs: Vec<(String, Slot)>,
    /// The whole prompt, for the files that are saved.
    pub(crate) prompt: &'c Map<String, Value>,
    /// `extra_data.extra_pnginfo`.
    pub(crate) extra_pnginfo: Option<&'c Value>,
}

impl Call<'_> {
    pub(crate) fn input(&self, name: &str) -> Option<&Slot> {
        self.inputs.iter().find(|(key, _)| key == name).map(|(_, slot)| slot)
    }

    /// An input that validation made a whole number of.
    pub(crate) fn int(&self, name: &str, default: u64) -> Result<u64, Raised> {
        match self.input(name) {
            None => Ok(default),
            Some(Slot::Literal(value)) => value.as_u64().ok_or_else(|| wrong(name, "a whole number")),
            Some(_) => Err(wrong(name, "a whole number")),
        }
    }

    pub(crate) fn text(&self, name: &str, default: &str) -> Result<String, Raised> {
        match self.input(name) {
            None => Ok(default.to_owned()),
            Some(Slot::Literal(Value::String(text))) => Ok(text.clone()),
            Some(_) => Err(wrong(name, "a text")),
        }
    }

    pub(crate) fn float(&self, name: &str, default: f64) -> Result<f64, Raised> {
        match self.input(name) {
            None => Ok(default),
            Some(Slot::Literal(value)) => value.as_f64().ok_or_else(|| wrong(name, "a number")),
            Some(_) => Err(wrong(name, "a number")),
        }
    }

    /// A whole number that counts pixels.
    pub(crate) fn size(&self, name: &str, default: u64) -> Result<usize, Raised> {
        Ok(usize::try_from(self.int(name, default)?).unwrap_or(usize::MAX))
    }

    pub(crate) fn images(&self, name: &str, first: Use) -> Result<&Arc<Images>, Raised> {
        match self.input(name) {
            Some(Slot::Images(images)) => Ok(images),
            Some(Slot::Literal(value)) => Err(first.raised(value)),
            _ => Err(wrong(name, "an image")),
        }
    }

    pub(crate) fn mask(&self, name: &str, first: Use) -> Result<&Arc<Mask>, Raised> {
        match self.input(name) {
            Some(Slot::Mask(mask)) => Ok(mask),
            Some(Slot::Literal(value)) => Err(first.raised(value)),
            _ => Err(wrong(name, "a mask")),
        }
    }
}

/// What a class does first with a tensor, which decides what Python says of a literal in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    /// Looks at an attribute of it.
    Attribute(&'static str),
    /// Takes it from one.
    Minus,
}

impl Use {
    fn raised(self, literal: &Value) -> Raised {
        match self {
            Self::Attribute(name) => crate::py::no_attribute(literal, name),
            Self::Minus => {
                let kind = crate::py::type_name(literal);
                Raised::type_error(format!("unsupported operand type(s) for -: 'float' and '{kind}'"))
            }
        }
    }
}

fn wrong(name: &str, wanted: &str) -> Raised {
    Raised::type_error(format!("input '{name}' is not {wanted}"))
}

/// What a node gives.
#[derive(Debug, Default)]
pub(crate) struct Yield {
    pub(crate) slots: Vec<Slot>,
    /// What `executed` and the history show, for nodes that show something.
    pub(crate) ui: Option<Value>,
}

impl Yield {
    pub(crate) fn images(images: Images) -> Self {
        Self { slots: vec![Slot::Images(Arc::new(images))], ..Self::default() }
    }

    pub(crate) fn mask(mask: Mask) -> Self {
        Self { slots: vec![Slot::Mask(Arc::new(mask))], ..Self::default() }
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

    /// Whether the class saves or shows something.
    fn is_output(&self) -> bool {
        INFO.get(self.class()).is_some_and(|info| info["output_node"] == Value::Bool(true))
    }

    /// The work. It may block; it is called off the event loop.
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
        }
        assert_eq!(INFO.as_object().map(Map::len), Some(ALL.len()));
        assert!(Registry::all().get("NoSuchNode").is_none());
    }
}
