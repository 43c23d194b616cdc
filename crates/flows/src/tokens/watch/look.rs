//! One look at a service: how its source of truth and each of its targets stand, and what differs from the look before.

use std::path::PathBuf;

use auth_core::{LoginToken, SourceOfTruth};
use report::{
    Failure, Finding, Outcome,
    watch::{Drift, Watched, What},
};
use settings::{Settings, World};
use token_sync::{Reading, Target};

use super::ear::QUIET;
use crate::{
    checks,
    subject::{Subject, told},
};

pub(super) struct Look {
    pub(super) places: Vec<Place>,
    /// How each condition of the source of truth stands.
    conditions: Vec<Finding>,
    token: Option<LoginToken>,
    /// What a stopped run had left, which this look ended.
    recovered: Option<String>,
}

/// A place that must hold the token.
pub(super) struct Place {
    pub(super) name: String,
    /// How it is written; none for an exported variable, which nobody can write.
    pub(super) target: Option<Target>,
    pub(super) drift: Option<Drift>,
}

impl Look {
    /// Looks; what is not well is believed only if it is so a moment later: another program may be in the middle of writing.
    pub(super) async fn at(settings: &Settings, world: &World) -> Result<Self, Failure> {
        let first = Self::once(settings, world).await?;
        if first.amiss().next().is_none() {
            return Ok(first);
        }
        tokio::time::sleep(QUIET).await;
        Ok(Self::once(settings, world).await?.after(Some(first)))
    }

    /// This look in the place of one that nobody was told of: what that one did is not forgotten.
    pub(super) fn after(self, untold: Option<Self>) -> Self {
        Self { recovered: untold.and_then(|untold| untold.recovered).or(self.recovered), ..self }
    }

    async fn once(settings: &Settings, world: &World) -> Result<Self, Failure> {
        let subject = Subject::new(settings, world)?;
        let mut conditions = Vec::new();
        for check in checks::SOURCE {
            conditions.push(check.run(&subject).await);
        }
        let places = subject.known().map(|source| places(&subject, source)).transpose()?;
        let token = subject.known().map(|source| source.token().clone());
        Ok(Self { places: places.unwrap_or_default(), conditions, token, recovered: subject.recovered.as_ref().map(told) })
    }

    /// The names of what is not as it must be.
    fn amiss(&self) -> impl Iterator<Item = &str> {
        let failed = |finding: &&Finding| matches!(finding.outcome, Outcome::Fail | Outcome::Unknown(_));
        let conditions = self.conditions.iter().filter(failed).map(|finding| finding.check.0);
        let places = self.places.iter().filter(|place| place.drift.is_some()).map(|place| &*place.name);
        conditions.chain(places)
    }

