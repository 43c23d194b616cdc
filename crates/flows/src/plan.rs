//! What to write for a source of truth: every target, the source itself, and copies of what is replaced if they are wanted.

use auth_core::SourceOfTruth;
use report::Failure;
use settings::{Settings, World};
use token_sync::{ErrorKind, GitView, Plan};

use crate::{setup::DEFAULT_USER, subject::disk_failure};

/// `source` and every target that it names, all or none.
pub(crate) fn of_all(settings: &Settings, world: &World, source: &SourceOfTruth) -> Result<Plan, Failure> {
    let plan = make(settings, source)?.with_source(&settings.source.value, source).map_err(|error| disk_failure(&error))?;
    with_backups(settings, world, plan)
}

/// Every target that `source` names.
pub(crate) fn of_targets(settings: &Settings, world: &World, source: &SourceOfTruth) -> Result<Plan, Failure> {
    with_backups(settings, world, make(settings, source)?)
}

fn make(settings: &Settings, source: &SourceOfTruth) -> Result<Plan, Failure> {
    let targets = settings.targets(source)?;
    Plan::make(source.token(), source.user().unwrap_or(DEFAULT_USER), &targets).map_err(|error| disk_failure(&error))
}

fn with_backups(settings: &Settings, world: &World, plan: Plan) -> Result<Plan, Failure> {
    let Some(backups) = &settings.rules.backups.value else { return Ok(plan) };
    plan.with_backups(backups, world.clock.now(), |path| GitView::ask("git", path)).map_err(|error| match error.kind() {
        ErrorKind::Exposed => {
            disk_failure(&error).hint("the folder is `folder` below `[backups]` in genai.toml; nothing was written")
        }
        _ => disk_failure(&error),
    })
}
