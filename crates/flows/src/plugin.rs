//! ComfyUI-Login in ComfyUI's `custom_nodes`: put there, and seen to be there unchanged.
//!
//! ComfyUI goes on without a plugin that it can't load, and asks nobody for anything then. So what is to run is pinned by the digest of
//! its files, and [`verify`] says before a start whether that is what lies there and whether it can be loaded.
//!
//! ```
//! use flows::plugin::{self, Wanted};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let custom_nodes = tempfile::tempdir()?;
//! let finding = plugin::verify(custom_nodes.path(), &Wanted::default(), None).await;
//! assert_eq!(finding.outcome, report::Outcome::Fail);
//! assert!(finding.summary.contains("starts without any login"));
//! # Ok(())
//! # }
//! ```

mod archive;
mod bounds;
mod facts;
mod git;
mod install;
mod manifest;
mod python;
mod wanted;

pub(crate) use facts::copies;
pub use facts::{Difference, Facts, KeyFile, NAME, look};
pub use install::{Installed, install};
pub use manifest::{Digest, Manifest};
pub(crate) use python::not_loaded;
pub use python::{Asked, LocalPython, Python, Ran, missing_modules};
pub use wanted::{Source, Wanted};

use std::path::{Path, PathBuf};

use docker_ops::{Engine, ErrorKind};
use report::{Change, Finding, Report, Sink};
use settings::World;

use self::facts::DISABLED;
use crate::{answers, checks, journey::Journey};

/// Whether the plugin in `custom_nodes` is the wanted one and can be loaded: all that can be known before ComfyUI starts. Anything but
/// a pass or a warning means that it must not be started. Without `python`, ComfyUI's own, nothing is known of what the plugin imports.
pub async fn verify(custom_nodes: &Path, wanted: &Wanted, python: Option<&dyn Python>) -> Finding {
    let facts = look(custom_nodes, wanted);
    let missing = match python {
        Some(python) if facts.is_present => Some(missing_modules(python).await),
        _ => None,
    };
    checks::plugin_intact(&facts, missing)
}

/// A container's `custom_nodes` that is no folder of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// Its path in the container.
    pub folder: String,
    /// Where its files are kept.
    pub kept: Kept,
}

/// Where the files of a folder in a container are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// In the image, or in what the container wrote over it.
    Image,
    /// In a mount of this kind, such as a `volume`.
    Mount(String),
    /// In this folder of the engine's machine, which is another one.
    Elsewhere(PathBuf),
}

/// The same of a container whose `custom_nodes` is no folder of this machine, through the engine, whether it runs or not.
pub async fn verify_inside(
    engine: &Engine,
    container: &str,
    inside: &Inside,
    wanted: &Wanted,
    python: Option<&dyn Python>,
) -> Finding {
    let Inside { folder, kept } = inside;
    let archive = async |name: &str| engine.archive(container, &format!("{folder}/{name}")).await;
    let facts = match (archive(NAME).await, archive(&format!("{NAME}.{DISABLED}")).await) {
        (Ok(on), Ok(off)) => facts::look_inside(Path::new(folder), on.as_deref(), off.as_deref(), wanted),
        (Err(error), _) | (_, Err(error)) if error.kind() == ErrorKind::NotFound => return checks::plugin_vanished(),
        (Err(error), _) | (_, Err(error)) => return checks::plugin_unread(&answers::chain(&error), kept),
    };
    let missing = match python {
        Some(python) if facts.is_present => Some(missing_modules(python).await),
        _ => None,
    };
    checks::plugin_inside(&facts, missing, kept)
}

/// [`verify`] as a journey.
pub async fn verification(
    custom_nodes: &Path,
    wanted: &Wanted,
    python: Option<&dyn Python>,
    world: &World,
    sink: &Sink,
) -> Report {
    let mut journey = Journey::new("plugin verify", world, sink);
    journey.about("custom_nodes", custom_nodes.display().to_string());
    journey.found(verify(custom_nodes, wanted, python)).await;
    journey.end(None)
}

/// Installs what is wanted, with what it imports if `python` is given, and verifies it. Done twice it changes nothing.
pub async fn installation(
    custom_nodes: &Path,
    wanted: &Wanted,
    python: Option<&dyn Python>,
    world: &World,
    sink: &Sink,
) -> Report {
    let mut journey = Journey::new("plugin install", world, sink);
    journey.about("custom_nodes", custom_nodes.display().to_string());
    journey.about("from", wanted.source.to_string());
    journey.started("fetching ComfyUI-Login");
    let stopped = async {
        let installed = install(custom_nodes, wanted).await?;
        let path = custom_nodes.join(NAME).display().to_string();
        journey.changed(Change { path, kind: installed.kind, done: true, service: None });
        if let Some(python) = python {
            journey.started("installing what it imports");
            let told = python::requirements(python, wanted.wheels.as_deref()).await?;
            journey.note(told);
        }
        journey.found(verify(custom_nodes, wanted, python)).await;
        Ok(())
    };
    let stopped = stopped.await.err();
    journey.end(stopped)
}

#[cfg(test)]
mod tests;