    /// The targets' files.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.places.iter().filter_map(|place| Some(place.target.as_ref()?.path().to_owned()))
    }

    pub(super) fn watched(&self, settings: &Settings) -> Watched {
        Watched {
            service: settings.service.value.clone(),
            source: settings.shown(settings.source.value.path()),
            targets: self.places.iter().map(|place| place.name.clone()).collect(),
            amiss: self.amiss().map(str::to_owned).collect(),
        }
    }

    /// Whether the source of truth holds what may be written elsewhere: damage is not spread.
    pub(super) fn is_sound(&self) -> bool {
        !self.conditions.iter().any(|finding| finding.check.0 == "source-well-formed" && finding.outcome == Outcome::Fail)
    }

    /// Whether the source of truth, known in both looks, holds another token.
    pub(super) fn is_renewed(&self, before: &Self) -> bool {
        self.token.as_ref().zip(before.token.as_ref()).is_some_and(|(now, then)| now != then)
    }

    /// What is other than `before`; without it, what is not well.
    pub(super) fn news(&self, before: Option<&Self>, settings: &Settings) -> Vec<What> {
        let mut news: Vec<What> = self.recovered.iter().cloned().map(What::Recovered).collect();
        for finding in &self.conditions {
            let then = before.and_then(|before| before.conditions.iter().find(|then| then.check == finding.check));
            let is_news = match then {
                _ if is_well(finding) => then.is_some_and(|then| !is_well(then)),
                Some(then) => (&then.outcome, &then.summary) != (&finding.outcome, &finding.summary),
                None => true,
            };
            if is_news {
                news.push(What::Source(Box::new(finding.clone())));
            }
        }
        if let Some((token, _)) = self.token.as_ref().zip(before).filter(|(_, before)| self.is_renewed(before)) {
            let fingerprint = token.fingerprint(&settings.fingerprint_key()).to_string();
            news.push(What::Renewed { place: settings.shown(settings.source.value.path()), fingerprint });
        }
        let known = before.filter(|before| before.token.is_some() && self.token.is_some());
        if known
            .is_some_and(|before| !before.places.iter().map(|place| &place.name).eq(self.places.iter().map(|place| &place.name)))
        {
            news.push(What::Watching(self.watched(settings)));
        }
        for place in &self.places {
            let then = before.and_then(|before| before.places.iter().find(|then| then.name == place.name));
            match (then.and_then(|then| then.drift.as_ref()), &place.drift) {
                (then, Some(now)) if then != Some(now) => news.push(What::Drifted(now.clone())),
                (Some(_), None) => news.push(What::InSync { place: place.name.clone() }),
                _ => {}
            }
        }
        news
    }

    /// Takes for well what was just written.
    pub(super) fn mended(&mut self, names: &[String]) {
        for place in self.places.iter_mut().filter(|place| names.contains(&place.name)) {
            place.drift = None;
        }
    }
}

/// What need not be told at the start.
fn is_well(finding: &Finding) -> bool {
    matches!(finding.outcome, Outcome::Pass | Outcome::Skipped(_))
}

fn places(subject: &Subject<'_>, source: &SourceOfTruth) -> Result<Vec<Place>, Failure> {
    let key = subject.settings.fingerprint_key();
    let expected = source.token().fingerprint(&key).to_string();
    let targets = subject.targets()?;
    let place = |target: &Target| {
        let path = subject.settings.shown(target.path());
        let shares_file = targets.iter().filter(|other| other.path() == target.path()).count() > 1;
        let name = match target.key().filter(|_| shares_file) {
            Some(key) => format!("{path} {key}"),
            None => path,
        };
        let reading = target.read();
        let (in_sync, seen) = checks::judge_target(source, target, &reading);
        let fingerprint = match &reading {
            Reading::Token(token, _) => Some(token.fingerprint(&key).to_string()),
            _ => None,
        };
        let drift = (!in_sync).then(|| Drift { place: name.clone(), seen, fingerprint, expected: expected.clone() });
        Place { name, target: Some(target.clone()), drift }
    };
    let mut places: Vec<Place> = targets.iter().map(place).collect();
    if let Some((token, variable)) = subject.exported.as_ref().filter(|(token, _)| token != source.token()) {
        let name = format!("exported variable {variable}");
        let (seen, fingerprint) =
            ("ANOTHER token, which beats every `.env`".to_owned(), Some(token.fingerprint(&key).to_string()));
        places.push(Place { name: name.clone(), target: None, drift: Some(Drift { place: name, seen, fingerprint, expected }) });
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::test_project::Project;

    #[tokio::test]
    async fn what_an_untold_look_ended_is_told_by_the_next() {
        let project = Project::new();
        let (settings, world) = (project.settings(), project.world());
        let look = async || Look::at(&settings, &world).await.unwrap();
        let untold = Look { recovered: Some("ended".to_owned()), ..look().await };
        let news = look().await.after(Some(untold)).news(None, &settings);
        assert_eq!(news[0], What::Recovered("ended".to_owned()));
        assert!(matches!(&news[1..], [What::Source(finding)] if finding.check.0 == "source-present"), "{news:?}");
    }
}
