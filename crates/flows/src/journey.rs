//! A running journey: its findings so far, its clock, its sink.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use report::{Change, Event, Failure, Finding, Outcome, Report, Sink};
use settings::{Settings, World};
use token_sync::Workspace;
use tokio::time::Instant;

use crate::{
    checks::Check,
    subject::{Subject, open_workspace, told},
};

pub(crate) struct Journey {
    report: Arc<Mutex<Report>>,
    sink: Sink,
    began: Instant,
    service: Option<String>,
}

impl Journey {
    pub(crate) fn new(name: &str, world: &World, sink: &Sink) -> Self {
        let report = Arc::new(Mutex::new(Report::new(name, world.clock.now())));
        Self { report, sink: sink.clone(), began: Instant::now(), service: None }
    }

    pub(crate) fn about(&mut self, name: &str, value: impl Into<String>) {
        let about = (name.to_owned(), value.into());
        let mut report = self.report();
        if !report.subject.contains(&about) {
            report.subject.push(about);
        }
    }

    /// Takes `steps` for each service. What stops one service doesn't stop the next; the first failure is returned.
    pub(crate) async fn each(
        &mut self,
        services: &[Settings],
        mut steps: impl AsyncFnMut(&mut Self, &Settings) -> Result<(), Failure>,
    ) -> Option<Failure> {
        let mut first = None;
        for settings in services {
            let name = &settings.service.value;
            let prefix = if services.len() > 1 { format!("{name}.") } else { String::new() };
            self.about(&format!("{prefix}url"), settings.shown_url());
            if services.len() > 1 {
                self.service = Some(name.clone());
                self.section(&format!("Service {name}"));
            } else {
                self.service = None;
                self.about("service", name);
            }
            if let Err(mut failure) = steps(self, settings).await {
                failure.service.clone_from(&self.service);
                if services.len() > 1 {
                    self.sink.send(Event::Stopped(failure.clone()));
                }
                match first {
                    None => first = Some(failure),
                    Some(_) => self.report().also_stopped.push(failure),
                }
            }
        }
        first
    }

    /// The same journey, for a service that is looked at beside the one whose turn it is.
    pub(crate) fn beside(&self, service: &str) -> Self {
        let (report, sink) = (Arc::clone(&self.report), self.sink.clone());
        Self { report, sink, began: self.began, service: Some(service.to_owned()) }
    }

    pub(crate) fn section(&self, title: &str) {
        self.sink.send(Event::Section(title.to_owned()));
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.report().notes.push(text.clone());
        self.sink.send(Event::Note(text));
    }

    pub(crate) fn changed(&mut self, change: Change) {
        let change = Change { service: self.service.clone(), ..change };
        self.report().changes.push(change.clone());
        self.sink.send(Event::Changed(change));
    }

    pub(crate) fn started(&self, what: &str) {
        self.sink.send(Event::Started(what.to_owned()));
    }

    pub(crate) fn sink(&self) -> &Sink {
        &self.sink
    }

    /// What the checks look at; says so if a stopped run's work had to be ended first.
    pub(crate) fn subject<'a>(&mut self, settings: &'a Settings, world: &'a World) -> Result<Subject<'a>, Failure> {
        let subject = Subject::new(settings, world)?;
        if let Some(recovery) = &subject.recovered {
            self.note(told(recovery));
        }
        Ok(subject)
    }

    /// Locks the project's secrets; says so if a stopped run's work had to be ended first.
    pub(crate) fn workspace(&mut self, settings: &Settings, world: &World) -> Result<Workspace, Failure> {
        let workspace = open_workspace(settings, world)?;
        if let Some(recovery) = workspace.recovered() {
            self.note(told(recovery));
        }
        Ok(workspace)
    }

    /// Runs several checks of the registry.
    pub(crate) async fn checks(&mut self, checks: &[&Check], subject: &Subject<'_>) {
        for check in checks {
            self.check(check, subject).await;
        }
    }

    /// Runs a check of the registry; how it ended.
    pub(crate) async fn check(&mut self, check: &Check, subject: &Subject<'_>) -> Outcome {
        self.found(async { check.run(subject).await }).await
    }

    /// Runs what ends in a finding; how it ended.
    pub(crate) async fn found(&mut self, finding: impl Future<Output = Finding>) -> Outcome {
        let began = Instant::now();
        let finding = finding.await;
        self.found_since(began, finding)
    }

    /// Takes a finding that was looked for since `began`; how it ended.
    pub(crate) fn found_since(&mut self, began: Instant, mut finding: Finding) -> Outcome {
        finding.took = Some(began.elapsed());
        finding.service.clone_from(&self.service);
        self.sink.send(Event::Found(Box::new(finding.clone())));
        let outcome = finding.outcome.clone();
        self.report().findings.push(finding);
        outcome
    }

    /// Whether nothing failed and nothing is unknown so far.
    pub(crate) fn is_well(&self) -> bool {
        self.report().verdict() == report::Verdict::Well
    }

    pub(crate) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// The report; `stopped` if the journey could not go on to its end.
    pub(crate) fn end(self, stopped: Option<Failure>) -> Report {
        Report { took: self.took(), stopped, ..self.report().clone() }
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
