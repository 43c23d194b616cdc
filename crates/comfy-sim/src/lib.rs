//! An embedded ComfyUI: the same HTTP and WebSocket API, the same login, and image nodes that really run.
//!
//! It is for tests, demonstrations and development without a card. What it answers is held against recordings of
//! ComfyUI 0.3.64 with the ComfyUI-Login plugin. It runs no model, needs no Python, and never reads the system's
//! clock, environment or randomness: [`Builder`] takes what it needs. It is no place for secrets: the login has the
//! plugin's holes on purpose.
//!
//! Loaders, samplers and VAEs are simulated: they make a pattern of their inputs, the same for the same ones, with the
//! steps and previews of a real run ([`Builder::checkpoint`], [`Builder::step_time`], [`Builder::previews`]). The files
//! of such pictures and the device's name in `/system_stats` say so.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let folder = tempfile::tempdir()?;
//! let server = comfy_sim::Server::builder().comfy_dir(folder.path()).spawn().await?;
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! server.shutdown().await;
//! # Ok(()) })
//! # }
//! ```
//!
//! - [`Server`] and its [`Builder`]: start, address, end.
//! - [`Login`]: with or without the plugin.
//! - [`Faults`]: what goes wrong with real servers, on demand; [`Scenario`] reads it from a file.
//! - [`Error`] and [`ErrorKind`]: why it did not start.

mod api;
mod app;
mod chance;
mod clock;
mod config;
mod error;
mod events;
mod faults;
mod folders;
mod form;
mod frames;
mod front;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod graph;
mod heap;
mod history;
mod hub;
mod latent;
mod lent;
mod login;
mod logs;
mod mime;
mod models;
mod nodes;
mod picture;
mod png_text;
mod py;
mod queue;
mod reply;
mod request;
mod router;
mod scenario;
mod server;
mod socket;
mod strict;
mod tensor;
mod users;
mod validate;
mod worker;

pub use config::{Builder, Login};
pub use error::{Error, ErrorKind};
pub use faults::{Fault, Faults, Planned, Refusal, Route};
pub use scenario::Scenario;
pub use server::Server;
