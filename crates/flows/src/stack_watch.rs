//! Keeps an eye on the containers of a project: says what becomes other and why, and has an idle server give back its memory.

mod idle;
mod look;

use std::{collections::BTreeMap, convert::Infallible, ops::ControlFlow, time::Duration};

use comfy_client::Client;
use docker_ops::Engine;
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
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Between two looks.
    pub every: Duration,
    /// Have the server unload its models after so long without work.
    pub idle_unload: Option<Duration>,
}

/// Takes what happens; says whether it wants more.
pub type Tell<'a> = dyn FnMut(Happening) -> ControlFlow<()> + 'a;

/// Watches until nobody wants to hear of it any more.
///
/// # Errors
/// What keeps the first look from being taken; later such trouble is told, and tried again.
pub async fn run(
    engine: &Engine,
    project: &str,
    settings: &Settings,
    options: Options,
    world: &World,
    tell: &mut Tell<'_>,
) -> Result<(), Failure> {
    let mut said = |container: Option<String>, what| tell(Happening { at: world.clock.now(), container, what });
    let first = look::at(engine, project).await?;
    let containers = first.iter().map(|(name, look)| (name.clone(), look.state.clone())).collect();
    let began = What::Began { project: project.to_owned(), containers, idle_unload: options.idle_unload };
    if said(None, began).is_break() {
        return Ok(());
    }
    let mut unloader = options.idle_unload.map(|after| Unloader { idle: Idle::new(after), client: None });
    let (Ok(()) | Err(Unheard)) = watch(engine, project, first, options.every, &mut said, async |now| {
        let Some(unloader) = &mut unloader else { return Ok(None) };
        unloader.step(settings, world, now).await
    })
    .await
    .map(|never| match never {});
    Ok(())
}

/// Nobody wants to hear more.
struct Unheard;

async fn watch(
    engine: &Engine,
    project: &str,
    mut before: BTreeMap<String, Look>,
    every: Duration,
    said: &mut impl FnMut(Option<String>, What) -> ControlFlow<()>,
    mut unload: impl AsyncFnMut(Instant) -> Result<Option<Duration>, Failure>,
) -> Result<Infallible, Unheard> {
    let mut trouble: [Option<Failure>; 2] = [None, None];
    let mut news = Vec::new();
    loop {
        match look::at(engine, project).await {
            Ok(now) => {
                news.extend(look::news(&before, &now));
                (before, trouble[0]) = (now, None);
            }
            Err(failure) => news.extend(told(&mut trouble[0], failure)),
        }
        match unload(Instant::now()).await {
            Ok(done) => {
                trouble[1] = None;
                news.extend(done.map(|idle| (None, What::Unloaded { idle })));
            }
            Err(failure) => news.extend(told(&mut trouble[1], failure)),
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

/// Has the server unload its models once in each idle spell.
struct Unloader {
    idle: Idle,
    client: Option<Client>,
}

impl Unloader {
    /// Looks, and unloads if it is time; how long nothing had run.
    async fn step(&mut self, settings: &Settings, world: &World, now: Instant) -> Result<Option<Duration>, Failure> {
        let stepped = self.try_step(settings, world, now).await;
        if stepped.is_err() {
            // A server that was gone has nothing loaded, and may want another credential.
            self.client = None;
            self.idle.forget();
        }
        stepped
    }

    async fn try_step(&mut self, settings: &Settings, world: &World, now: Instant) -> Result<Option<Duration>, Failure> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.client.insert(connect::client(settings, world, &Door::default()).await?).clone(),
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
