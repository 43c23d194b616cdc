//! What `genai-stack watch` writes, a line each, in version 1.

use report::stack_watch;
use schemars::JsonSchema;
use serde::Serialize;

use super::v1::Stopped;
use crate::ExitCode;

/// One line.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "A line of genai-stack watch")]
pub struct Line {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// When it was noticed; RFC 3339.
    pub at: String,
    /// The container that it is about; null if it is about the watch itself or the server.
    pub container: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The watch began: the first line.
    Began {
        /// Compose's project name.
        project: String,
        /// Its containers.
        containers: Vec<Container>,
        /// The services whose models are unloaded when nothing runs.
        idle_unload: Vec<IdleUnload>,
    },
    /// There is a container that was not there.
    Appeared {
        /// Its state.
        state: String,
    },
    /// A container is in another state.
    Changed {
        /// Its state before.
        before: String,
        /// Its state now.
        now: String,
        /// What ended it; null if it did not end.
        why: Option<String>,
        /// What to do; null if it did not end.
        hint: Option<String>,
    },
    /// A container ended and was started again between two looks.
    Restarted {
        /// How often by now.
        count: u64,
    },
    /// There is a container no more.
    Gone,
    /// The server of a service was told to give back the memory of its models.
    Unloaded {
        /// The service.
        service: String,
        /// How long nothing had run.
        idle_seconds: f64,
    },
    /// Something could not be looked at or done; it is tried again.
    Failed {
        /// Why.
        failure: Stopped,
    },
    /// The watch ended: the last line, unless nobody reads it any more.
    Ended {
        /// Why.
        failure: Stopped,
        /// The exit code of the process.
        exit_code: u8,
    },
}

/// A container and its state.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The engine's word, and what its healthcheck says.
    pub state: String,
}

/// A service whose models are unloaded when nothing runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct IdleUnload {
    /// The service.
    pub service: String,
    /// After how long without work.
    pub after_seconds: f64,
}

impl From<&stack_watch::Happening> for Line {
    fn from(happening: &stack_watch::Happening) -> Self {
        let (at, container) = (happening.at.to_string(), happening.container.clone());
        Self { version: 1, at, container, event: Event::from(&happening.what) }
    }
}

impl From<&stack_watch::What> for Event {
    fn from(what: &stack_watch::What) -> Self {
        use stack_watch::What;
        match what {
            What::Began { project, containers, idle_unload } => Self::Began {
                project: project.clone(),
                containers: containers
                    .iter()
                    .map(|(name, state)| Container { name: name.clone(), state: state.clone() })
                    .collect(),
                idle_unload: idle_unload
                    .iter()
                    .map(|(service, after)| IdleUnload { service: service.clone(), after_seconds: after.as_secs_f64() })
                    .collect(),
            },
            What::Appeared { state } => Self::Appeared { state: state.clone() },
            What::Changed { before, now, why } => Self::Changed {
                before: before.clone(),
                now: now.clone(),
                why: why.as_ref().map(|(why, _)| why.clone()),
                hint: why.as_ref().map(|(_, hint)| hint.clone()),
            },
            What::Restarted { count } => Self::Restarted { count: *count },
            What::Gone => Self::Gone,
            What::Unloaded { service, idle } => Self::Unloaded { service: service.clone(), idle_seconds: idle.as_secs_f64() },
            What::Failed(failure) => Self::Failed { failure: failure.into() },
            What::Ended(failure) => Self::Ended { failure: failure.into(), exit_code: ExitCode::for_kind(failure.kind) as u8 },
        }
    }
}
