//! Does what a plan says, one step after the other, and says what it is at.
//!
//! It can be dropped or killed between any two requests: whatever is there then, the next plan goes on from. A container that was made
//! and not started is started; one that was to take another's place and had not, is removed, or held on trial for it again.

mod context;
mod image;

pub(crate) use context::exposed;

use std::time::Duration;

use bollard::{
    models::{ContainerCreateBody, ContainerUpdateBody, NetworkCreateRequest, RestartPolicy, RestartPolicyNameEnum},
    query_parameters::{
        CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptions, RenameContainerOptionsBuilder,
        RestartContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
    },
};
use tokio::time::Instant;

use crate::{
    Container, ContainerHealth, ContainerState, Engine, Error, ErrorKind, Handle, Plan, StackSpec, Step, Wish, answer, create,
    holds_secret, labels, observe::NEXT,
};

/// How long an engine may still be at the requests of a run that was cut off, and how often it is asked.
const LAST_WORDS: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);
/// So long a new container must run before the one in whose place it is goes, unless its probe calls it well sooner. And how many of its
/// last lines are told if it doesn't.
const TRIAL: Duration = Duration::from_secs(5);
const LINES: u32 = 5;

/// What happens while a plan is applied. Closed: who shows it must show all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A step begins.
    Began(Step),
    /// An image comes: so many bytes of so many, of the layers that are known of.
    Pulling {
        /// The image.
        reference: String,
        /// Bytes that are here.
        done: u64,
        /// Bytes that there are.
        total: u64,
    },
    /// A line that the build of an image printed.
    Building(String),
    /// This container is to be started now, or to go on.
    Starts {
        /// The container.
        container: Handle,
        /// The `StartedAt` of the life that this start ends or follows; none if whatever runs there afterwards is meant.
        before: Option<String>,
    },
    /// This container is gone.
    Removed(Handle),
    /// The step is done.
    Done(Step),
}

/// Where progress goes; it must not block. An error of its own is the end: nothing more is asked of the engine, so that what it forbids to
/// start is not started.
pub type ProgressSink<'a> = &'a (dyn Fn(Progress) -> Result<(), Error> + Send + Sync);

impl Engine {
    /// Brings the project up to `spec`: images first, then the rest, by a plan that is made when they are there. What was done.
    ///
    /// # Errors
    /// As [`Plan::up`]; and whatever the engine refuses. What was done until then stays, and the next call goes on from there.
    pub async fn bring_up(&self, spec: &StackSpec, wish: &Wish, progress: ProgressSink<'_>) -> Result<Plan, Error> {
        let images = self.bring_images(spec, wish, progress).await?;
        let plan = self.bring_containers(spec, wish, progress).await?;
        Ok(Plan { steps: [images, plan.steps].concat(), ..plan })
    }

    /// The first half of it: pulls and builds what is missing or wished for. What was done.
    ///
    /// # Errors
    /// As [`Plan::up`]; an image that can't be had.
    pub async fn bring_images(&self, spec: &StackSpec, wish: &Wish, progress: ProgressSink<'_>) -> Result<Vec<Step>, Error> {
        let mut steps = Plan::up(spec, &self.observe(spec).await?, wish)?.steps;
        steps.retain(Step::is_of_an_image);
        for step in &steps {
            self.take(spec, step, progress).await?;
        }
        Ok(steps)
    }

