//! `genai-comfy models`.

use clap::Args;

/// Show the server's folders of models, or the models in one
///
///   genai-comfy models                    the folders
///
///   genai-comfy models checkpoints        what is in one, as workflows name it
#[derive(Debug, Args)]
pub(crate) struct Models {
    /// A folder, such as checkpoints, loras or vae
    #[arg(value_parser = super::name)]
    pub(crate) folder: Option<String>,
}
