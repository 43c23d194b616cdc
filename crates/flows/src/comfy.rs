//! The journeys of a ComfyUI server: a run of a workflow, a batch of them, and how files come home.

pub mod batch;
pub mod home;
pub mod run;
pub mod workflow;
