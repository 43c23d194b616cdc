//! A [`StackSpec`](crate::StackSpec) as a file for another program.

mod compose;
pub use compose::{WRITTEN_BY, compose};

mod swarm;
pub use swarm::swarm;

mod yaml;
