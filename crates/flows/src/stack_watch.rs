//! Keeps an eye on the containers of a project: says what becomes other and why, and has an idle server give back its memory.

mod idle;
mod look;

use std::{collections::BTreeMap, convert::Infallible, ops::ControlFlow, time::Duration};

use comfy_client::Client;
use docker_ops::{Engine, ProjectScope};
use report::{
    Failure,
    stack_watch::{Happening, What},
};
use settings::{Settings, World};
use tokio::time::Instant;

use self::{
    idle::{Idle, Load},
    look::Look,
};
use crate::connect::{self, Door};

/// How to watch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Between two looks.
    pub every: Duration,
    /// Have each server unload its models after so long without work, or never, whatever `[stack]` says of its service.
    pub idle_unload: Option<Option<Duration>>,
}

/// Takes what happens; says whether it wants more.
pub type Tell<'a> = dyn FnMut(Happening) -> ControlFlow<()> + 'a;

/// Watches until nobody wants to hear of it any more. `services` are those whose servers may be told to unload.
///
/// # Errors
/// What keeps the first look from being taken; later such trouble is told, and tried again. A `[stack]` that can't be used.
pub async fn run(
    engine: &Engine,
    project: &ProjectScope,
    services: &[Settings],
    options: Options,
    world: &World,
    tell: &mut Tell<'_>,
) -> Result<(), Failure> {
    let mut said = |container: Option<String>, what| tell(Happening { at: world.clock.now(), container, what });
    let mut unloaders = unloaders(services, options)?;
    let first = look::at(engine, project).await?;
    let containers = first.iter().map(|(name, look)| (name.clone(), look.state.clone())).collect();
    let idle_unload = unloaders.iter().map(|one| (one.service().to_owned(), one.idle.after())).collect();
    if said(None, What::Began { project: project.name.clone(), containers, idle_unload }).is_break() {
        return Ok(());
    }
    let (Ok(()) | Err(Unheard)) =
        watch(engine, project, first, options.every, &mut said, &mut unloaders, world).await.map(|never| match never {});
    Ok(())
}

/// One for each service that is to unload.
fn unloaders(services: &[Settings], options: Options) -> Result<Vec<Unloader<'_>>, Failure> {
    let mut unloaders = Vec::new();
    for settings in services {
        let said = || Ok::<_, Failure>(settings.stack()?.and_then(|stack| stack.idle_unload));
        let after = options.idle_unload.map_or_else(said, Ok)?;
        unloaders.extend(after.map(|after| Unloader { settings, idle: Idle::new(after), client: None, trouble: None }));
    }
    Ok(unloaders)
}

/// Nobody wants to hear more.
struct Unheard;

async fn watch(
    engine: &Engine,
    project: &ProjectScope,
    mut before: BTreeMap<String, Look>,
    every: Duration,
    said: &mut impl FnMut(Option<String>, What) -> ControlFlow<()>,
    unloaders: &mut [Unloader<'_>],
    world: &World,
) -> Result<Infallible, Unheard> {
    let mut trouble = None;
    let mut news = Vec::new();
    loop {
        match look::at(engine, project).await {
            Ok(now) => {
                news.extend(look::news(&before, &now));
                (before, trouble) = (now, None);
            }
            Err(failure) => news.extend(told(&mut trouble, failure)),
        }
        for unloader in &mut *unloaders {
            match unloader.step(world, Instant::now()).await {
                Ok(done) => {
                    unloader.trouble = None;
                    let service = unloader.service();
                    news.extend(done.map(|idle| (None, What::Unloaded { service: service.to_owned(), idle })));
                }
                Err(failure) => news.extend(told(&mut unloader.trouble, failure)),
            }
        }
        for (container, what) in news.drain(..) {
            if said(container, what).is_break() {
                return Err(Unheard);
            }
        }
        tokio::time::sleep(every).await;
    }
}

/// The same trouble is told once.
fn told(trouble: &mut Option<Failure>, failure: Failure) -> Option<(Option<String>, What)> {
    if trouble.as_ref() == Some(&failure) {
        return None;
    }
    *trouble = Some(failure.clone());
    Some((None, What::Failed(failure)))
}

/// Has the server of a service unload its models once in each idle spell.
struct Unloader<'a> {
    settings: &'a Settings,
    idle: Idle,
    client: Option<Client>,
    trouble: Option<Failure>,
}

impl Unloader<'_> {
    fn service(&self) -> &str {
        &self.settings.service.value
    }

    /// Looks, and unloads if it is time; how long nothing had run.
    async fn step(&mut self, world: &World, now: Instant) -> Result<Option<Duration>, Failure> {
        let stepped = self.try_step(world, now).await;
        if stepped.is_err() {
            // A server that was gone has nothing loaded, and may want another credential.
            self.client = None;
            self.idle.forget();
        }
        stepped
    }

    async fn try_step(&mut self, world: &World, now: Instant) -> Result<Option<Duration>, Failure> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.client.insert(connect::client(self.settings, world, &Door::default()).await?).clone(),
        };
        let Some(idle) = self.idle.due(now, load(&client).await?) else { return Ok(None) };
        // Work may have come since: it is looked at once more, and nothing is asked of a server that works.
        if load(&client).await?.waiting > 0 {
            return Ok(None);
        }
        client.free(true, true).await.map_err(|error| connect::failure(&error))?;
        self.idle.unloaded();
        Ok(Some(idle))
    }
}

/// What waits and runs, and what ran last.
async fn load(client: &Client) -> Result<Load, Failure> {
    let failed = |error: comfy_client::Error| connect::failure(&error);
    let last = client.histories(1, None).await.map_err(failed)?.into_iter().next_back().map(|(id, _)| id);
    // Asked last: what came while the history was read is seen.
    let waiting = client.health().await.map_err(failed)?.queue_remaining;
    Ok(Load { waiting, last })
}

#[cfg(test)]
mod tests;
