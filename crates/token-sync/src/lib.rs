//! Keeps one credential equal in every place that needs it, each in its reader's own dialect.
//!
//! The way of the data is one: a [`Target`] names a place and its reader's [`Dialect`]; [`Plan::make`] compares what that
//! reader sees with the token and stages the bytes to write, read back by the same dialect; [`Plan::apply`] commits them all
//! or none and says what changed. A target that holds the token already is not touched. [`SourceFile`] does the same for the
//! source of truth.
//!
//! A file of lines may have several readers ([`Target::with_readers`]): the token is then written in the one spelling that all
//! of them read back, or not at all, with the reason. [`Dialect::read`] shows any file as its reader sees it.
//!
//! What it never does: run what a file would make its reader run, follow a symbolic link in place of a target, loosen a mode, leave a target empty or missing, print, or
//! show a secret.
//!
//! ```
//! use auth_core::LoginToken;
//! use token_sync::{Dialect, Plan, Target};
//!
//! let folder = tempfile::tempdir()?;
//! let token = LoginToken::new("$2b$12$made-up")?;
//! let target = Target::new(folder.path().join(".env"), Dialect::ComposeV2, Some("COMFYUI_API_TOKEN"))?;
//!
//! let changes = Plan::make(&token, "ann", std::slice::from_ref(&target))?.apply()?;
//! assert!(changes[0].is_change());
//! assert_eq!(std::fs::read_to_string(target.path())?, "COMFYUI_API_TOKEN='$2b$12$made-up'\n");
//! assert!(target.read().holds(&token));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod dialect;
pub use dialect::{Dialect, Entry, ReadFault, Surroundings};

mod document;
mod env_edit;
mod interpolation;
mod spelling;

mod target;
pub use target::{Reading, Target};

mod plan;
pub use plan::{Change, ChangeKind, Plan, Step};

mod disk;
pub use disk::FileFacts;

mod source_file;
pub use source_file::{SourceFacts, SourceFile};

#[cfg(test)]
mod round_trip;

mod error;
pub use error::{Error, ErrorKind};
