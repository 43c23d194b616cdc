//! Brings the project up: looks before it starts anything, writes PASSWORD if it is missing, makes what differs, waits until it is well,
//! and proves that the server is closed without the token and open with it.

use std::{
    future::{Future, ready},
    path::Path,
    time::Duration,
};

use auth_core::TargetEntry;
use docker_ops::{Observed, Plan, StackSpec, Step, Unproven, Wish};
use report::{Failure, Report, Sink};
use settings::{Settings, World};
use token_sync::Dialect;

use super::{Stack, doing, failure, preflight, proof, redact::Redaction};
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

/// Brings it up. Run again, it changes nothing and proves again. Once `stop` is over it comes to its end, after a last look at what it
/// started.
pub async fn run(stack: &Stack<'_>, world: &World, options: &Options, stop: impl Future<Output = ()>, sink: &Sink) -> Report {
    let mut journey = Journey::new("up", world, sink);
    let timeout = (!options.dry_run).then_some(options.timeout);
    let start = async |journey: &mut Journey, spec: &StackSpec, unproven: &Unproven| {
        start(journey, stack, world, spec, unproven, options).await
    };
    let stopped = proof::after(&mut journey, stack, world, timeout, stop, start).await.err();
    journey.end(stopped)
}

/// Whether all of it was started.
async fn start(
    journey: &mut Journey,
    stack: &Stack<'_>,
    world: &World,
    spec: &StackSpec,
    unproven: &Unproven,
    options: &Options,
) -> Result<bool, Failure> {
    let wish = Wish { build: options.build, recreate: options.recreate, remove_orphans: options.remove_orphans, ..stack.wish() };
    let mut seen = stack.engine.observe(spec).await.map_err(|error| failure(&error))?;
    // What is in the way, or is no service, is told before all else.
    let plan = Plan::up(spec, &seen, &wish).map_err(|error| failure(&error))?;
    // One that another comes in place of is judged no more: its faults may be why.
    seen.images.retain(|name, _| !plan.brings(spec.services[name].image.reference()));
    journey.section("Before the start");
    proof::askable(journey, stack, world)?;
    preflight::run(journey, stack, world, spec, &seen, options.allow_unseen).await?;
    if !journey.is_well() {
        journey.note("nothing was changed");
        return Ok(false);
    }

    journey.section("Containers");
    // Folders of another machine are not ours to write into.
    for settings in stack.chosen().filter(|_| stack.engine.is_local()) {
        let Some(path) = preflight::password_file(&spec.services[&settings.service.value]) else { continue };
        if password(journey, settings, world, &path, options.dry_run)? {
            preflight::readable_by(journey, stack, spec, &seen, settings).await?;
        }
    }
    if !journey.is_well() {
        journey.note(match options.dry_run {
            true => "PASSWORD would be written, and no container touched",
            false => "PASSWORD was written, and no container was touched",
        });
        return Ok(false);
    }
    // Of the secrets as they are now: a PASSWORD may just have been written.
    let redaction = Redaction::of(stack.services)?;
    doing::name_orphans(journey, &plan, wish.remove_orphans);
    if options.dry_run {
        doing::announce(journey, Some(&redaction), &plan);
        return Ok(false);
    }
    let doing = doing::Doing::new(journey, unproven.clone(), Some(redaction.clone()));
    let ended = bring(journey, stack, spec, &seen, &wish, &doing).await;
    doing.tell(journey);
    match ended {
        Ok(Some(done)) if done.is_empty() => journey.note("all is as it must be: nothing was changed"),
        Ok(Some(_)) => {}
        Ok(None) => {
            journey.note("the images are there, and no container was touched");
            return Ok(false);
        }
        Err(failure) => return Err(redacted(failure, &redaction)),
    }
    Ok(true)
}

/// Brings the images, and then the containers: what was done, or nothing where a new image must not run so, or its user could not use
/// the folders or read PASSWORD.
async fn bring(
    journey: &mut Journey,
    stack: &Stack<'_>,
    spec: &StackSpec,
    before: &Observed,
    wish: &Wish,
    doing: &doing::Doing,
) -> Result<Option<Vec<Step>>, Failure> {
    let hear = |progress| doing.hear(progress);
    let mut done = stack.engine.bring_images(spec, wish, &hear).await.map_err(|error| failure(&error))?;
    // What came since the look before, whoever brought it.
    let mut seen = stack.engine.observe(spec).await.map_err(|error| failure(&error))?;
    seen.images.retain(|name, image| before.images.get(name) != Some(image));
    if !seen.images.is_empty() {
        journey.found(ready(checks::stack_sound(&spec.check_images(&seen.images)))).await;
        for settings in stack.chosen().filter(|one| stack.engine.is_local() && seen.images.contains_key(&one.service.value)) {
            preflight::suits(journey, stack, spec, &seen, settings).await?;
        }
        if !journey.is_well() {
            return Ok(None);
        }
    }
    let plan = stack.engine.bring_containers(spec, wish, &hear).await.map_err(|error| failure(&error))?;
    done.extend(plan.steps);
    Ok(Some(done))
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
