//! The containers of a project.

pub mod wanted;
