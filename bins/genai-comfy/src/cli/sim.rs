//! `genai-comfy sim`.

use std::{net::IpAddr, path::PathBuf};

use clap::Args;

/// Run an embedded ComfyUI: the same API and the same login, without Python, model or card
///
/// It executes image nodes on the CPU, pretends to run models, and fails as a real server does where a scenario says so. It runs until
/// Ctrl-C. With `--format json` it prints one line of JSON, with the URL, as soon as it answers.
///
///   genai-comfy sim --port 0 --format json            a server for a test, on a free port
///
///   genai-comfy sim --password-file FILE              guarded as ComfyUI-Login guards
///
///   genai-comfy sim --plugin                          the same, before anybody has set a password
///
///   genai-comfy sim --scenario faults.toml            answers late, refuses, cuts sockets, restarts …
///
///   genai-comfy sim --checkpoint sd15.safetensors --step-time 200 --previews     as slow and talkative as a model
#[derive(Debug, Args)]
pub(crate) struct Sim {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 8188)]
    pub(crate) port: u16,
    /// The address to listen on; 0.0.0.0 for other machines too
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) listen: IpAddr,
    /// Turn the login on, with the plugin's own PASSWORD file (the token, then the user name), or with a file whose only line is the
    /// password of the user `comfy`
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Turn the login on with what is in ComfyUI's folder: where that is nothing yet, the first visitor of `/login` sets the password
    #[arg(long)]
    pub(crate) plugin: bool,
    /// What goes wrong and when, in TOML or JSON: docs/reference/scenario.md tells the words
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// ComfyUI's folder: input, output, models … [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub(crate) comfy_dir: Option<PathBuf>,
    /// A checkpoint to list and to load, though there is no such file; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) checkpoint: Vec<String>,
    /// How many milliseconds one step of a sampler takes
    #[arg(long, value_name = "MILLIS", default_value_t = 0)]
    pub(crate) step_time: u64,
    /// Show a picture at every step of a sampler
    #[arg(long)]
    pub(crate) previews: bool,
}
