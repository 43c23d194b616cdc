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

pub mod autopsy;

mod error;
pub use error::{Error, ErrorKind};

mod endpoint;
pub use endpoint::Endpoint;

mod version;
pub use version::{ApiVersion, Negotiated};

mod wire;

mod engine;
pub use engine::Engine;

mod ask;

mod standing;
pub use standing::{Member, Standing};

mod logs;
pub use logs::{Channel, LineEnd, LogLine, LogQuery, fuzz_lines};

mod stats;
pub use stats::{Memory, Stats, StatsEvent, Traffic};

mod exec;
pub use exec::{ExecCommand, ExecEnd, ExecInput, ExecOutput, NotStarted};

mod spec;
pub use spec::{
    Gpu, Health, Image, Limits, LogRotation, Mount, MountRole, Probe, Publish, PullPolicy, Restart, ServiceSpec, StackSpec,
};
