//! What has to be done to bring a project to its specification: pure, so that a dry run is free and truthful.

use std::{collections::BTreeSet, fmt, time::Duration};

use crate::{Container, ContainerState, Difference, Error, ErrorKind, Image, Observed, PullPolicy, StackSpec, labels};

/// What the caller wants beyond the specification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// These services only; all if empty.
    pub services: BTreeSet<String>,
    /// Images are built even if the engine has them.
    pub build: bool,
    /// Containers are made anew even if they differ in nothing.
    pub recreate: bool,
    /// Containers of services that the specification has not are removed.
    pub remove_orphans: bool,
    /// With a container go the volumes that have no name.
    pub volumes: bool,
}

/// Steps in their order, and what else there is to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Plan {
    /// What to do. Empty where all is as it must be.
    pub steps: Vec<Step>,
    /// Containers of the project whose service the specification has not, by name. They are left alone unless that was wished.
    pub orphans: Vec<String>,
}

/// A container that a step is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    /// Its id, which no other ever gets.
    pub id: String,
    /// Its name, for people.
    pub name: String,
}

/// One thing to do. Closed: who applies or shows a plan must know all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Fetch an image from its registry. What it brings decides what is done to the containers.
    PullImage {
        /// The image.
        reference: String,
    },
    /// Build an image. What comes out decides what is done to the containers.
    BuildImage {
        /// The service whose image it is.
        service: String,
        /// The name that it gets.
        tag: String,
    },
    /// Make the project's network.
    CreateNetwork {
        /// Its name.
        name: String,
    },
    /// Remove all networks of the project's name but one: a run that was cut off left them.
    MergeNetworks {
        /// Their name.
        name: String,
    },
    /// Make a container and start it.
    Create {
        /// The service.
        service: String,
        /// The container's name.
        name: String,
    },
    /// Put another container in its place. The old one goes when the new one has run for a while, and comes back if it doesn't.
    Replace {
        /// The service.
        service: String,
        /// The old one.
        old: Handle,
        /// The name that the new one gets.
        name: String,
        /// Whether the old one runs.
        runs: bool,
        /// Why.
        because: Vec<Difference>,
    },
    /// Hold the successor that a stopped run left on trial again: it goes if it does not last, and the old one is as it was.
    Succeed {
        /// The service.
        service: String,
        /// The successor, which runs.
        next: Handle,
        /// The old one.
        old: Handle,
        /// The name that the new one gets.
        name: String,
        /// Whether the old one runs, or did until the stopped run stopped it.
        runs: bool,
    },
    /// Give a successor its place, from which a stopped run had not moved the old one.
    Settle {
        /// The successor.
        next: Handle,
        /// The name that it gets.
        name: String,
    },
    /// Start a container that is there.
    Start {
        /// The container.
        container: Handle,
    },
    /// Let a container go on that was halted.
    Resume {
        /// The container.
        container: Handle,
    },
    /// Stop a container and start it again.
    Restart {
        /// The container.
        container: Handle,
        /// How long it may take to end.
        grace: Duration,
    },
    /// Remove a container; one that runs is stopped first.
    Remove {
        /// The container.
        container: Handle,
        /// How long it may take to end; `None` if it does not run.
        grace: Option<Duration>,
        /// With the volumes that have no name.
        volumes: bool,
    },
    /// Remove the project's network.
    RemoveNetwork {
        /// Its name.
        name: String,
    },
}

/// How long a container may take to end whose service nobody knows any more.
const USUAL_GRACE: Duration = Duration::from_secs(10);

