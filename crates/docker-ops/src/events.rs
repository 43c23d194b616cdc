//! What happens to containers, as a stream without gaps and without doubles.
//!
//! The engine forgets what nobody heard: it keeps its last 256 events, and none over its own restart. So after a lost connection the
//! stream asks again from the last moment on, drops what it told already, and compares the containers that are there with those that should
//! be. What must have happened meanwhile is told as [inferred](Origin::Inferred).

mod event;
mod ledger;
mod look;
mod stream;

pub use event::{Action, Event, Origin};
pub use stream::{EventQuery, Events, Told};
