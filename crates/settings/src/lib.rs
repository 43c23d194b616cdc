//! Turns defaults, `genai.toml`, environment and flags into each crate's configuration, once.
//!
//! From strong to weak: flags; the environment; `genai.toml`; the project's `.env` (read as Docker Compose reads it); the source
//! of truth, for the token; defaults. Every value keeps its [`Origin`], so that an error can blame the right place.
//!
//! This crate reads no environment, clock or random source of its own: they arrive in a [`World`], which `console` takes from
//! the process and a test makes up.
//!
//! ```
//! use settings::{Flags, Settings, World};
//!
//! let project = tempfile::tempdir()?;
//! let world = World::for_tests(project.path()).with_env("COMFYUI_URL", "http://127.0.0.1:8288");
//! let settings = Settings::load(&Flags::default(), &world)?;
//! assert_eq!(settings.url.value, "http://127.0.0.1:8288");
//! assert_eq!(settings.url.origin.to_string(), "environment variable `COMFYUI_URL`");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod world;
pub use world::{Clock, Entropy, World};

mod origin;
pub use origin::{Origin, Setting};

mod blame;

mod file;

mod connection;
pub use connection::Connection;

mod engine;

mod load;
pub use load::{Flags, Settings};

mod permits;

mod rules;
pub use rules::{Limits, Rules};

mod stack;
pub use stack::{Plugin, Stack};

mod targets;

mod neighbours;
pub use neighbours::{ForeignPlace, Neighbour};

mod describe;
pub use describe::Described;

mod error;
pub use error::{Error, ErrorKind};