impl Plan {
    /// What makes the project run as `spec` says. Images come first: when they are there, the plan is made again.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if something of somebody else has a name that is needed; [`ErrorKind::NotFound`] for an image that
    /// may not be pulled and is not there, and for a service that the specification has not.
    pub fn up(spec: &StackSpec, seen: &Observed, wish: &Wish) -> Result<Plan, Error> {
        refuse_unknown(spec, wish)?;
        refuse_strangers(seen, wish)?;
        let mut steps = images(spec, seen, wish)?;
        match seen.networks[..] {
            [] => steps.push(Step::CreateNetwork { name: spec.network() }),
            [_] => {}
            _ => steps.push(Step::MergeNetworks { name: spec.network() }),
        }
        for (service, wanted) in spec.services.iter().filter(|(name, _)| wish.includes(name)) {
            let name = labels::container_name(&spec.project, service);
            let next = seen.containers.iter().find(|one| one.service == *service && one.is_next());
            let current = seen.of(service);
            let grace = wanted.stop_grace;
            match (current, next) {
                (None, None) => steps.push(Step::Create { service: service.clone(), name }),
                // A run was stopped when the old one was gone already.
                (None, Some(next)) => {
                    steps.push(Step::Settle { next: next.into(), name: name.clone() });
                    steps.extend(container(&Container { name: name.clone(), ..next.clone() }, None, service, name, wish));
                }
                // It was stopped when the new one ran already, and nobody knows whether it lasts.
                (Some(old), Some(next))
                    if next.state == ContainerState::Running && next.restarts == 0 && next.drift.is_empty() =>
                {
                    let runs = ran(old, Some(next));
                    steps.push(Step::Succeed { service: service.clone(), next: next.into(), old: old.into(), name, runs });
                }
                (Some(old), next) => {
                    steps.extend(next.map(|next| remove(next, grace, wish)));
                    steps.extend(container(old, next, service, name, wish));
                }
            }
        }
        let orphans: Vec<&Container> = seen.orphans(spec).collect();
        if wish.remove_orphans {
            steps.extend(orphans.iter().map(|orphan| remove(orphan, USUAL_GRACE, wish)));
        }
        Ok(Plan { steps, orphans: orphans.iter().map(|orphan| orphan.name.clone()).collect() })
    }

    /// What removes the project: the containers of its services, and its network; images and folders stay. Some services only, or
    /// orphans that nobody wished away, and the network stays too.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a service that neither the specification nor the project has.
    pub fn down(spec: &StackSpec, seen: &Observed, wish: &Wish) -> Result<Plan, Error> {
        let known = |name: &String| spec.services.contains_key(name) || seen.containers.iter().any(|one| one.service == *name);
        if let Some(unknown) = wish.services.iter().find(|name| !known(name)) {
            return Err(no_service(unknown));
        }
        let grace = |one: &Container| spec.services.get(&one.service).map_or(USUAL_GRACE, |service| service.stop_grace);
        let is_chosen = |one: &&Container| match wish.services.is_empty() {
            true => wish.remove_orphans || spec.services.contains_key(&one.service),
            false => wish.services.contains(&one.service),
        };
        let mut steps: Vec<Step> = seen.containers.iter().filter(is_chosen).map(|one| remove(one, grace(one), wish)).collect();
        // Who has a project of the same name is on the network too.
        let is_shared = steps.len() < seen.containers.len() || seen.strangers.iter().any(|stranger| stranger.service.is_none());
        if !seen.networks.is_empty() && wish.services.is_empty() && !is_shared {
            steps.push(Step::RemoveNetwork { name: spec.network() });
        }
        Ok(Plan { steps, orphans: seen.orphans(spec).map(|orphan| orphan.name.clone()).collect() })
    }

    /// What stops the containers and starts them again, as they are.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a service that the specification has not, or that has no container; [`ErrorKind::Conflict`] where a
    /// successor runs in its place.
    pub fn restart(spec: &StackSpec, seen: &Observed, wish: &Wish) -> Result<Plan, Error> {
        refuse_unknown(spec, wish)?;
        let mut steps = Vec::new();
        for (service, wanted) in spec.services.iter().filter(|(name, _)| wish.includes(name)) {
            let Some(container) = seen.of(service) else {
                let missing = format!("the service `{service}` has no container to start again");
                return Err(Error::new(ErrorKind::NotFound, missing).hint("make it with `genai-stack up`"));
            };
            let next = seen.containers.iter().find(|one| one.service == *service && one.is_next() && one.is_up());
            if let Some(next) = next.filter(|_| !container.is_up()) {
                let instead =
                    format!("`{}`, which a stopped run left on trial, runs in place of `{}`", next.name, container.name);
                return Err(Error::new(ErrorKind::Conflict, instead).hint("let `genai-stack up` bring that to its end first"));
            }
            steps.push(Step::Restart { container: container.into(), grace: wanted.stop_grace });
        }
        Ok(Plan { steps, orphans: seen.orphans(spec).map(|orphan| orphan.name.clone()).collect() })
    }

    /// Whether it brings an image of that name, be it in place of one that is there.
    #[must_use]
    pub fn brings(&self, image: &str) -> bool {
        self.steps.iter().any(|step| match step {
            Step::PullImage { reference } | Step::BuildImage { tag: reference, .. } => reference == image,
            _ => false,
        })
    }
}

impl Wish {
    pub(crate) fn includes(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.contains(service)
    }
}

impl Step {
    pub(crate) fn is_of_an_image(&self) -> bool {
        matches!(self, Step::PullImage { .. } | Step::BuildImage { .. })
    }
}

impl From<&Container> for Handle {
    fn from(container: &Container) -> Self {
        Handle { id: container.id.clone(), name: container.name.clone() }
    }
}

