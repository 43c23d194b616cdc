//! The journeys: demo, setup, validate. Handles in, report out. And the one way from settings to a client ([`connect`]).
//!
//! A journey gathers facts through the leaves (`token-sync`, `comfy-client`, `comfy-sim`), judges them by the [`checks`], and
//! returns a `report::Report`; on the way it says what happens through a `report::Sink`. What it never does: print, exit, ask a
//! question, or read the environment or the clock.
//!
//! ```
//! use flows::validate::{self, Options};
//! use settings::{Flags, Settings, World};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let project = tempfile::tempdir()?;
//! let world = World::for_tests(project.path());
//! let flags = Flags { url: Some("http://127.0.0.1:1".into()), ..Flags::default() };
//! let settings = Settings::load(&flags, &world)?;
//!
//! let report = validate::run(&[settings], &world, Options::default(), &report::Sink::silent()).await;
//! assert_eq!(report.findings[0].check.0, "source-present");
//! assert!(report.stopped.is_some_and(|failure| failure.kind == report::FailureKind::Unreachable));
//! # Ok(())
//! # })
//! # }
//! ```

pub mod checks;

pub mod comfy;
pub mod connect;
pub mod demo;
pub mod doctor;
pub mod plugin;
pub mod setup;
pub mod stack;
pub mod stack_watch;
pub mod tokens;
pub mod validate;
mod writing;

mod answers;
mod credential;
mod generate;
mod journey;
mod subject;