    /// The second half: the network and the containers, of images that are there. What was done.
    ///
    /// # Errors
    /// As [`Engine::bring_up`].
    pub async fn bring_containers(&self, spec: &StackSpec, wish: &Wish, progress: ProgressSink<'_>) -> Result<Plan, Error> {
        let mut plan = self.plan_rest(spec, wish).await?;
        let deadline = Instant::now() + LAST_WORDS;
        while let Err(error) = self.apply(spec, &plan, progress).await {
            // The engine may still be at a request of a run that was cut off: the name is taken before the container is seen.
            if error.kind() != ErrorKind::Conflict || Instant::now() > deadline {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
            plan = self.plan_rest(spec, wish).await?;
        }
        Ok(plan)
    }

    /// The plan without the images, which are there.
    async fn plan_rest(&self, spec: &StackSpec, wish: &Wish) -> Result<Plan, Error> {
        let mut plan = Plan::up(spec, &self.observe(spec).await?, wish)?;
        plan.steps.retain(|step| !step.is_of_an_image());
        Ok(plan)
    }

    /// Takes the steps of `plan`, which was made of what is there.
    ///
    /// # Errors
    /// What the engine refuses. What was done until then stays.
    pub async fn apply(&self, spec: &StackSpec, plan: &Plan, progress: ProgressSink<'_>) -> Result<(), Error> {
        for step in &plan.steps {
            self.take(spec, step, progress).await?;
        }
        Ok(())
    }

    async fn take(&self, spec: &StackSpec, step: &Step, progress: ProgressSink<'_>) -> Result<(), Error> {
        progress(Progress::Began(step.clone()))?;
        match step {
            Step::PullImage { reference } => self.pull(reference, progress).await?,
            Step::BuildImage { service, .. } => self.build_image(&spec.services[service].image, progress).await?,
            Step::CreateNetwork { name } => self.create_network(spec, name).await?,
            Step::MergeNetworks { .. } => self.keep_one_network(spec).await?,
            Step::Create { service, name } => {
                let made = self.create(spec, service, name, None).await?;
                starts(&made, None, progress)?;
                self.start(&made).await?;
            }
            Step::Replace { service, old, name, runs, .. } => {
                let next = self.create(spec, service, &format!("{name}{NEXT}"), Some(old)).await?;
                self.succeed(&next, old, name, runs.then_some(spec.services[service].stop_grace), progress).await?;
            }
            Step::Succeed { service, next, old, name, runs } => {
                self.succeed(next, old, name, runs.then_some(spec.services[service].stop_grace), progress).await?;
            }
            Step::Settle { next, name } => self.rename(next, name).await?,
            Step::Start { container } => {
                starts(container, self.life(container, false).await?, progress)?;
                self.start(container).await?;
            }
            Step::Resume { container } => {
                starts(container, None, progress)?;
                let resumed = self.docker().unpause_container(&container.id).await;
                resumed.map_err(|error| Error::of(about(container), error))?;
            }
            Step::Restart { container, grace } => {
                starts(container, self.life(container, true).await?, progress)?;
                let options = RestartContainerOptionsBuilder::default().t(seconds(*grace)).build();
                let restarted = self.patient(*grace).restart_container(&container.id, Some(options)).await;
                restarted.map_err(|error| start_failed(container, error))?;
            }
            Step::Remove { container, grace, volumes } => {
                if let Some(grace) = grace {
                    self.stop(container, *grace).await?;
                }
                self.remove(container, *volumes, progress).await?;
            }
            Step::RemoveNetwork { name } => {
                for id in self.project_networks(spec).await?.0 {
                    answer::known(format!("network `{name}`"), self.docker().remove_network(&id).await)?;
                }
            }
        }
        progress(Progress::Done(step.clone()))
    }

    async fn create_network(&self, spec: &StackSpec, name: &str) -> Result<(), Error> {
        let labels = Some(labels::network(spec).into_iter().collect());
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels,
            ..NetworkCreateRequest::default()
        };
        let made = self.docker().create_network(request).await;
        made.map_err(|error| Error::of(format!("network `{name}`"), error))?;
        self.keep_one_network(spec).await
    }