/// Whether it runs, or did until a run that was stopped made `next` to take its place.
fn ran(one: &Container, next: Option<&Container>) -> bool {
    one.is_up() || next.is_some_and(|next| one.ended_since(next))
}

/// What is done to a container that is there; `next` was to take its place, and goes.
fn container(one: &Container, next: Option<&Container>, service: &str, name: String, wish: &Wish) -> Option<Step> {
    let handle = Handle::from(one);
    let mut because = one.drift.clone();
    if one.state == ContainerState::Dead {
        because.push(Difference {
            field: "state".to_owned(),
            wanted: Some("running".to_owned()),
            found: Some("dead".to_owned()),
        });
    }
    if wish.recreate || !because.is_empty() {
        return Some(Step::Replace { service: service.to_owned(), old: handle, name, runs: ran(one, next), because });
    }
    match one.state {
        ContainerState::Created | ContainerState::Exited => Some(Step::Start { container: handle }),
        ContainerState::Paused => Some(Step::Resume { container: handle }),
        ContainerState::Running | ContainerState::Restarting | ContainerState::Dead => None,
    }
}

fn remove(one: &Container, grace: Duration, wish: &Wish) -> Step {
    Step::Remove { container: one.into(), grace: one.is_up().then_some(grace), volumes: wish.volumes }
}

fn images(spec: &StackSpec, seen: &Observed, wish: &Wish) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    for (service, wanted) in spec.services.iter().filter(|(name, _)| wish.includes(name)) {
        let present = seen.images.contains_key(service);
        let step = match &wanted.image {
            Image::Build { tag, .. } if wish.build || !present => Step::BuildImage { service: service.clone(), tag: tag.clone() },
            Image::Named { reference, pull: PullPolicy::Always } => Step::PullImage { reference: reference.clone() },
            Image::Named { reference, pull: PullPolicy::Missing } if !present => Step::PullImage { reference: reference.clone() },
            Image::Named { reference, pull: PullPolicy::Never } if !present => {
                let message = format!("the engine has no image `{reference}`, and the specification forbids to pull it");
                let load = "bring it with `docker load`, or let it be pulled: `pull` in `[stack]` of genai.toml";
                return Err(Error::new(ErrorKind::NotFound, message).hint(load));
            }
            _ => continue,
        };
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    Ok(steps)
}

fn refuse_unknown(spec: &StackSpec, wish: &Wish) -> Result<(), Error> {
    wish.services.iter().find(|name| !spec.services.contains_key(*name)).map_or(Ok(()), |unknown| Err(no_service(unknown)))
}

fn no_service(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no service `{name}`"))
}

fn refuse_strangers(seen: &Observed, wish: &Wish) -> Result<(), Error> {
    let in_the_way = |stranger: &&crate::Stranger| stranger.service.as_ref().is_none_or(|service| wish.includes(service));
    let Some(stranger) = seen.strangers.iter().find(in_the_way) else { return Ok(()) };
    Err(Error::new(ErrorKind::Conflict, format!("the {} is in the way: {}", stranger.what, stranger.because))
        .hint(stranger.hint.clone()))
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::PullImage { reference } => write!(f, "pull the image `{reference}`"),
            Step::BuildImage { tag, .. } => write!(f, "build the image `{tag}`"),
            Step::CreateNetwork { name } => write!(f, "create the network `{name}`"),
            Step::MergeNetworks { name } => write!(f, "remove what a stopped run left beside the network `{name}`"),
            Step::Create { name, .. } => write!(f, "create and start the container `{name}`"),
            Step::Replace { name, because, .. } => {
                let because: Vec<_> = because.iter().map(ToString::to_string).collect();
                let because = if because.is_empty() { "it is wished so".to_owned() } else { because.join("; ") };
                write!(f, "put a new container `{name}` in the old one's place: {because}")
            }
            Step::Succeed { next, name, .. } => {
                write!(f, "hold the container `{}`, which a stopped run left, on trial for the place of `{name}`", next.name)
            }
            Step::Settle { next, name } => {
                write!(f, "rename the container `{}`, which a stopped run left, to `{name}`", next.name)
            }
            Step::Start { container } => write!(f, "start the container `{}`", container.name),
            Step::Resume { container } => write!(f, "let the container `{}` go on", container.name),
            Step::Restart { container, .. } => write!(f, "stop the container `{}` and start it again", container.name),
            Step::Remove { container, grace: Some(_), .. } => write!(f, "stop and remove the container `{}`", container.name),
            Step::Remove { container, grace: None, .. } => write!(f, "remove the container `{}`", container.name),
            Step::RemoveNetwork { name } => write!(f, "remove the network `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests;
