//! `LoadImage`: a file of the input folder as pictures and masks.

use std::fs;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Call, INFO, Node, Slot, Yield, os_error};
use crate::folders::Folders;
use crate::mime;
use crate::picture::{self, Frame};
use crate::py::{self, Raised};
use crate::tensor::{CHANNELS, Images, Mask, floats};

/// The side of the empty mask that stands for no transparency.
const NO_MASK: usize = 64;

pub(crate) struct LoadImage;

impl Node for LoadImage {
    fn class(&self) -> &'static str {
        "LoadImage"
    }

    fn info(&self, folders: &Folders) -> Result<Value, Raised> {
        let mut info = INFO.get(self.class()).cloned().unwrap_or_default();
        // By what is behind the last dot, even if nothing is before it, or by the whole name.
        let extension = |name: &str| format!("file.{}", name.rsplit('.').next().unwrap_or_default());
        let is_picture = |name: &str| mime::guess(&extension(name)).is_some_and(|kind| kind.starts_with("image/"));
        info["input"]["required"]["image"][0] = json!(files(folders, is_picture)?);
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
        let frames = picture::frames(call.folders, &call.text("image", "")?)?;
        let images = images(&frames)?;
        Ok(Yield { slots: vec![Slot::Images(images.into()), Slot::Mask(masks(&frames)?.into())], ..Yield::default() })
    }
}

fn images(frames: &[Frame]) -> Result<Images, Raised> {
    let (height, width) = frames.first().map_or((0, 0), |frame| (frame.height, frame.width));
    let mut images = Images::zeros(frames.len(), height, width)?;
    for (frame, to) in frames.iter().zip(images.values.chunks_exact_mut((height * width * CHANNELS).max(1))) {
        floats(&frame.rgb, to);
    }
    Ok(images)
}

fn masks(frames: &[Frame]) -> Result<Mask, Raised> {
    let size = |frame: &Frame| if frame.is_masked() { (frame.height, frame.width) } else { (NO_MASK, NO_MASK) };
    let (height, width) = frames.first().map_or((NO_MASK, NO_MASK), size);
    let mut mask = Mask::zeros(frames.len(), height, width)?;
    for (at, (frame, to)) in frames.iter().zip(mask.values.chunks_exact_mut((height * width).max(1))).enumerate() {
        if size(frame) != (height, width) {
            let (wrong, got) = if size(frame).0 == height { (width, size(frame).1) } else { (height, size(frame).0) };
            return Err(Raised::new(
                "RuntimeError",
                format!(
                    "Sizes of tensors must match except in dimension 0. Expected size {wrong} but got size {got} for tensor \
                     number {at} in the list."
                ),
            ));
        }
        for (value, alpha) in to.iter_mut().zip(frame.alpha.iter().flatten().filter(|_| frame.is_masked())) {
            *value = 1.0 - f32::from(*alpha) / 255.0;
        }
    }
    Ok(mask)
}

/// The files of the input folder whose names `show` lets through, sorted.
pub(super) fn files(folders: &Folders, show: impl Fn(&str) -> bool) -> Result<Vec<String>, Raised> {
    let input = folders.input();
    let entries = fs::read_dir(&input).map_err(|e| os_error(&e, &input))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| show(name))
        .collect();
    names.sort();
    Ok(names)
}

/// Whether the file is there.
pub(super) fn validate(class: &str, folders: &Folders, inputs: &[(String, Value)]) -> Result<Option<String>, Raised> {
    let Some((_, image)) = inputs.iter().find(|(name, _)| name == "image") else {
        let text = format!("{class}.VALIDATE_INPUTS() missing 1 required positional argument: 'image'");
        return Err(Raised::type_error(text));
    };
    let Value::String(name) = image else {
        return Err(py::no_attribute(image, "endswith"));
    };
    let there = folders.named_input(name).is_some_and(|path| path.exists());
    Ok((!there).then(|| format!("Invalid image file: {name}")))
}

/// A digest of the file.
pub(super) fn fingerprint(folders: &Folders, inputs: &Map<String, Value>) -> Result<Value, Raised> {
    let name = inputs.get("image").and_then(Value::as_str).unwrap_or_default();
    let (_, bytes) = picture::read(folders, name)?;
    let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(json!([hex]))
}
