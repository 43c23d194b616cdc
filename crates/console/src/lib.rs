//! The only room that prints: renderings, progress, exit codes, shared flags, logging.
//!
//! Findings and events come in as the words of `report`; text, tables, bars, JSON and exit codes go out. What it never does:
//! decide what is right, or know which journey is running.
//!
//! ```
//! use report::{CheckId, Finding, Outcome, Report};
//!
//! let report = Report::new("validate", jiff::Timestamp::UNIX_EPOCH)
//!     .with(Finding::new(CheckId("auth-enforced"), Outcome::Pass, "a request without credential got 401"));
//! let text = console::json::render(&report);
//! assert!(text.contains(r#""verdict": "well""#));
//! assert_eq!(console::ExitCode::of(&report), console::ExitCode::Well);
//! ```

mod comfy;

mod companions;
pub use companions::parse;

mod exit;
pub use exit::ExitCode;

mod flags;
pub use flags::{ColorFlag, Format, LogFormat, Shared};

pub mod json;

mod harmless;

mod logging;

mod run;
pub use run::{interruptible, run, stoppable, watched};

mod screen;
pub use screen::{BatchView, Protocol, RunView, Screen};

pub mod sarif;

mod save;
pub use save::{save, save_for_all, unusable};

mod secret_line;
pub use secret_line::read_secret_line;

mod stack_watch_lines;

mod summary;

mod settings_table;

mod stack;
mod stack_events;
mod stack_lines;

mod style;

mod terminal;
pub use terminal::{Lent, lend_terminal, pass_on, terminal_size};
mod swarm;

mod watch_lines;

mod wishes;
pub use wishes::{GRACE, interrupted};

mod world;
pub use world::world;
