//! Keeps an eye on the source of truth and every target: says what drifts the moment it does, or writes it again.
//!
//! The judgement is `check`'s, the writing is `sync`'s. The source of truth is never changed.

mod ear;
mod look;
mod patience;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    ops::ControlFlow,
    path::PathBuf,
    time::Duration,
};

use report::{
    Failure,
    watch::{Happening, Watched, What},
};
use settings::{Settings, World};
use token_sync::{Applied, Target};
use tokio::time::Instant;

use self::{
    ear::{Ear, POLL},
    look::Look,
    patience::Patience,
};
use super::sync;
use crate::subject::{Subject, disk_failure, open_workspace};

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
        self.look().await?;
        if let Some(failure) = self.services.iter_mut().find_map(|service| service.trouble.take()) {
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
            self.look().await?;
            if self.ear.noticing() != noticing {
                noticing = self.ear.noticing();
                self.say(None, What::Noticing(noticing.clone()))?;
            }
        }
    }

    /// Looks at every service, having listened first: so nothing that changes after the look passes unheard.
    async fn look(&mut self) -> Result<(), End> {
        loop {
            self.ear.listen(self.files());
            for service in &mut self.services {
                service.look(self.world).await;
            }
            // The source of truth may name other targets than before.
            if self.ear.hears(&self.files()) {
                return Ok(());
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
        let troubled = self.services.iter().any(|service| service.trouble.is_some());
        let rest = if troubled { self.ear.rest().min(POLL) } else { self.ear.rest() };
        let due = self.services.iter().filter(|_| self.repairs).filter_map(Service::due).min();
        due.into_iter().fold(Instant::now() + rest, Instant::min)
    }

    fn say_all(&mut self, at: usize, whats: Vec<What>) -> Result<(), End> {
        let name = self.services[at].settings.service.value.clone();
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

/// One service: what was seen of it, what was told of that, what was tried.
struct Service<'a> {
    settings: &'a Settings,
    /// The newest look, if nobody was told of it yet.
    look: Option<Look>,
    told: Option<Look>,
    /// Why the newest look could not be taken.
    trouble: Option<Failure>,
    told_trouble: Option<Failure>,
    patience: BTreeMap<String, Patience>,
}

impl<'a> Service<'a> {
    fn new(settings: &'a Settings) -> Self {
        Self { settings, look: None, told: None, trouble: None, told_trouble: None, patience: BTreeMap::new() }
    }

    async fn look(&mut self, world: &World) {
        match Look::at(self.settings, world).await {
            Ok(look) => (self.look, self.trouble) = (Some(look), None),
            Err(failure) => self.trouble = Some(failure),
        }
    }

    fn latest(&self) -> Option<&Look> {
        self.look.as_ref().or(self.told.as_ref())
    }

    fn watched(&self) -> Option<Watched> {
        self.latest().map(|look| look.watched(self.settings))
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let source = self.settings.source.value.path().to_owned();
        std::iter::once(source).chain(self.latest().into_iter().flat_map(Look::files))
    }

    /// What nobody was told yet.
    fn news(&mut self) -> Vec<What> {
        let mut news = Vec::new();
        if self.trouble != self.told_trouble {
            self.told_trouble.clone_from(&self.trouble);
            news.extend(match &self.trouble {
                Some(failure) => Some(What::Failed { failure: failure.clone(), wait: POLL }),
                None => self.watched().map(What::Watching),
            });
        }
        if let Some(look) = self.look.take() {
            if self.told.as_ref().is_some_and(|told| look.is_renewed(told)) {
                self.patience.clear();
            }
            news.extend(look.news(self.told.as_ref(), self.settings));
            self.told = Some(look);
        }
        news
    }

    /// The targets that differ and can be written, if there is something sound to write.
    fn drifted(&self) -> impl Iterator<Item = (&str, &Target)> {
        let look = self.latest().filter(|look| look.is_sound());
        let places = look.into_iter().flat_map(|look| &look.places).filter(|place| place.drift.is_some());
        places.filter_map(|place| Some((&*place.name, place.target.as_ref()?)))
    }

    /// When the next target that was put off may be written.
    fn due(&self) -> Option<Instant> {
        self.drifted().filter_map(|(name, _)| self.patience.get(name)?.due()).min()
    }

    /// Writes what differs and is due, all or none; what was done.
    fn repair(&mut self, world: &World) -> Vec<What> {
        let now = Instant::now();
        let (mut due, mut later) = (Vec::new(), Vec::new());
        for (name, target) in self.drifted() {
            match self.patience.get(name) {
                Some(patience) if !patience.is_due(now) => later.push(name.to_owned()),
                _ => due.push((name.to_owned(), target.clone())),
            }
        }
        later.retain(|name| self.patience.get_mut(name).is_some_and(Patience::is_news));
        let mut done = Vec::new();
        if !later.is_empty() {
            done.push(What::PutOff { wait: self.pause(&later, now), places: later });
        }
        if due.is_empty() {
            return done;
        }
        let (names, targets): (Vec<_>, Vec<_>) = due.into_iter().unzip();
        for name in &names {
            self.patience.entry(name.clone()).or_default().tried(now);
        }
        match write(self.settings, world, &targets) {
            Ok(applied) => {
                let changed: Vec<_> = applied.changes.iter().filter(|change| change.is_change()).map(|one| &one.path).collect();
                let written =
                    names.into_iter().zip(&targets).filter(|(_, target)| changed.iter().any(|path| *path == target.path()));
                let places: Vec<_> = written.map(|(name, _)| name).collect();
                if let Some(told) = &mut self.told {
                    told.mended(&places);
                }
                if !places.is_empty() {
                    done.push(What::Repaired { places });
                }
                if let Some(error) = applied.unfinished {
                    done.push(What::Failed { failure: disk_failure(&error), wait: POLL });
                }
            }
            Err(failure) => done.push(What::Failed { failure, wait: self.pause(&names, now) }),
        }
        done
    }

    /// How long until the first of these may be written.
    fn pause(&self, names: &[String], now: Instant) -> Duration {
        let due = names.iter().filter_map(|name| self.patience.get(name)?.due()).min();
        due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now))
    }
}

/// Writes those of `targets` that the source of truth still names, as `sync` does.
fn write(settings: &Settings, world: &World, targets: &[Target]) -> Result<Applied, Failure> {
    let mut workspace = open_workspace(settings, world)?;
    let subject = Subject::new(settings, world)?; // read now, when nobody else changes it
    let source = sync::source(&subject)?;
    let targets: Vec<Target> = settings.targets(source)?.into_iter().filter(|target| targets.contains(target)).collect();
    workspace.apply(sync::plan(source, &targets)?).map_err(|error| disk_failure(&error))
}

#[cfg(test)]
mod tests;
