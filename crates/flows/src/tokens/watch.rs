//! Keeps an eye on the source of truth and every target: says what drifts the moment it does, or writes it again.
//!
//! The judgement is `check`'s, the writing is `sync`'s. The source of truth is never changed.

mod ear;
mod look;
mod patience;
mod service;

use std::{collections::BTreeSet, convert::Infallible, ops::ControlFlow, path::PathBuf, time::Duration};

use report::{
    Failure,
    watch::{Happening, What},
};
use settings::{Settings, World};
use tokio::time::Instant;

use self::{
    ear::{Ear, POLL},
    service::Service,
};

/// How to watch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Write targets that drift, as `sync` does.
    pub repair: bool,
    /// Look this often instead of asking the system for news.
    pub poll: Option<Duration>,
}

/// Takes what happens; says whether it wants more.
pub type Tell<'a> = dyn FnMut(Happening) -> ControlFlow<()> + 'a;

/// Watches until nobody wants to hear of it any more. Dropped, it stops between two steps: a file is never half-written.
///
/// # Errors
/// What keeps the first look from being taken; later such trouble is told, and tried again.
pub async fn run(services: &[Settings], world: &World, options: Options, tell: &mut Tell<'_>) -> Result<(), Failure> {
    let mut watch = Running {
        services: services.iter().map(Service::new).collect(),
        ear: Ear::new(options.poll),
        world,
        repairs: options.repair,
        tell,
    };
    match watch.run().await {
        Ok(never) => match never {},
        Err(End::Unheard) => Ok(()),
        Err(End::Failed(failure)) => Err(failure),
    }
}

/// Why a watch ends.
enum End {
    Unheard,
    Failed(Failure),
}

struct Running<'a, 'tell> {
    services: Vec<Service<'a>>,
    ear: Ear,
    world: &'a World,
    repairs: bool,
    tell: &'a mut Tell<'tell>,
}

impl Running<'_, '_> {
    async fn run(&mut self) -> Result<Infallible, End> {
        self.look().await;
        if let Some(failure) = self.services.iter().find_map(|service| service.trouble().cloned()) {
            return Err(End::Failed(failure));
        }
        let mut noticing = self.ear.noticing();
        let services = self.services.iter().filter_map(Service::watched).collect();
        self.say(None, What::Began { services, repairs: self.repairs, noticing: noticing.clone() })?;
        loop {
            for at in 0..self.services.len() {
                self.tell_news(at)?;
                if self.repairs {
                    self.repair(at).await?;
                }
            }
            self.ear.wait(self.next()).await;
            self.look().await;
            if self.ear.noticing() != noticing {
                noticing = self.ear.noticing();
                self.say(None, What::Noticing(noticing.clone()))?;
            }
        }
    }

    /// Looks at every service, having listened first: so nothing that changes after the look passes unheard.
    async fn look(&mut self) {
        loop {
            self.ear.listen(self.files());
            for service in &mut self.services {
                service.look(self.world).await;
            }
            // The source of truth may name other targets than before.
            if self.ear.hears(&self.files()) {
                return;
            }
        }
    }

    fn files(&self) -> BTreeSet<PathBuf> {
        self.services.iter().flat_map(Service::files).collect()
    }

    fn tell_news(&mut self, at: usize) -> Result<(), End> {
        let news = self.services[at].news();
        self.say_all(at, news)
    }

    async fn repair(&mut self, at: usize) -> Result<(), End> {
        let done = self.services[at].repair(self.world);
        if done.is_empty() {
            return Ok(());
        }
        self.say_all(at, done)?;
        self.services[at].look(self.world).await;
        self.tell_news(at)
    }

    /// When to look again, if nothing is heard before.
    fn next(&self) -> Instant {
        let troubled = self.services.iter().any(|service| service.trouble().is_some());
        let rest = if troubled { self.ear.rest().min(POLL) } else { self.ear.rest() };
        let due = self.services.iter().filter(|_| self.repairs).filter_map(Service::due).min();
        due.into_iter().fold(Instant::now() + rest, Instant::min)
    }

    fn say_all(&mut self, at: usize, whats: Vec<What>) -> Result<(), End> {
        let name = self.services[at].name().to_owned();
        whats.into_iter().try_for_each(|what| self.say(Some(&name), what))
    }

    fn say(&mut self, service: Option<&str>, what: What) -> Result<(), End> {
        let happening = Happening { at: self.world.clock.now(), service: service.map(str::to_owned), what };
        match (self.tell)(happening) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(End::Unheard),
        }
    }
}

#[cfg(test)]
mod tests;
