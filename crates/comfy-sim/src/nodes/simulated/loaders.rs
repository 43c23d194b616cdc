//! Model loaders: a name becomes a digest of that name.

use serde_json::Value;

use super::with_models;
use crate::folders::Folders;
use crate::nodes::{Call, Node, Slot, Yield};
use crate::py::Raised;

/// Small VAEs that count as one name each once both their halves are there.
const TINY: [&str; 4] = ["taesd", "taesdxl", "taesd3", "taef1"];

pub(crate) struct CheckpointLoaderSimple;

impl Node for CheckpointLoaderSimple {
    fn class(&self) -> &'static str {
        "CheckpointLoaderSimple"
    }

    fn reads_files(&self) -> bool {
        true
    }

    fn info(&self, folders: &Folders) -> Result<Value, Raised> {
        Ok(with_models(self, folders, &[("ckpt_name", "checkpoints")]))
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let mark = call.mark(self.class(), &["ckpt_name"])?;
        let slots = ["MODEL", "CLIP", "VAE"].map(|kind| Slot::StandIn(kind, mark));
        Ok(Yield { slots: slots.into(), ..Yield::default() })
    }
}

pub(crate) struct UnetLoader;

impl Node for UnetLoader {
    fn class(&self) -> &'static str {
        "UNETLoader"
    }

    fn reads_files(&self) -> bool {
        true
    }

    fn info(&self, folders: &Folders) -> Result<Value, Raised> {
        Ok(with_models(self, folders, &[("unet_name", "diffusion_models")]))
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        one("MODEL", self, call, &["unet_name", "weight_dtype"])
    }
}

pub(crate) struct ClipLoader;

impl Node for ClipLoader {
    fn class(&self) -> &'static str {
        "CLIPLoader"
    }

    fn reads_files(&self) -> bool {
        true
    }

    fn info(&self, folders: &Folders) -> Result<Value, Raised> {
        Ok(with_models(self, folders, &[("clip_name", "text_encoders")]))
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        one("CLIP", self, call, &["clip_name", "type"])
    }
}

pub(crate) struct DualClipLoader;

impl Node for DualClipLoader {
    fn class(&self) -> &'static str {
        "DualCLIPLoader"
    }

    fn reads_files(&self) -> bool {
        true
    }

    fn info(&self, folders: &Folders) -> Result<Value, Raised> {
        Ok(with_models(self, folders, &[("clip_name1", "text_encoders"), ("clip_name2", "text_encoders")]))
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        one("CLIP", self, call, &["clip_name1", "clip_name2", "type"])
    }
}

pub(crate) struct VaeLoader;

impl Node for VaeLoader {
    fn class(&self) -> &'static str {
        "VAELoader"
    }

    fn reads_files(&self) -> bool {
        true
    }

    fn info(&self, folders: &Folders) -> Result<Value, Raised> {
        let mut info = with_models(self, folders, &[("vae_name", "vae")]);
        let halves = folders.models("vae_approx").unwrap_or_default();
        let there = |half: String| halves.iter().any(|file| file.starts_with(&half));
        let tiny = TINY.iter().filter(|name| there(format!("{name}_encoder.")) && there(format!("{name}_decoder.")));
        if let Some(names) = info["input"]["required"]["vae_name"][0].as_array_mut() {
            names.extend(tiny.chain(&["pixel_space"]).map(|name| Value::from(*name)));
        }
        Ok(info)
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        one("VAE", self, call, &["vae_name"])
    }
}

pub(crate) struct LoraLoader;

impl Node for LoraLoader {
    fn class(&self) -> &'static str {
        "LoraLoader"
    }

    fn reads_files(&self) -> bool {
        true
    }

    fn info(&self, folders: &Folders) -> Result<Value, Raised> {
        Ok(with_models(self, folders, &[("lora_name", "loras")]))
    }

    fn execute(&self, call: &Call<'_>) -> Result<Yield, Raised> {
        let outs = [("MODEL", "model", "strength_model"), ("CLIP", "clip", "strength_clip")];
        let slots =
            outs.map(|(kind, what, strength)| Ok(Slot::StandIn(kind, call.mark(self.class(), &[what, "lora_name", strength])?)));
        Ok(Yield { slots: slots.into_iter().collect::<Result<_, Raised>>()?, ..Yield::default() })
    }
}

/// A stand-in of this type, made of these inputs.
fn one(kind: &'static str, node: &dyn Node, call: &Call<'_>, names: &[&str]) -> Result<Yield, Raised> {
    Ok(Yield { slots: vec![Slot::StandIn(kind, call.mark(node.class(), names)?)], ..Yield::default() })
}
