//! The classes that would need a model. What they hand on are digests of all that went in; the last of them paints a
//! pattern from that (see [`crate::latent`]). They read no model file: a name in the list is enough.

mod latent;
mod loaders;
mod samplers;
mod text;

pub(super) use latent::{EmptyLatentImage, EmptySd3LatentImage, VaeDecode, VaeEncode};
pub(super) use loaders::{CheckpointLoaderSimple, ClipLoader, DualClipLoader, LoraLoader, UnetLoader, VaeLoader};
pub(super) use samplers::{KSampler, KSamplerAdvanced};
pub(super) use text::ClipTextEncode;

use serde_json::{Map, Value};

use super::call::wrong;
use super::{Call, Node, Slot};
use crate::folders::Folders;
use crate::latent::{Latent, Mark};
use crate::py::Raised;

impl Call<'_> {
    fn latent(&self, name: &str) -> Result<&std::sync::Arc<Latent>, Raised> {
        match self.input(name) {
            Some(Slot::Latent(latent)) => Ok(latent),
            _ => Err(wrong(name, "a latent")),
        }
    }

    /// The digest of these inputs, literals and stand-ins, behind the name of the class.
    fn mark(&self, class: &str, names: &[&str]) -> Result<Mark, Raised> {
        let mut parts = vec![class.as_bytes().to_vec()];
        for name in names {
            parts.push(match self.input(name) {
                Some(Slot::Literal(value)) => crate::py::repr(value).into_bytes(),
                Some(Slot::StandIn(_, mark)) => mark.as_ref().to_vec(),
                None => Vec::new(),
                Some(_) => return Err(wrong(name, "made by a node of this server")),
            });
        }
        Ok(Mark::of(parts))
    }
}

/// What a saved picture says besides its prompt, if the prompt has a class that makes pictures of latents.
pub(super) fn note(prompt: &Map<String, Value>) -> Option<(String, String)> {
    let painted = prompt.values().any(|node| node["class_type"] == VaeDecode.class());
    painted.then(|| ("simulated".to_owned(), "comfy-sim: no model made this picture".to_owned()))
}

/// A class's entry with the model files of these folders as the choices of these inputs.
fn with_models(node: &dyn Node, folders: &Folders, choices: &[(&str, &str)]) -> Value {
    let mut info = super::INFO.get(node.class()).cloned().unwrap_or_default();
    for (input, folder) in choices {
        info["input"]["required"][*input][0] = Value::from(folders.models(folder).unwrap_or_default());
    }
    info
}
