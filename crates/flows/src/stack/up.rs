//! Brings the project up: looks before it starts anything, writes PASSWORD if it is missing, makes what differs, waits until it is well,
//! and proves that the server is closed without the token and open with it.

use std::{path::Path, time::Duration};

use auth_core::TargetEntry;
use docker_ops::{Plan, Wish};
use report::{Failure, Report, Sink};
use settings::{Settings, World};
use token_sync::Dialect;

use super::{Stack, doing, failure, lock, preflight, proof, redact::Redaction};
use crate::{checks, journey::Journey, subject::disk_failure, writing};

/// How to bring it up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// How long to wait until all is well.
    pub timeout: Duration,
    /// Build images even if they are there.
    pub build: bool,
    /// Make containers anew even if they differ in nothing.
    pub recreate: bool,
    /// Remove containers of services that nobody wrote down.
    pub remove_orphans: bool,
    /// Go on where the engine's machine can't be looked at before the start.
    pub allow_unseen: bool,
}

/// Brings it up. Run again, it changes nothing and proves again.
pub async fn run(stack: &Stack<'_>, world: &World, options: &Options, sink: &Sink) -> Report {
    let mut journey = Journey::new("up", world, sink);
    let stopped = steps(&mut journey, stack, world, options).await.err();
    journey.end(stopped)
}

async fn steps(journey: &mut Journey, stack: &Stack<'_>, world: &World, options: &Options) -> Result<(), Failure> {
    let spec = stack.spec()?;
    journey.about("project", &spec.project);
    let wish = Wish { build: options.build, recreate: options.recreate, remove_orphans: options.remove_orphans, ..stack.wish() };
    let lock = if options.dry_run { None } else { Some(lock(&spec, world).await?) };
    let seen = stack.engine.observe(&spec).await.map_err(|error| failure(&error))?;
    // What is in the way, or is no service, is told before all else.
    let plan = Plan::up(&spec, &seen, &wish).map_err(|error| failure(&error))?;
    journey.section("Before the start");
    preflight::run(journey, stack, world, &spec, &seen, options.allow_unseen).await?;
    if !journey.is_well() {
        journey.note("nothing was changed");
        return Ok(());
    }

    journey.section("Containers");
    let facts = stack.engine.facts().await.map_err(|error| failure(&error))?;
    // Folders of another machine are not ours to write into.
    for settings in stack.chosen().filter(|_| stack.engine.is_local()) {
        let name = &settings.service.value;
        let service = &spec.services[name];
        let Some(path) = preflight::password_file(service) else { continue };
        if password(journey, settings, world, &path, options.dry_run)? && !options.dry_run {
            let held = checks::held_password(&settings.file_at(path.clone()));
            preflight::readable(journey, &path, &held, preflight::identity(&facts, name, service, &seen)).await;
        }
    }
    if !journey.is_well() {
        journey.note("PASSWORD was written, and no container was touched");
        return Ok(());
    }
    // Of the secrets as they are now: a PASSWORD may just have been written.
    let redaction = Redaction::of(stack.services)?;
    doing::name_orphans(journey, &plan, wish.remove_orphans);
    if options.dry_run {
        doing::announce(journey, Some(&redaction), &plan);
        return Ok(());
    }
    let doing = doing::Doing::new(journey, Some(redaction.clone()));
    let ended = stack.engine.bring_up(&spec, &wish, &|progress| doing.hear(progress)).await;
    doing.tell(journey);
    if ended.as_ref().is_ok_and(|done| done.steps.is_empty()) {
        journey.note("all is as it must be: nothing was changed");
    }
    drop(lock);
    let whose = if ended.is_ok() { proof::Whose::All } else { proof::Whose::Started };
    let proven = proof::run(journey, stack, world, &spec, &seen, options.timeout, whose).await;
    ended.map_err(|error| redacted(failure(&error), &redaction))?;
    proven
}

/// What an engine refuses may repeat what a container said last.
fn redacted(failure: Failure, redaction: &Redaction) -> Failure {
    let text = |text: &String| redaction.text(text);
    Failure {
        message: text(&failure.message),
        causes: failure.causes.iter().map(text).collect(),
        hints: failure.hints.iter().map(text).collect(),
        ..failure
    }
}

/// Writes PASSWORD where it is missing, and names it in the source of truth, so that a rotation reaches it. Whether it was missing.
fn password(journey: &mut Journey, settings: &Settings, world: &World, path: &Path, dry_run: bool) -> Result<bool, Failure> {
    if !matches!(checks::held_password(&settings.file_at(path.to_owned())), checks::Held::Nothing) {
        return Ok(false);
    }
    let workspace = if dry_run { None } else { Some(journey.workspace(settings, world)?) };
    let source = writing::source(settings)?;
    let known = source.targets().iter().any(|target| settings.place(&target.path) == path);
    let source = if known {
        source
    } else {
        let entry = TargetEntry::new(settings.shown(path), Dialect::LoginPassword.name(), None);
        let targets = [source.targets(), &[entry]].concat();
        source.with_targets(targets)
    };
    let targets: Vec<_> = settings.targets(&source)?.into_iter().filter(|target| target.path() == path).collect();
    let plan = writing::these(settings, world, &source, &targets)?;
    let plan = plan.with_source(&settings.source.value, &source).map_err(|error| disk_failure(&error))?;
    match workspace {
        Some(mut workspace) => writing::apply(journey, settings, &mut workspace, plan)?,
        None => writing::announce(journey, settings, &plan),
    }
    Ok(true)
}
