//! From a source of truth to its files: one way to plan, to tell and to write, for every journey that writes.

use auth_core::{HashFault, Shape, SourceOfTruth};
use report::{Change, Failure, FailureKind};
use settings::{Settings, World};
use token_sync::{ChangeKind, ErrorKind, GitView, Plan, Target, Workspace};

use crate::{
    credential,
    journey::Journey,
    subject::{Source, Subject, disk_failure},
};

/// What makes every target of `source` hold its token. A source whose token is visibly damaged is not spread.
pub(crate) fn targets(settings: &Settings, world: &World, source: &SourceOfTruth) -> Result<Plan, Failure> {
    these(settings, world, source, &settings.targets(source)?)
}

/// The same for some of them.
pub(crate) fn these(settings: &Settings, world: &World, source: &SourceOfTruth, targets: &[Target]) -> Result<Plan, Failure> {
    with_backups(settings, world, unbacked(settings, source, targets)?)
}

/// The same for all of them, and the source itself.
pub(crate) fn all(settings: &Settings, world: &World, source: &SourceOfTruth) -> Result<Plan, Failure> {
    let plan = unbacked(settings, source, &settings.targets(source)?)?.with_source(&settings.source.value, source);
    with_backups(settings, world, plan.map_err(|error| disk_failure(&error))?)
}

fn unbacked(settings: &Settings, source: &SourceOfTruth, targets: &[Target]) -> Result<Plan, Failure> {
    if let Shape::NotBcrypt(HashFault::Mangled(mangling)) = source.token().shape() {
        let place = settings.shown(settings.source.value.path());
        return Err(Failure::new(FailureKind::Settings, format!("the token in `{place}` is {mangling}"))
            .hint(mangling.hint())
            .hint(
                "or take a good one with `genai-tokens unify --from PLACE`, or make a fresh one with `genai-auth setup --rotate`",
            )
            .hint("nothing was written"));
    }
    Plan::make(source.token(), &credential::user_of(source, targets), targets).map_err(|error| disk_failure(&error))
}

/// Copies of what is replaced, if the project wants them.
fn with_backups(settings: &Settings, world: &World, plan: Plan) -> Result<Plan, Failure> {
    let Some(backups) = &settings.rules.backups.value else { return Ok(plan) };
    plan.with_backups(backups, world.clock.now(), |path| GitView::ask("git", path)).map_err(|error| match error.kind() {
        ErrorKind::Exposed => {
            disk_failure(&error).hint("the folder is `folder` below `[backups]` in genai.toml; nothing was written")
        }
        _ => disk_failure(&error),
    })
}

/// The source of truth on file.
pub(crate) fn source(settings: &Settings) -> Result<SourceOfTruth, Failure> {
    let place = settings.shown(settings.source.value.path());
    match settings.source.value.load() {
        Ok(Some(source)) => Ok(source),
        Ok(None) => Err(Failure::new(FailureKind::Settings, format!("there is no source of truth at `{place}`"))
            .hint("make one with `genai-auth setup --comfy-dir DIR`, or name the project's folder with `--project DIR`")),
        Err(error) => Err(disk_failure(&error)),
    }
}

/// Refuses to write over a source of truth that can't be read.
pub(crate) fn refuse_broken(subject: &Subject<'_>) -> Result<(), Failure> {
    match &subject.source {
        Source::Broken(error) => {
            Err(disk_failure(error).hint("nothing was written; mend the file, or move it away and run the same command again"))
        }
        _ => Ok(()),
    }
}

/// Says what `plan` would do.
pub(crate) fn announce(journey: &mut Journey, settings: &Settings, plan: &Plan) {
    for step in plan.steps() {
        journey.changed(change(settings.shown(step.path()), step.kind(), false));
    }
}

/// Writes source and targets, all or none, and says what changed.
pub(crate) fn apply(journey: &mut Journey, settings: &Settings, workspace: &mut Workspace, plan: Plan) -> Result<(), Failure> {
    let applied = workspace.apply(plan).map_err(|error| disk_failure(&error))?;
    let backups = settings.rules.backups.value.as_ref();
    let (copies, changes): (Vec<_>, Vec<_>) =
        applied.changes.into_iter().partition(|change| backups.is_some_and(|backups| backups.is_copy(&change.path)));
    for one in changes {
        journey.changed(change(settings.shown(&one.path), one.kind, true));
    }
    // The last copy of a plan tells which of them is which file.
    if let Some(index) = copies.last() {
        journey.note(format!("kept copies of what was replaced: `{}` says which is which", settings.shown(&index.path)));
    }
    if let Some(error) = applied.unfinished {
        journey.note(format!("all is written, but not all is cleared away ({error}); the next command does it"));
    }
    Ok(())
}

fn change(path: String, kind: ChangeKind, done: bool) -> Change {
    let kind = match kind {
        ChangeKind::Unchanged => report::ChangeKind::Kept,
        ChangeKind::Created => report::ChangeKind::Created,
        ChangeKind::Updated => report::ChangeKind::Changed,
    };
    Change { path, kind, done, service: None }
}
