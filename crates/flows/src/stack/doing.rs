//! What is done to containers, in the words of a report.

use std::sync::Mutex;

use docker_ops::{Plan, Progress, Step};
use report::{Change, ChangeKind, Event, Sink};

use crate::journey::Journey;

/// Hears what happens while a plan is applied, shows it, and keeps what was done.
pub(super) struct Doing {
    sink: Sink,
    done: Mutex<Vec<Step>>,
}

impl Doing {
    pub(super) fn new(journey: &Journey) -> Self {
        Doing { sink: journey.sink().clone(), done: Mutex::default() }
    }

    pub(super) fn hear(&self, progress: Progress) {
        match progress {
            Progress::Began(step) => self.sink.send(Event::Started(step.to_string())),
            Progress::Pulling { reference, done, total } => {
                self.sink.send(Event::Progress { done, total, what: format!("bytes of `{reference}`") });
            }
            Progress::Building(line) => self.sink.send(Event::Started(line)),
            Progress::Done(step) => self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(step),
        }
    }

    /// Puts what was done into the report, whether all went well or not.
    pub(super) fn tell(self, journey: &mut Journey) {
        for step in self.done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            tell(journey, &step, true);
        }
    }
}

/// Puts into the report what would be done.
pub(super) fn announce(journey: &mut Journey, plan: &Plan) {
    for step in &plan.steps {
        tell(journey, step, false);
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

fn tell(journey: &mut Journey, step: &Step, done: bool) {
    let container = |name: &str| format!("container {name}");
    let (path, kind) = match step {
        Step::PullImage { reference } => (format!("image {reference}"), ChangeKind::Changed),
        Step::BuildImage { tag, .. } => (format!("image {tag}"), ChangeKind::Changed),
        Step::CreateNetwork { name } => (format!("network {name}"), ChangeKind::Created),
        Step::MergeNetworks { name } => (format!("network {name}"), ChangeKind::Changed),
        Step::Create { name, .. } => (container(name), ChangeKind::Created),
        Step::Replace { name, because, .. } => {
            for difference in because {
                journey.note(format!("`{name}`: {difference}"));
            }
            (container(name), ChangeKind::Changed)
        }
        Step::Settle { name, .. } => (container(name), ChangeKind::Changed),
        Step::Start { container: one } | Step::Resume { container: one } | Step::Restart { container: one, .. } => {
            (container(&one.name), ChangeKind::Changed)
        }
        Step::Remove { container: one, .. } => (container(&one.name), ChangeKind::Removed),
        Step::RemoveNetwork { name } => (format!("network {name}"), ChangeKind::Removed),
    };
    journey.changed(Change { path, kind, done, service: None });
}
