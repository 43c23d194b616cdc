//! The model folders and the files in them, which no node here reads.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::py::Raised;
use crate::py::path::{dirname, normpath, splitext};
use crate::reply::Fault;

/// Extensions of model files.
const MODELS: &[&str] = &[".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"];

/// Name, folders below the ComfyUI folder, and the extensions that count; no extensions at all: every file.
const FOLDERS: &[(&str, &[&str], &[&str])] = &[
    ("checkpoints", &["models/checkpoints", "output/checkpoints"], MODELS),
    ("configs", &["models/configs"], &[".yaml"]),
    ("loras", &["models/loras", "output/loras"], MODELS),
    ("vae", &["models/vae", "output/vae"], MODELS),
    ("text_encoders", &["models/text_encoders", "models/clip", "output/clip"], MODELS),
    ("diffusion_models", &["models/unet", "models/diffusion_models", "output/diffusion_models"], MODELS),
    ("clip_vision", &["models/clip_vision"], MODELS),
    ("style_models", &["models/style_models"], MODELS),
    ("embeddings", &["models/embeddings"], MODELS),
    ("diffusers", &["models/diffusers"], &["folder"]),
    ("vae_approx", &["models/vae_approx"], MODELS),
    ("controlnet", &["models/controlnet", "models/t2i_adapter"], MODELS),
    ("gligen", &["models/gligen"], MODELS),
    ("upscale_models", &["models/upscale_models"], MODELS),
    ("custom_nodes", &["custom_nodes"], &[]),
    ("hypernetworks", &["models/hypernetworks"], MODELS),
    ("photomaker", &["models/photomaker"], MODELS),
    ("classifiers", &["models/classifiers"], &[""]),
    ("model_patches", &["models/model_patches"], MODELS),
    ("audio_encoders", &["models/audio_encoders"], MODELS),
];

pub(crate) fn names() -> Vec<&'static str> {
    FOLDERS.iter().map(|(name, ..)| *name).collect()
}

/// The places of a model folder; `None` if there is no such folder.
pub(crate) fn folders(base: &Path, name: &str) -> Option<Vec<PathBuf>> {
    let (_, folders, _) = FOLDERS.iter().find(|(known, ..)| *known == name)?;
    Some(folders.iter().map(|folder| base.join(folder)).collect())
}

/// A file of a model folder, which may go by its older name.
pub(crate) fn find(base: &Path, name: &str, file: &str) -> Option<PathBuf> {
    let name = match name {
        "unet" => "diffusion_models",
        "clip" => "text_encoders",
        other => other,
    };
    let file = normpath(&format!("/{file}"));
    let paths = folders(base, name)?.into_iter().map(|folder| folder.join(file.trim_start_matches('/')));
    paths.into_iter().find(|path| path.is_file())
}

/// The model files of each place of a folder, whatever the folder is for, but for hidden ones: sorted in each folder, and
/// the folders in the file system's own order.
pub(crate) fn listing(base: &Path, name: &str) -> Option<Vec<(usize, PathBuf, String)>> {
    let mut out = Vec::new();
    for (index, folder) in folders(base, name)?.into_iter().enumerate() {
        let mut files = Vec::new();
        walk(&folder, "", 0, &mut files);
        files.retain(|file| {
            let hidden = file.split('/').any(|part| part.starts_with('.'));
            !hidden && MODELS.contains(&splitext(file).1.to_lowercase().as_str())
        });
        for of_one_folder in files.chunk_by_mut(|left, right| dirname(left) == dirname(right)) {
            of_one_folder.sort();
        }
        out.extend(files.into_iter().map(|file| (index, folder.join(&file), file)));
    }
    Some(out)
}

/// The header of a safetensors file; `None` if it is longer than `most` bytes.
pub(crate) fn header(path: &Path, most: u64) -> Result<Option<Value>, Fault> {
    let mut file = fs::File::open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > most {
        return Ok(None);
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text)?;
    let broken = |e: serde_json::Error| Raised::new("json.decoder.JSONDecodeError", e.to_string());
    Ok(Some(serde_json::from_slice(&text).map_err(broken)?))
}

/// The files of a model folder, sorted; `None` if there is no such folder.
pub(crate) fn files(base: &Path, name: &str) -> Option<Vec<String>> {
    let (_, folders, extensions) = FOLDERS.iter().find(|(known, ..)| *known == name)?;
    let mut out = Vec::new();
    for folder in *folders {
        walk(&base.join(folder), "", 0, &mut out);
    }
    out.retain(|file| extensions.is_empty() || extensions.contains(&splitext(file).1.to_lowercase().as_str()));
    out.sort();
    out.dedup();
    Some(out)
}

/// Files below `folder`, by their way from it, each folder's own before those below. Links are followed, so the depth is
/// bounded.
fn walk(folder: &Path, prefix: &str, depth: usize, out: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut below = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = entry.path();
        if !path.is_dir() {
            out.push(format!("{prefix}{name}"));
        } else if name != ".git" && depth < 32 {
            below.push((path, format!("{prefix}{name}/")));
        }
    }
    for (folder, prefix) in below {
        walk(&folder, &prefix, depth + 1, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_list_what_counts_in_them() {
        let dir = tempfile::tempdir().expect("a folder");
        let deep = dir.path().join("models/clip/sub");
        fs::create_dir_all(&deep).expect("made");
        for name in ["b.safetensors", "a.SAFETENSORS", "note.txt"] {
            fs::write(deep.join(name), "").expect("written");
        }
        let found = files(dir.path(), "text_encoders");
        assert_eq!(found, Some(vec!["sub/a.SAFETENSORS".to_owned(), "sub/b.safetensors".to_owned()]));
        assert_eq!(files(dir.path(), "loras"), Some(vec![]));
        assert_eq!(files(dir.path(), "unet"), None);
    }
}
