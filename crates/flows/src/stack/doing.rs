//! What is done to containers, in the words of a report.

use std::sync::Mutex;

use docker_ops::{Error, Plan, Progress, Step, Unproven};
use report::{Change, ChangeKind, Event, Sink};

use super::redact::Redaction;
use crate::journey::Journey;

/// Hears what happens while a plan is applied, shows it, and keeps what was done. What is to be started is written down before.
pub(super) struct Doing {
    sink: Sink,
    unproven: Unproven,
    redaction: Option<Redaction>,
    done: Mutex<Vec<Step>>,
}

impl Doing {
    /// Without a redaction nothing may be said that comes out of a container or a build: `down` and `restart` say no such thing, and must
    /// work with a source of truth that can't be read.
    pub(super) fn new(journey: &Journey, unproven: Unproven, redaction: Option<Redaction>) -> Self {
        Doing { sink: journey.sink().clone(), unproven, redaction, done: Mutex::default() }
    }

    pub(super) fn hear(&self, progress: Progress) -> Result<(), Error> {
        match progress {
            Progress::Began(step) => self.sink.send(Event::Started(shown(self.redaction.as_ref(), &step.to_string()))),
            Progress::Pulling { reference, done, total } => {
                self.sink.send(Event::Progress { done, total, what: format!("bytes of `{reference}`") });
            }
            Progress::Building(line) => self.sink.send(Event::Started(shown(self.redaction.as_ref(), &line))),
            Progress::Starts { container, before } => self.unproven.add(&container.id, before.as_deref())?,
            Progress::Removed(container) => self.unproven.remove(&container.id)?,
            Progress::Done(step) => self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(step),
        }
        Ok(())
    }

    /// Puts what was done into the report, whether all went well or not.
    pub(super) fn tell(self, journey: &mut Journey) {
        let Doing { redaction, done, .. } = self;
        for step in done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            tell(journey, redaction.as_ref(), &step, true);
        }
    }
}

/// Puts into the report what would be done.
pub(super) fn announce(journey: &mut Journey, redaction: Option<&Redaction>, plan: &Plan) {
    for step in &plan.steps {
        tell(journey, redaction, step, false);
    }
    journey.note("dry run: nothing was changed");
}

/// Names what is there and of no service.
pub(super) fn name_orphans(journey: &mut Journey, plan: &Plan, are_removed: bool) {
    for orphan in plan.orphans.iter().filter(|_| !are_removed) {
        journey.note(format!(
            "the container `{orphan}` is of no service of genai.toml, and was left alone: `--remove-orphans` removes it"
        ));
    }
}

fn shown(redaction: Option<&Redaction>, text: &str) -> String {
    redaction.map_or_else(|| text.to_owned(), |redaction| redaction.text(text))
}

fn tell(journey: &mut Journey, redaction: Option<&Redaction>, step: &Step, done: bool) {
    let container = |name: &str| format!("container {name}");
    let (path, kind) = match step {
        Step::PullImage { reference } => (format!("image {reference}"), ChangeKind::Changed),
        Step::BuildImage { tag, .. } => (format!("image {tag}"), ChangeKind::Changed),
        Step::CreateNetwork { name } => (format!("network {name}"), ChangeKind::Created),
        Step::MergeNetworks { name } => (format!("network {name}"), ChangeKind::Changed),
        Step::Create { name, .. } => (container(name), ChangeKind::Created),
        Step::Replace { name, because, .. } => {
            for difference in because {
                journey.note(shown(redaction, &format!("`{name}`: {difference}")));
            }
            (container(name), ChangeKind::Changed)
        }
        Step::Succeed { name, .. } | Step::Settle { name, .. } => (container(name), ChangeKind::Changed),
        Step::Start { container: one } | Step::Resume { container: one } | Step::Restart { container: one, .. } => {
            (container(&one.name), ChangeKind::Changed)
        }
        Step::Remove { container: one, .. } => (container(&one.name), ChangeKind::Removed),
        Step::RemoveNetwork { name } => (format!("network {name}"), ChangeKind::Removed),
    };
    journey.changed(Change { path, kind, done, service: None });
}
