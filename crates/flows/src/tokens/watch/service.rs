//! One service under watch: looks at it, tells what is new, writes what drifted.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use report::{
    Failure,
    watch::{Watched, What},
};
use settings::{Settings, World};
use token_sync::{Applied, Target};
use tokio::time::Instant;

use super::{ear::POLL, look::Look, patience::Patience};
use crate::{
    subject::{disk_failure, open_workspace},
    writing,
};

/// One service: what was seen of it, what was told of that, what was tried.
pub(super) struct Service<'a> {
    settings: &'a Settings,
    /// The newest look, if nobody was told of it yet.
    look: Option<Look>,
    told: Option<Look>,
    trouble: Option<Failure>,
    told_trouble: Option<Failure>,
    patience: BTreeMap<String, Patience>,
}

impl<'a> Service<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self { settings, look: None, told: None, trouble: None, told_trouble: None, patience: BTreeMap::new() }
    }

    pub(super) async fn look(&mut self, world: &World) {
        match Look::at(self.settings, world).await {
            Ok(look) => (self.look, self.trouble) = (Some(look.after(self.look.take())), None),
            Err(failure) => self.trouble = Some(failure),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.service.value
    }

    /// Why the newest look could not be taken.
    pub(super) fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref()
    }

    fn latest(&self) -> Option<&Look> {
        self.look.as_ref().or(self.told.as_ref())
    }

    pub(super) fn watched(&self) -> Option<Watched> {
        self.latest().map(|look| look.watched(self.settings))
    }

    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let source = self.settings.source.value.path().to_owned();
        std::iter::once(source).chain(self.latest().into_iter().flat_map(Look::files))
    }

    /// What nobody was told yet.
    pub(super) fn news(&mut self) -> Vec<What> {
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
    pub(super) fn due(&self) -> Option<Instant> {
        self.drifted().filter_map(|(name, _)| self.patience.get(name)?.due()).min()
    }

    /// Writes what differs and is due, all or none; what was done.
    pub(super) fn repair(&mut self, world: &World) -> Vec<What> {
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
    let source = writing::source(settings)?; // read now, when nobody else changes it
    let targets: Vec<Target> = settings.targets(&source)?.into_iter().filter(|target| targets.contains(target)).collect();
    workspace.apply(writing::these(settings, world, &source, &targets)?).map_err(|error| disk_failure(&error))
}