    /// An engine takes several networks of one name, and then knows none by it: a run that was cut off may have made one too.
    async fn keep_one_network(&self, spec: &StackSpec) -> Result<(), Error> {
        let (networks, _) = self.project_networks(spec).await?;
        let mut left = networks.len();
        // The newest go first, and those that are in use stay.
        for id in networks.iter().rev() {
            if left == 1 {
                break;
            }
            match answer::known(format!("network `{}`", spec.network()), self.docker().remove_network(id).await) {
                Ok(_) => left -= 1,
                Err(error) if error.kind() == ErrorKind::InUse => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes a container, which takes over what only `old` has.
    async fn create(&self, spec: &StackSpec, service: &str, name: &str, old: Option<&Handle>) -> Result<Handle, Error> {
        let wanted = &spec.services[service];
        let reference = wanted.image.reference();
        let image = self.image(reference).await?;
        let image = image.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the image `{reference}` went away")))?;
        let mut body = create::body(spec, service, wanted, &image);
        if let Some(old) = old
            && let Some(old) = self.container(&old.id).await?
        {
            body = create::with_volumes_of(&old, &image, body);
        }
        // By its name, for people to read; unless that has come to mean another image meanwhile.
        let named = ContainerCreateBody { image: Some(reference.to_owned()), ..body.clone() };
        let made = self.create_of(name, named).await?;
        match self.container(&made.id).await? {
            Some(other) if other.image_id != image.id => {
                // Nobody was told of it.
                self.remove(&made, false, &|_| Ok(())).await?;
                self.create_of(name, body).await
            }
            _ => Ok(made),
        }
    }

    async fn create_of(&self, name: &str, body: ContainerCreateBody) -> Result<Handle, Error> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        let made = self.docker().create_container(Some(options), body).await;
        let made = made.map_err(|error| Error::of(format!("container `{name}`"), error))?;
        Ok(Handle { id: made.id, name: name.to_owned() })
    }

    /// Starts `next`, unless it runs already, and gives it the old one's name if it lasts; the old one is removed only then. Else all is as
    /// before: the old one runs again, unless it did not run and has no `grace` to end in.
    async fn succeed(
        &self,
        next: &Handle,
        old: &Handle,
        name: &str,
        grace: Option<Duration>,
        progress: ProgressSink<'_>,
    ) -> Result<(), Error> {
        starts(next, self.life(next, false).await?, progress)?;
        if let Some(grace) = grace {
            self.stop(old, grace).await?;
        }
        let lasts = async {
            self.start(next).await?;
            self.lasts(next).await
        };
        if let Err(error) = lasts.await {
            self.remove(next, false, progress).await?;
            if grace.is_none() {
                return Err(error);
            }
            starts(old, self.life(old, false).await?, progress)?;
            self.start(old).await?;
            return Err(error.hint(format!("the container `{}` runs again as it was", old.name)));
        }
        self.remove(old, false, progress).await?;
        self.rename(next, name).await
    }

    /// Waits until a container that was just started is well, or has run for a while.
    async fn lasts(&self, container: &Handle) -> Result<(), Error> {
        let deadline = Instant::now() + TRIAL;
        loop {
            let seen = self.container(&container.id).await?;
            let seen = seen.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the {} went away", about(container))))?;
            let has_ended = matches!(seen.state, ContainerState::Exited | ContainerState::Restarting | ContainerState::Dead);
            let is_over = Instant::now() >= deadline;
            // One that runs again has no exit code: it is soon down once more, and then says why.
            if has_ended || (is_over && seen.restarts > 0) {
                return Err(self.did_not_last(container, &seen).await);
            }
            if is_over || (seen.restarts == 0 && seen.health == Some(ContainerHealth::Healthy)) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn did_not_last(&self, container: &Handle, seen: &Container) -> Error {
        let how = match &seen.exit {
            Some(exit) if exit.out_of_memory => format!("ended at once with exit code {}, for want of memory", exit.code),
            Some(exit) => format!("ended at once with exit code {}", exit.code),
            None => format!("did not last: the engine had to start it again {} times", seen.restarts),
        };
        let failed = Error::new(ErrorKind::Server, format!("the {} {how}", about(container)));
        // They are a help, and nothing to fail of.
        let mut lines = self.last_lines(&container.id, LINES).await.unwrap_or_default();
        for line in lines.iter_mut().filter(|line| holds_secret(std::slice::from_ref(*line))) {
            *line = "(not shown: it holds a secret)".to_owned();
        }
        if lines.is_empty() { failed } else { failed.because(format!("it said last: {}", lines.join(" | "))) }
    }

    /// The life that is over once the container was started; what runs already is not started anew, unless it is `restarted`.
    async fn life(&self, container: &Handle, restarted: bool) -> Result<Option<String>, Error> {
        let seen = self.container(&container.id).await?.filter(|seen| restarted || !seen.is_up());
        Ok(seen.and_then(|seen| seen.started_at))
    }

    async fn start(&self, container: &Handle) -> Result<(), Error> {
        let started = self.docker().start_container(&container.id, None::<StartContainerOptions>).await;
        started.map_err(|error| start_failed(container, error))
    }

    /// Stops a container, and kills it once `grace` is over. One that is not there, or does not run, is no error.
    ///
    /// # Errors
    /// Whatever the engine refuses.
    pub async fn stop(&self, container: &Handle, grace: Duration) -> Result<(), Error> {
        let options = StopContainerOptionsBuilder::default().t(seconds(grace)).build();
        let stopped = self.patient(grace).stop_container(&container.id, Some(options)).await;
        answer::known(about(container), stopped).map(drop)
    }

    /// Stops a container so that only a person starts it again: its restart policy, which an engine obeys when it starts itself, becomes `no`.
    ///
    /// # Errors
    /// Whatever the engine refuses. It is stopped even if its policy can't be changed, and then a hint says so.
    pub async fn stop_for_good(&self, container: &Handle, grace: Duration) -> Result<(), Error> {
        // First, since this run may end in between; but of one that ends at this moment an engine does not take it.
        let barred = self.bar(container).await;
        self.stop(container, grace).await?;
        if barred.is_ok() {
            return Ok(());
        }
        self.bar(container).await.map_err(|error| {
            let name = &container.name;
            error.hint(format!(
                "`{name}` was stopped, but an engine that starts itself may start it: `docker update --restart no {name}`"
            ))
        })
    }

    /// Takes from a container what would start it again without a person.
    async fn bar(&self, container: &Handle) -> Result<(), Error> {
        let policy = RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None };
        let body = ContainerUpdateBody { restart_policy: Some(policy), ..ContainerUpdateBody::default() };
        answer::known(about(container), self.docker().update_container(&container.id, body).await).map(drop)
    }

    async fn remove(&self, container: &Handle, volumes: bool, progress: ProgressSink<'_>) -> Result<(), Error> {
        let seen = if volumes { self.container(&container.id).await? } else { None };
        let options = RemoveContainerOptionsBuilder::default().v(volumes).force(true).build();
        answer::known(about(container), self.docker().remove_container(&container.id, Some(options)).await)?;
        progress(Progress::Removed(container.clone()))?;
        // What it took over from the one before it an engine leaves there. One that another container has too goes with the last of them.
        for (volume, _) in seen.iter().flat_map(Container::nameless_volumes) {
            let removed = self.docker().remove_volume(volume, None::<RemoveVolumeOptions>).await;
            match answer::known(format!("volume `{volume}`"), removed) {
                Err(error) if error.kind() != ErrorKind::InUse => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    async fn rename(&self, container: &Handle, name: &str) -> Result<(), Error> {
        let options = RenameContainerOptionsBuilder::default().name(name).build();
        let renamed = self.docker().rename_container(&container.id, options).await;
        renamed.map_err(|error| Error::of(about(container), error))
    }
}

fn starts(container: &Handle, before: Option<String>, progress: ProgressSink<'_>) -> Result<(), Error> {
    progress(Progress::Starts { container: container.clone(), before })
}

fn about(container: &Handle) -> String {
    format!("container `{}`", container.name)
}

fn seconds(time: Duration) -> i32 {
    create::whole_seconds(time).try_into().unwrap_or(i32::MAX)
}

/// A start is where an engine finds out what can't be had: a port, a card, a program.
fn start_failed(container: &Handle, error: bollard::errors::Error) -> Error {
    let text = error.to_string();
    let failed = Error::of(about(container), error);
    if text.contains("port is already allocated") || text.contains("address already in use") {
        failed.hint("another program listens on that port: stop it, or choose another `port` in `[stack]` of genai.toml")
    } else if text.contains("could not select device driver") {
        failed.hint("the engine can't give cards: install the NVIDIA Container Toolkit, then restart the engine")
    } else {
        failed
    }
}

#[cfg(test)]
mod tests;
