//! A stack on a Docker Swarm, for fleets that outgrow one machine: one replica a card, the PASSWORD as a Swarm secret.
//!
//! [`check`] names what a Swarm can't do for a stack. [`Desired`] is what a stack comes to, [`Observed`] what the Swarm has; [`plan`]
//! compares them and is pure; [`roll_out`] makes the changes and waits until they hold. `docker stack ls`, `ps` and `rm` know the result.

use std::collections::BTreeMap;

mod check;
pub use check::check;

pub(crate) mod desired;
pub use desired::Desired;

mod observe;
pub use observe::{Observed, observe};

pub(crate) mod plan;
pub use plan::{Change, Plan, plan};

mod roll_out;
pub use roll_out::{Event, break_off, remove, roll_out};

mod secret;
pub use secret::{PasswordFile, secret_name};

mod status;
pub use status::{ServiceState, Status, TaskState, status};

/// The PASSWORD file of each service whose `login` is mounted, by the service's name.
pub type Passwords = BTreeMap<String, PasswordFile>;

/// The kind of the nodes' resource that is a card. Docker hands it to the container as `DOCKER_RESOURCE_GPU`. A kind with a hyphen would make
/// a variable that shells drop, and NVIDIA's runtime then shows every card.
pub const GPU_KIND: &str = "GPU";

/// By which `docker stack` knows what belongs together.
pub(crate) const NAMESPACE: &str = "com.docker.stack.namespace";
/// Where `docker stack` keeps an image's name as it was given.
pub(crate) const STACK_IMAGE: &str = "com.docker.stack.image";
/// On each service that is made from a [`StackSpec`](crate::StackSpec): its name there. What lacks it is never removed.
pub(crate) const SERVICE: &str = "genai-stack.service";
/// On each secret: the service whose PASSWORD it is.
pub(crate) const PASSWORD_OF: &str = "genai-stack.password-of";

/// How a service is called in the Swarm.
pub(crate) fn full_name(project: &str, service: &str) -> String {
    format!("{project}_{service}")
}
