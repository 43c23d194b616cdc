//! Version 1 of what a server says of itself once it answers.

use schemars::JsonSchema;
use serde::Serialize;

/// A server that answers, on one line.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Serving {
    /// The version of this format.
    pub version: u32,
    /// Where it answers.
    pub url: String,
    /// Whether the login is on.
    pub login: bool,
    /// Its ComfyUI folder.
    pub comfy_dir: String,
}
