//! Brings containers to a stated condition through the Engine API, and says what it changed.
//!
//! [`Engine::connect`] opens an [`Endpoint`] and agrees with the engine on an API version, which stands in every request's path. A
//! [`StackSpec`] says what is to run.
//!
//! This crate never prints, never reads the environment or the clock, and touches no object that does not carry its project's label.
//!
//! ```no_run
//! use docker_ops::{Endpoint, Engine};
//!
//! # async fn example() -> Result<(), docker_ops::Error> {
//! let engine = Engine::connect(&Endpoint::Unix("/var/run/docker.sock".into())).await?;
//! assert!(engine.negotiated().used <= engine.negotiated().newest);
//! # Ok(())
//! # }
//! ```

mod error;
pub use error::{Error, ErrorKind};

mod endpoint;
pub use endpoint::{Asked, Certificates, Chosen, Endpoint, Rule, Ssh};

mod version;
pub use version::{ApiVersion, Negotiated};

mod wire;

mod ask;

mod engine;
pub use engine::Engine;

mod spec;
pub use spec::{
    Gpu, Health, Image, Limits, LogRotation, Mount, MountRole, Probe, Publish, PullPolicy, Restart, ServiceSpec, Severity,
    StackSpec, Violation, has_flag, holds_secret,
};

pub mod render;

mod create;
mod labels;

mod observe;
pub use observe::{
    Container, ContainerHealth, ContainerState, Difference, Exit, ImageFacts, LastProbe, Observed, Published, Stranger,
};

mod plan;
pub use plan::{Handle, Plan, Step, Wish};

mod answer;
mod apply;
pub use apply::{Progress, ProgressSink};

mod health;
pub use health::Readiness;

mod preflight;
pub use preflight::{EngineFacts, FolderFacts, Identity, PortFact, Space, folder, space};

mod project_lock;
pub use project_lock::ProjectLock;

mod unproven;
pub use unproven::Unproven;

mod gpu;
pub use gpu::{GpuFacts, GpuProof, GpuTrouble, Toolkit, device_requests_json, gpu_facts, gpu_trouble, prove};

pub mod swarm;

mod archive;
mod changes;
mod standing;
pub use standing::{Member, ProjectScope, Standing};

mod logs;
pub use logs::{Channel, LineEnd, LogLine, LogQuery, LogsEvent, fuzz_lines};

mod stats;
pub use stats::{Memory, Stats, StatsEvent, Traffic};

mod exec;
pub use exec::{ExecCommand, ExecEnd, ExecInput, ExecOutput, NotStarted};

mod events;
pub use events::{Action, Event, EventQuery, Events, Origin, Told};

pub mod autopsy;
