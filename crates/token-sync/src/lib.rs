//! Keeps one credential equal in every place that needs it, each in its reader's own dialect.
//!
//! The way of the data is one: a [`Target`] names a place and its reader's [`Dialect`]; [`Plan::make`] compares what that
//! reader sees with the token and makes the bytes to write, read back by the same dialect; [`Workspace::apply`] writes them all
//! or none, across a crash at any moment, and says what changed. A target that holds the token already is not touched. The
//! source of truth, a [`SourceFile`], is a step of the same plan. [`Backups`] keep what was replaced. [`scan`] finds
//! where the token lies that must not hold it. A [`Watch`] says when files may have changed.
//!
//! A file of lines may have several readers ([`Target::with_readers`]): the token is then written in the one spelling that all
//! of them read back, or not at all, with the reason. [`Dialect::read`] shows any file as its reader sees it.
//!
//! What it never does: run what a file would make its reader run, follow a symbolic link in place of a target that is not
//! allowed by name, loosen a mode, leave a target empty or missing, take the time, chance or a program from its surroundings,
//! print, or show a secret.
//!
//! ```
//! use auth_core::LoginToken;
//! use token_sync::{Caller, Dialect, Plan, Target, Workspace};
//!
//! let project = tempfile::tempdir()?;
//! let token = LoginToken::new("$2b$12$made-up")?;
//! let target = Target::new(project.path().join(".env"), Dialect::ComposeV2, Some("COMFYUI_API_TOKEN"))?;
//!
//! # let random = [7; 16];
//! let caller = Caller::new("my-tool", "2026-01-02T03:04:05Z", random);
//! let mut workspace = Workspace::open(&project.path().join(".secrets"), &caller)?; // locked; a crash is mended
//! let applied = workspace.apply(Plan::make(&token, "ann", std::slice::from_ref(&target))?)?;
//! assert!(applied.changes[0].is_change());
//! assert_eq!(std::fs::read_to_string(target.path())?, "COMFYUI_API_TOKEN='$2b$12$made-up'\n");
//! assert!(target.read().holds(&token));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod dialect;
pub use dialect::{Dialect, Entry, ReadFault, Surroundings};

mod document;
mod env_edit;
mod growth;
mod interpolation;
mod spelling;

mod target;
pub use target::{Reading, Target};

mod plan;
pub use plan::{Applied, Change, ChangeKind, Plan, Step};

mod workspace;
pub use workspace::{Caller, Workspace};

mod backup;
pub use backup::{Backups, BoxError, GitView};

mod commit;
pub use commit::{Direction, Recovery};

mod disk;
pub use disk::FileFacts;

mod io;
mod journal;
mod lock;
mod place;

mod source_file;
pub use source_file::{SourceFacts, SourceFile};

mod password_file;
pub use password_file::{read_file, read_password_file};

pub mod scan;

mod watch;
pub use watch::Watch;

#[cfg(test)]
mod round_trip;

mod error;
pub use error::{Error, ErrorKind};
