//! `genai-comfy upload` and `genai-comfy download`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use comfy_client::FileKind;

/// Send files to the server, each content once, and say what to call them in a workflow
///
/// A file is kept under its SHA-256, so that the same content is never sent twice and nobody's file is replaced.
///
///   genai-comfy upload cat.png                                the name for LoadImage's input `image`
///
///   genai-comfy upload mask.png --mask-of output/cat.png      a new picture: that one, with this transparency
#[derive(Debug, Args)]
pub(crate) struct Upload {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Lay the transparency of the file over a picture that the server has, named as `history` prints it
    #[arg(long, value_name = "FILE")]
    pub(crate) mask_of: Option<String>,
    /// Which of the server's folders
    #[arg(long, value_enum, default_value_t)]
    pub(crate) to: Folder,
    /// A folder below it
    #[arg(long, value_name = "DIR", default_value = "")]
    pub(crate) subfolder: String,
}

/// ComfyUI's three folders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Folder {
    /// What workflows read.
    #[default]
    Input,
    /// Emptied when ComfyUI starts.
    Temp,
    /// Results.
    Output,
}

impl From<Folder> for FileKind {
    fn from(folder: Folder) -> Self {
        match folder {
            Folder::Input => Self::Input,
            Folder::Temp => Self::Temp,
            Folder::Output => Self::Output,
        }
    }
}

/// Bring the files of runs home, or single files, whole or not at all
///
///   genai-comfy download 3f2e…                    the files of a run, by its id
///
///   genai-comfy download output/cats/cat_1.png    one file, as `history` prints it
#[derive(Debug, Args)]
pub(crate) struct Download {
    /// Ids of runs, and files that begin with `output/`, `input/` or `temp/`
    #[arg(required = true, value_name = "ID|FILE", value_parser = super::name)]
    pub(crate) what: Vec<String>,
    /// Where the files go, in their subfolders; one of the same name is replaced
    #[arg(long, value_name = "DIR", default_value = "comfy-output")]
    pub(crate) out: PathBuf,
}
