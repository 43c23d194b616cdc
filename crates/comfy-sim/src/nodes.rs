//! The node classes: what each says of itself, and what it does. A new class is one file here and one line in [`ALL`].

mod empty_image;
mod facts;
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
mod preview_image;
mod save_image;
mod save_image_websocket;
mod simulated;
mod solid_mask;

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use crate::chance::Chance;
use crate::clock::Clock;
use crate::folders::Folders;
use crate::latent::{Latent, Mark};
use crate::py::Raised;
use crate::tensor::{Images, Mask};

use facts::FACTS;
pub(crate) use facts::Facts;
pub(crate) use numbers::Numbers;
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

/// A value that goes from node to node.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    /// A literal of the prompt.
    Literal(Value),
    Images(Arc<Images>),
    Mask(Arc<Mask>),
    /// What stands for a model, a text encoder, a VAE or a conditioning: its type, and a digest of all that made it.
    StandIn(&'static str, Mark),
    Latent(Arc<Latent>),
    /// Several values at once, for an output that its class declares as a list, or an input of a class that takes
    /// lists.
    List(Vec<Slot>),
    /// ComfyUI's `ExecutionBlocker`: whoever gets it does not run and passes it on. The first to get one with a text
    /// says so with an `execution_error` that ends nothing.
    Blocked(Option<String>),
}

impl Slot {
    /// The value as `execution_error` shows it. The real server prints the tensor's numbers; this one its shape.
    pub(crate) fn shown(&self) -> Value {
        match self {
            Self::Literal(value @ (Value::Array(_) | Value::Object(_))) => Value::from(crate::py::repr(value)),
            Self::Literal(value) => value.clone(),
            Self::Images(images) => Value::from(format!("tensor(shape={:?})", images.shape())),
            Self::Mask(mask) => Value::from(format!("tensor(shape={:?})", mask.shape())),
            Self::StandIn(kind, _) => Value::from(format!("<comfy-sim {kind}>")),
            Self::Latent(latent) => Value::from(format!("{{'samples': tensor(shape={:?})}}", latent.shape())),
            Self::List(slots) => Value::from(format!("[{} values]", slots.len())),
            Self::Blocked(_) => Value::from("<comfy-sim ExecutionBlocker>"),
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
    pub(crate) inputs: &'c [(String, Slot)],
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
    /// A text for the node's face in the front end, which goes to every socket.
    pub(crate) text: Option<String>,
}

/// The steps in which a node tells how far it is, before [`Node::execute`] gives its result. The worker counts them,
/// waits, sends and looks for interruptions in between; the node only makes pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    /// The value of the first step: samplers count from 1, `SaveImageWebsocket` from 0.
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) max: u64,
    /// Whether they are a sampler's, which take the time that the server was set to, and whose pictures are previews.
    pub(crate) sampling: bool,
}

/// A picture that goes out with a step.
#[derive(Debug)]
pub(crate) struct Preview {
    pub(crate) format: Format,
    pub(crate) image: image::RgbImage,
}

/// How a preview is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Scaled to the size of a preview.
    Jpeg,
    /// As it is.
    Png,
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
