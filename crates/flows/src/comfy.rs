//! The journeys of a ComfyUI server: a run of a workflow, and how files come home.

pub mod home;
pub mod run;
