//! Makes every target hold what the source of truth says.

use auth_core::SourceOfTruth;
use report::{Failure, FailureKind, Report, Sink};
use settings::{Settings, World};
use token_sync::{ChangeKind, Plan, Reading, Target};

use crate::{
    checks,
    journey::Journey,
    setup::{self, DEFAULT_USER},
    subject::{Source, Subject, disk_failure, open_workspace},
};

/// How to sync.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Show what would change, redacted, and change nothing.
    pub dry_run: bool,
}

/// Writes the targets of each service, all or none; those that are right are not touched.
pub async fn run(services: &[Settings], world: &World, options: Options, sink: &Sink) -> Report {
    let mut journey = Journey::new("sync", world, sink);
    let stopped = journey.each(services, async |journey, settings| steps(journey, settings, world, options).await).await;
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, settings: &Settings, world: &World, options: Options) -> Result<(), Failure> {
    let mut workspace = open_workspace(settings, world)?;
    let subject = Subject::new(settings, world)?;
    let source = source(&subject)?;
    let targets = settings.targets(source)?;
    let plan = plan(source, &targets)?;
    if options.dry_run {
        for step in plan.steps().iter().filter(|step| step.kind() != ChangeKind::Unchanged) {
            let what = if step.kind() == ChangeKind::Created { "would create" } else { "would change" };
            journey.note(format!("{what} `{}`", settings.shown(step.path())));
        }
        for target in targets.iter().filter(|target| !target.read().holds(source.token())) {
            journey.note(format!("{} ({})", settings.shown(target.path()), target.dialect()));
            journey.note(format!("  - {} = {}", name(target), seen(settings, target)));
            journey.note(format!("  + {} = token {}", name(target), source.token().fingerprint(&settings.fingerprint_key())));
        }
        for check in checks::QUICK {
            journey.check(check, &subject).await;
        }
        return Ok(());
    }
    setup::apply(journey, settings, &mut workspace, plan)?;
    drop(workspace);
    let subject = Subject::new(settings, world)?;
    for check in checks::QUICK {
        journey.check(check, &subject).await;
    }
    Ok(())
}

/// The source of truth that the targets are written from.
pub(super) fn source<'a>(subject: &'a Subject<'_>) -> Result<&'a SourceOfTruth, Failure> {
    match &subject.source {
        Source::Known(source) => Ok(source),
        Source::Broken(error) => Err(disk_failure(error)),
        Source::Absent => {
            let place = subject.settings.shown(subject.settings.source.value.path());
            Err(Failure::new(FailureKind::Settings, format!("there is no source of truth at `{place}`"))
                .hint("make one with `genai-auth setup --comfy-dir DIR`, or name the project's folder with `--project DIR`"))
        }
    }
}

/// What to write so that `targets` hold what the source says.
pub(super) fn plan(source: &SourceOfTruth, targets: &[Target]) -> Result<Plan, Failure> {
    let user = source.user().unwrap_or(DEFAULT_USER);
    Plan::make(source.token(), user, targets).map_err(|error| disk_failure(&error))
}

fn name(target: &Target) -> &str {
    target.key().unwrap_or("token")
}

/// What stands there now, without showing it.
fn seen(settings: &Settings, target: &Target) -> String {
    match target.read() {
        Reading::Token(token, _) => format!("token {}", token.fingerprint(&settings.fingerprint_key())),
        Reading::Absent => "no file".to_owned(),
        Reading::Empty => "nothing".to_owned(),
        Reading::NotAToken(error) => error.to_string(),
        Reading::Refused(fault) => format!("refused by its reader at {fault}"),
        Reading::Unreadable(error) => error.to_string(),
    }
}
